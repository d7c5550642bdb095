"""
Listening TCP ports of the in-memory network.
"""

from __future__ import annotations

from errno import EADDRINUSE
from os import strerror
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IProtocol
from twisted.internet.protocol import Factory
from twisted.python.failure import Failure
from zope.interface import implementer

from ..addresses import ANY, isLoopback
from .connection import MemoryConnection
from .table import StreamNetwork


def _ignore(reason: Failure) -> None:
    """Take the end of a connection for which nobody waits."""


@implementer(IListeningPort)
class MemoryStreamPort:
    """
    A listening port, as `HostReactor.listenTCP` returns it.

    :ivar reactor: the reactor of the port's host
    :ivar host: the IPv4 address of that host
    :ivar factory: makes the protocols of the server
    :ivar interface: the address that the port is bound to; empty for all addresses of its host
    """

    def __init__(
        self, network: StreamNetwork, reactor: Any, number: int, *, factory: Factory, interface: str
    ) -> None:
        self.reactor = reactor
        self.host: str = reactor.host
        self.factory = factory
        self.interface = interface
        self._network = network
        self._number = number
        self._closing: Deferred[None] | None = None

    def __repr__(self) -> str:
        return f"<MemoryStreamPort {self.host}:{self._number} of {self.factory!r}>"

    @property
    def _key(self) -> tuple[str, int]:
        return self.host, self._number

    def startListening(self) -> None:
        """
        Open the port.

        :raises CannotListenError: when the host has an open TCP port of this number
        """
        if self._key in self._network.streams.ports:
            taken = OSError(EADDRINUSE, strerror(EADDRINUSE))
            raise CannotListenError(self.interface, self._number, taken)
        self.factory.doStart()
        self._network.streams.ports[self._key] = self

    def stopListening(self) -> Deferred[None] | None:
        """
        Accept no more connections.  Open ones go on.

        :return: fires on the next turn of the clock; None when the port was closed already
        """
        if self._closing is None and self._isOpen():
            self._closing = Deferred()
            self._network.clock.callLater(0, self._close)
        return self._closing

    def _close(self) -> None:
        if self._isOpen():
            self.connectionLost()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Close the port at once.  The shutdown of a host calls this."""
        closing, self._closing = self._closing, None
        self.abandon()
        self.factory.doStop()
        if closing is not None:
            closing.callback(None)

    def abandon(self) -> None:
        """Close the port without telling the factory, as when a process is killed."""
        del self._network.streams.ports[self._key]

    def _isOpen(self) -> bool:
        return self._network.streams.ports.get(self._key) is self

    def getHost(self) -> IPv4Address:
        """The address that the port is bound to, ``0.0.0.0`` when it was given no interface."""
        return IPv4Address("TCP", self.interface or ANY, self._number)

    def accepts(self, source: str) -> bool:
        """Whether the port accepts a connection from a host."""
        if self._closing is not None:
            return False
        return self.interface in ("", ANY) or isLoopback(self.interface) is isLoopback(source)

    def join(self, client: MemoryConnection, addresses: tuple[tuple[str, int], ...]) -> None:
        """
        Make the end of the server of a new connection.

        :param client: the end of the client
        :param addresses: host and port of the server's end, then those of the client's
        """
        own, peer = addresses
        end = MemoryConnection(self._network, self.reactor, (own, peer), ended=_ignore)

        def accept() -> IProtocol | None:
            if not self._isOpen():
                return None
            return self.factory.buildProtocol(IPv4Address("TCP", *peer))

        client.join(end, accept)


__all__ = ["MemoryStreamPort"]
