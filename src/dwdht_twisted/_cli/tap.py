"""
``twistd dwdht``: a node as a program of its own.

`NodeOptions` and `makeNodeService` are shared with ``dwdht node``, which needs no ``twistd``.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from os.path import join
from typing import Any, NoReturn, cast

from twisted.internet.interfaces import IReactorCore
from twisted.python import usage

from .._core.limits import RateLimit
from .._core.limits.bounds import (
    CONTACTS_PER_HOST,
    MAXIMUM_CONTACTS_PER_HOST,
    REQUEST_BURST,
    REQUEST_RATE,
)
from .._core.wire import ID_BYTES, isIPv4
from .._state import VALUES_FILE
from ..errors import DHTError
from ..interfaces import IValueStore
from ..service import DHTService
from ..values import MemoryStore, SQLiteStore
from ..values.stores.bounds import DEFAULT_MAXIMUM_AGE, DEFAULT_MAXIMUM_BYTES
from .options import BootstrapOptions, readHex, readMultiple, readNumber
from .running.hangup import callOnHangup
from .running.http import HTTPOptions
from .running.logs import replaceLogOfTwistd
from .running.process import ProcessOptions, takeSignals
from .running.security import SecurityOptions
from .systemd import NotifyingService

#: The highest ``--rate-limit``, in requests a second: far more than a node can serve.  A higher
#: number is taken for a mistake.  ``--rate-limit none`` sets no limit.
MAXIMUM_RATE = 1_000_000

#: The units of ``--store-size``, in bytes.
SIZE_UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3}

#: The lowest and the highest ``--store-size``.  A smaller store holds less than 50 of the largest
#: values.  A larger number is taken for a mistake.
SIZES = ("64K", "1024G")

#: The units of ``--store-age``, in seconds.
TIME_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}

#: The lowest and the highest ``--store-age``.  With a shorter age, a value expires before another
#: node finds it.  A longer age is taken for a mistake.
AGES = ("1m", "365d")

_SQLITE = "sqlite:"


class NodeOptions(ProcessOptions, HTTPOptions, SecurityOptions, BootstrapOptions):
    """
    The options of a node that is a program of its own.

    After `parseOptions`, ``port`` is a number, ``id`` is 32 bytes or None, ``bootstrap`` is a list
    of `Address`, ``rate-limit`` is a `RateLimit` or None, ``contacts-per-host`` is a number,
    ``store-size`` is in bytes, and ``store-age`` is in seconds.
    """

    synopsis = "[options]"
    longdesc = (
        "Runs a node of a DHT that speaks the protocol of dht-rpc 2. The node keeps values for "
        "others in the store of --store; `dwdht put` and `dwdht get` store and find values. It "
        "keeps announcements, too; `dwdht announce` and `dwdht lookup` make and find them."
    )

    alternatives = ({"ephemeral", "member"},)

    optFlags = [
        ["ephemeral", None, "Serve without being listed by others, as a bootstrap server does."],
        [
            "member",
            None,
            "Be listed by others from the start. By default, a node on the public internet is "
            "listed once it was reachable for three minutes.",
        ],
        ["no-peers", None, "Keep no announcements of peers for others."],
    ]
    optParameters = [
        ["port", None, "0", "The UDP port to listen on; 0 takes a free one."],
        ["interface", None, None, "The IPv4 address to listen on; all by default."],
        ["id", None, None, "The node's id, as 64 hexadecimal digits; random by default."],
        [
            "rate-limit",
            None,
            f"{REQUEST_RATE:.0f}",
            "The most requests a second that are served for one host in the long run; three times "
            "as many may come at once. none means no limit. Raise it when many nodes share an "
            "address, as behind a proxy or the NAT of a carrier.",
        ],
        [
            "contacts-per-host",
            None,
            str(CONTACTS_PER_HOST),
            "The most nodes of one public address that are listed. Raise it at all nodes of a "
            "network that has more nodes on one address, such as a cloud machine or a NAT.",
        ],
        [
            "state",
            None,
            None,
            "The folder in which the node's id, its contacts and its values are kept over a "
            "restart; it is made if it is missing. Without it, nothing is kept but the values of "
            "sqlite:PATH.",
        ],
        [
            "store",
            None,
            None,
            "Where values are kept: memory, none, or sqlite:PATH. By default in the folder of "
            "--state, and in memory without it.",
        ],
        [
            "store-size",
            None,
            None,
            "The size that the store may reach, in bytes or with K, M or G; 64M by default. The "
            "oldest values of who holds the largest share are dropped first.",
        ],
        [
            "store-age",
            None,
            None,
            "How long a value is kept after it was last put, in seconds or with m, h or d; 1d by "
            "default.",
        ],
        [
            "summary",
            None,
            "none",
            "The time between two lines of the log that sum up what the node has done, in seconds "
            "or with m, h or d; none for no such line.",
        ],
    ]

    def opt_version(self) -> NoReturn:
        """Display the version of this package and exit."""
        from .. import __version__

        sys.stdout.write(f"dwdht_twisted {__version__}\n")
        sys.exit(0)

    def parseArgs(self, *arguments: str) -> None:
        """Refuse arguments: there are only options."""
        if arguments:
            raise usage.UsageError(f"unexpected argument: {arguments[0]}")

    def postOptions(self) -> None:
        """Check the options, and convert them to the arguments of `DHTNode`."""
        super().postOptions()
        self["port"] = readNumber(self["port"], "--port", 0, 65535)
        if self["interface"] is not None and not isIPv4(self["interface"]):
            raise usage.UsageError(
                f"--interface must be an IPv4 address, not {self['interface']!r}"
            )
        if self["id"] is not None:
            self["id"] = readHex(self["id"], "--id", ID_BYTES)
            if self["certificate"] is not None:
                raise usage.UsageError(
                    "give --id or --certificate, not both: the id of a member is that of its "
                    "certificate"
                )
        if self["state"] == "":
            raise usage.UsageError("--state must be a folder, not ''")
        if self["store"] is None:
            state = self["state"]
            self["store"] = f"{_SQLITE}{join(state, VALUES_FILE)}" if state else "memory"
        if self["ephemeral"] and self["member"]:
            raise usage.UsageError("give --ephemeral or --member, not both")
        if not _isStore(self["store"]):
            raise usage.UsageError(
                f"--store must be memory, none, or sqlite:PATH, not {self['store']!r}"
            )
        self.readHTTP()
        self["rate-limit"] = _readRateLimit(self["rate-limit"])
        self["contacts-per-host"] = readNumber(
            self["contacts-per-host"], "--contacts-per-host", 1, MAXIMUM_CONTACTS_PER_HOST
        )
        summary = self["summary"]
        self["summary"] = (
            None if summary == "none" else readMultiple(summary, "--summary", TIME_UNITS, *AGES)
        )
        self._readBound("store-size", DEFAULT_MAXIMUM_BYTES, SIZE_UNITS, *SIZES)
        self._readBound("store-age", DEFAULT_MAXIMUM_AGE, TIME_UNITS, *AGES)

    def _readBound(
        self, name: str, default: float, units: dict[str, int], lowest: str, highest: str
    ) -> None:
        text = self[name]
        if text is None:
            self[name] = default
        elif self["store"] == "none":
            raise usage.UsageError(f"--{name} has no effect with --store none")
        else:
            self[name] = readMultiple(text, f"--{name}", units, lowest, highest)


class Options(NodeOptions):
    """The command line of ``twistd dwdht``."""

    opt_h = usage.Options.opt_help

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Read the command line.

        Under ``twistd``, a mistake ends the process with one line.  After a UsageError, ``twistd``
        would print its own help before the error.

        :raises usage.UsageError: when the command line has a mistake, outside of ``twistd``
        :raises SystemExit: when the command line has a mistake, under ``twistd``
        """
        try:
            super().parseOptions(options)
            if self.parent is not None:
                replaceLogOfTwistd(self)
        except usage.UsageError as error:
            if self.parent is None:
                raise
            sys.exit(f"twistd dwdht: {error}")


def makeService(options: Options) -> DHTService:
    """
    The service that ``twistd`` runs.

    :raises SystemExit: when it can't be made, for example because the file of a key can't be read
    """
    from twisted.internet import reactor

    with _inOneLine():
        made = makeNodeService(options, reactor, TwistdService)
    # The reactor handles some signals itself once it runs.
    cast(IReactorCore, reactor).callWhenRunning(takeSignals, reactor, options)
    callOnHangup(options.readKeysAgain)
    return made


def makeNodeService(
    options: NodeOptions, reactor: Any, service: type[DHTService] = NotifyingService
) -> DHTService:
    """
    Make the service of a node.

    :param service: the class of the service
    """
    return service(
        reactor,
        port=options["port"],
        interface=options["interface"] or "",
        store=_storeMaker(options, reactor),
        state=options["state"],
        peers=not options["no-peers"],
        http=options["http"],
        summary=options["summary"],
        bootstrap=options["bootstrap"],
        id=options["id"],
        ephemeral=bool(options["ephemeral"]),
        adaptive=not options["ephemeral"] and not options["member"],
        rateLimit=options["rate-limit"],
        contactsPerHost=options["contacts-per-host"],
        security=options.security,
    )


def _isStore(given: str) -> bool:
    return given in ("memory", "none") or (given.startswith(_SQLITE) and given != _SQLITE)


def _storeMaker(options: NodeOptions, reactor: Any) -> Callable[[], IValueStore] | None:
    given: str = options["store"]
    maximumBytes: int = options["store-size"]
    maximumAge: float = options["store-age"]
    if given == "none":
        return None
    if given == "memory":
        return lambda: MemoryStore(reactor, maximumBytes=maximumBytes, maximumAge=maximumAge)
    return lambda: SQLiteStore(
        reactor, given[len(_SQLITE) :], maximumBytes=maximumBytes, maximumAge=maximumAge
    )


def _readRateLimit(text: str) -> RateLimit | None:
    if text == "none":
        return None
    rate = readNumber(text, "--rate-limit, unless it is none,", 1, MAXIMUM_RATE)
    return RateLimit(rate, rate * REQUEST_BURST / REQUEST_RATE)


class _CannotStart(SystemExit, Exception):
    """
    Ends the process with one line.

    It is an ``Exception`` as well as a ``SystemExit``.  After an ``Exception``, ``twistd`` removes
    its pid file and reports the failure to the parent process of a daemon.  After a mere
    ``SystemExit`` it does neither.
    """


@contextmanager
def _inOneLine() -> Iterator[None]:
    try:
        yield
    except DHTError as error:
        raise _CannotStart(f"twistd dwdht: {error}") from None


class TwistdService(NotifyingService):
    """A service that is a process of its own, and ends the process if it can't start."""

    def privilegedStartService(self) -> None:
        with _inOneLine():
            super().privilegedStartService()

    def startService(self) -> None:
        with _inOneLine():
            super().startService()
