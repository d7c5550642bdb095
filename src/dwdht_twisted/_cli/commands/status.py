"""
``dwdht status``: the status of a node that is served over HTTP.
"""

from __future__ import annotations

from shutil import get_terminal_size
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.python import usage

from ..._clock import clockOf
from ..command import CommandFailed, TimedCommand
from ..console import Console
from ..drawing.screen import Screen
from ..drawing.style import Style
from .fetching import StatusFetcher, readURL

#: The server that is asked if none is given.
DEFAULT_URL = "http://localhost:8080"

#: The time between two looks of ``--watch``, in seconds, as that of the page.
INTERVAL = 2.0

#: The time that an answer may take without ``--timeout``, in seconds.  Larger: ``--watch``
#: shows an old status longer when the server hangs.  Smaller: a slow line has no time for the
#: status of a busy node, which has a megabyte.
ANSWER_TIMEOUT = 30.0

# The control sequences that go to the first line, and erase what is below (ECMA-48: CUP, ED).
_TOP = "\x1b[H"
_ERASE_BELOW = "\x1b[J"
_ERASE_ALL = "\x1b[2J"


class Status(TimedCommand):
    """Show a node that is served over HTTP."""

    synopsis = "[options] [URL]"
    longdesc = (
        "Shows the node that a server of --http serves at URL, http://localhost:8080 by default: "
        "its health, its contacts by distance, its store and its latest lookups. --watch shows it "
        "every two seconds until interrupted, with rates. With --json, the status is an object on "
        "a line. An answer may take 30 seconds unless --timeout is given."
    )
    optFlags = [["watch", None, "Show it again every two seconds."]]
    optParameters = [
        ["token-file", None, None, "A file with the token of the server, if it asks for one."],
        ["ca", None, None, "A file with the certificates, in PEM, to check an https: server with."],
    ]

    def parseArgs(self, url: str = DEFAULT_URL) -> None:
        """Read the URL."""
        self["url"] = readURL(url)

    def postOptions(self) -> None:
        """Read the files."""
        super().postOptions()
        if self["timeout"] is None:
            self["timeout"] = ANSWER_TIMEOUT
        token = _read("--token-file", self["token-file"])
        authorities = _read("--ca", self["ca"])
        try:
            self["token"] = None if token is None else token.decode("ascii").strip()
        except UnicodeDecodeError:
            raise usage.UsageError("--token-file: the token is not ASCII") from None
        self["authorities"] = authorities

    async def run(self, reactor: Any, console: Console) -> None:
        """Show the status, once or again and again."""
        fetcher = StatusFetcher(
            reactor, self["url"], token=self["token"], authorities=self["authorities"]
        )
        screen = Screen(Style.of(console))
        isFirst = True
        try:
            while True:
                status = await self.inTime(reactor, Deferred.fromCoroutine(fetcher.fetch()))
                self._show(status, screen, console, isFirst=isFirst)
                isFirst = False
                if not self["watch"]:
                    return
                await deferLater(clockOf(reactor), INTERVAL)
        except CancelledError:
            # The user has seen enough.
            if isFirst or not self["watch"]:
                raise
        finally:
            await fetcher.close()

    def _show(
        self, status: dict[str, Any], screen: Screen, console: Console, *, isFirst: bool
    ) -> None:
        try:
            if self["json"]:
                console.record(**status)
                return
            lines = screen.lines(status)
        except (
            LookupError,
            TypeError,
            ValueError,
            AttributeError,
            ArithmeticError,
            RecursionError,
        ):
            raise CommandFailed(f"{self['url']}: the answer is not the status of a node") from None
        if self["watch"] and console.isTerminal:
            # More lines than the terminal has would scroll, and the health out of sight.  The last
            # line is that of the cursor.
            lines = lines[: max(1, get_terminal_size().lines - 1)]
            # Each line erases the rest of its former content, so that nothing flickers.
            lines = [f"{line}\x1b[K" for line in lines]
            lines[0] = f"{_ERASE_ALL if isFirst else ''}{_TOP}{lines[0]}"
            lines[-1] += _ERASE_BELOW
        elif not isFirst:
            lines = ["", *lines]
        console.drawing(lines)


def _read(option: str, path: str | None) -> bytes | None:
    if path is None:
        return None
    try:
        with open(path, "rb") as file:
            return file.read()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise usage.UsageError(f"{option}: cannot read {path!r}: {reason}") from None
