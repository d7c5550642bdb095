"""
``twistd dwdht``: a node as a program of its own.

`NodeOptions` and `makeNodeService` are shared with ``dwdht node``, which needs no ``twistd``.
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


class NodeOptions(BootstrapOptions):
    """
    The options of a node that is a program of its own.

    After `parseOptions`, ``port`` is a number, ``id`` is 32 bytes or None, and ``bootstrap`` is a
    list of `Address`.
    """

    synopsis = "[options]"
    longdesc = (
        "Runs a node of a DHT that speaks the protocol of dht-rpc 2. It keeps values for others, "
        "where --store says; `dwdht put` and `dwdht get` store and find them."
    )

    optFlags = [
        ["ephemeral", None, "Serve without being listed by others, as a bootstrap server does."],
    ]
    optParameters = [
        ["port", None, "0", "The UDP port to listen on; 0 takes a free one."],
        ["interface", None, None, "The IPv4 address to listen on; all by default."],
        ["id", None, None, "The node's id, as 64 hexadecimal digits; random by default."],
        ["store", None, "memory", "Where values are kept: memory, none, or sqlite:PATH."],
    ]

    def parseArgs(self, *arguments: str) -> None:
        """Refuse arguments: there are only options."""
        if arguments:
            raise usage.UsageError(f"unexpected argument: {arguments[0]}")

    def postOptions(self) -> None:
        """Check the options, and convert them to the arguments of `DHTNode`."""
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


class Options(NodeOptions):
    """The command line of ``twistd dwdht``."""

    opt_h = usage.Options.opt_help

    def parseOptions(self, options: Sequence[str] | None = None) -> None:
        """
        Read the command line.

        Under ``twistd`` a mistake ends the process with one line.  If it raised, ``twistd`` would
        print its own help before the error.

        :raises usage.UsageError: when there is a mistake in it, and ``twistd`` isn't the parent
        :raises SystemExit: when there is a mistake in it, and ``twistd`` is
        """
        try:
            super().parseOptions(options)
        except usage.UsageError as error:
            if self.parent is None:
                raise
            sys.exit(f"twistd dwdht: {error}")


def makeService(options: Options) -> DHTService:
    """The service that ``twistd`` runs."""
    from twisted.internet import reactor

    return makeNodeService(options, reactor, TwistdService)


def makeNodeService(
    options: NodeOptions, reactor: Any, service: type[DHTService] = DHTService
) -> DHTService:
    """
    Make the service of a node.

    :param service: the class of the service
    """
    return service(
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
        return lambda: MemoryStore(reactor)
    return lambda: SQLiteStore(reactor, given[len(_SQLITE) :])


class _CannotStart(SystemExit, Exception):
    """
    Ends the process with one line.

    It is an ``Exception`` as well as a ``SystemExit``: only after an ``Exception`` does ``twistd``
    remove its pid file and report the failure to the parent process of a daemon.
    """


@contextmanager
def _inOneLine() -> Iterator[None]:
    try:
        yield
    except DHTError as error:
        raise _CannotStart(f"twistd dwdht: {error}") from None


class TwistdService(DHTService):
    """A service that is a process of its own, and ends the process if it can't start."""

    def privilegedStartService(self) -> None:
        with _inOneLine():
            super().privilegedStartService()

    def startService(self) -> None:
        with _inOneLine():
            super().startService()
