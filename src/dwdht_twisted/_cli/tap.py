"""
``twistd dwdht``: a node as a program of its own.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from twisted.python import usage

from .._core.wire import ID_BYTES, isIPv4
from ..errors import DHTError
from ..interfaces import IValueStore
from ..service import DHTService
from ..values import MemoryStore, SQLiteStore
from .options import BootstrapOptions, readHex, readNumber

_SQLITE = "sqlite:"


class Options(BootstrapOptions):
    """
    The command line of ``twistd dwdht``.

    Once parsed, ``port`` is a number, ``id`` is 32 bytes or None, ``bootstrap`` a list of addresses.
    """

    synopsis = "[options]"
    longdesc = (
        "Runs a node of a DHT that speaks the protocol of dht-rpc 2. It keeps values for others, "
        "as told by --store; `dwdht put` and `dwdht get` store and find them."
    )

    optFlags = [
        ["ephemeral", None, "Serve, but take no part in routing: what a bootstrap server does."],
    ]
    optParameters = [
        ["port", None, "0", "The UDP port to listen on; 0 takes a free one."],
        ["interface", None, None, "The IPv4 address to listen on; all by default."],
        ["id", None, None, "The node's id, as 64 hexadecimal digits; random by default."],
        ["store", None, "memory", "Where values are kept: memory, none, or sqlite:PATH."],
    ]

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Read the command line.

        Under ``twistd`` a mistake ends the process with one line, for ``twistd`` itself would print
        all its options first.

        :raises usage.UsageError: when there is a mistake in it
        """
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            if self.parent is None:
                raise
            sys.exit(f"twistd dwdht: {error}")

    def parseArgs(self, *arguments: str) -> None:
        """Refuse what isn't an option."""
        if arguments:
            raise usage.UsageError(f"unexpected argument: {arguments[0]}")

    def postOptions(self) -> None:
        """Check the options, and turn them into what the node takes."""
        self["port"] = readNumber(self["port"], "--port", 0, 65535)
        if self["interface"] is not None and not isIPv4(self["interface"]):
            raise usage.UsageError(
                f"--interface must be an IPv4 address, not {self['interface']!r}"
            )
        if self["id"] is not None:
            self["id"] = readHex(self["id"], "--id", ID_BYTES)
        if not _isStore(self["store"]):
            raise usage.UsageError(
                f"--store must be memory, none, or sqlite:PATH, not {self['store']!r}"
            )


def makeService(options: Options) -> DHTService:
    """Make the service that ``twistd`` runs."""
    from twisted.internet import reactor

    return TwistdService(
        reactor,
        port=options["port"],
        interface=options["interface"] or "",
        store=_storeMaker(options["store"], reactor),
        bootstrap=options["bootstrap"],
        id=options["id"],
        ephemeral=bool(options["ephemeral"]),
    )


def _isStore(given: str) -> bool:
    return given in ("memory", "none") or (given.startswith(_SQLITE) and given != _SQLITE)


def _storeMaker(given: str, reactor: Any) -> Callable[[], IValueStore] | None:
    if given == "none":
        return None
    if given == "memory":
        return lambda: MemoryStore(reactor.seconds)
    return lambda: SQLiteStore(reactor, given[len(_SQLITE) :])


class _CannotStart(SystemExit, Exception):
    """
    Ends the process with one line.

    An ``Exception`` as well, for ``twistd`` removes its pid file and tells the parent of a daemon
    after these only.
    """


@contextmanager
def _inOneLine() -> Iterator[None]:
    try:
        yield
    except DHTError as error:
        raise _CannotStart(f"twistd dwdht: {error}") from None


class TwistdService(DHTService):
    """A service that is the whole of a process, and ends it when it can't start."""

    def privilegedStartService(self) -> None:
        with _inOneLine():
            super().privilegedStartService()

    def startService(self) -> None:
        with _inOneLine():
            super().startService()
