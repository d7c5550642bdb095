"""
Connections of the in-memory network that are being made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.base import BaseConnector
from twisted.internet.error import ConnectionRefusedError, TCPTimedOutError
from twisted.internet.interfaces import IConnector
from twisted.internet.protocol import ClientFactory
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..addresses import LOOPBACK, isIPv4, isLocal
from ..failures import failuresLogged
from .connection import MemoryConnection
from .port import MemoryStreamPort
from .table import Segment, StreamNetwork


@implementer(IConnector)
class MemoryConnector(BaseConnector):
    """
    Makes a connection, as `HostReactor.connectTCP` does.

    :param reactor: the reactor of the client's host
    :param own: the port of the client's end
    :param destination: the host, which may be a name, and the port to connect to
    :param timeout: seconds until the attempt fails; None for no limit
    """

    def __init__(
        self,
        network: StreamNetwork,
        reactor: Any,
        factory: ClientFactory,
        *,
        own: int,
        destination: tuple[str, int],
        timeout: float | None,
    ) -> None:
        super().__init__(factory, timeout, reactor)  # type: ignore[arg-type]
        self._network = network
        self._own = own
        self._destination = destination

    def _makeTransport(self) -> Any:
        return _Attempt(self._network, self, self._own, destination=self._destination)

    def getDestination(self) -> IPv4Address:
        """The address to connect to."""
        return IPv4Address("TCP", *self._destination)


class _Attempt:
    """
    One attempt of a connector.

    It takes the place of a transport in ``BaseConnector`` until the connection is made.
    """

    _log = Logger()

    def __init__(
        self,
        network: StreamNetwork,
        connector: MemoryConnector,
        own: int,
        *,
        destination: tuple[str, int],
    ) -> None:
        self._network = network
        self._connector = connector
        self._reactor: Any = connector.reactor
        self._own = own
        self._port = destination[1]
        self._hasEnded = False
        name = destination[0]
        if isIPv4(name):
            self._request(name)
        else:
            resolved = self._reactor.resolve(name)
            resolved.addCallbacks(self._request, self._fail)

    def _request(self, host: str) -> None:
        if self._hasEnded:
            return
        own = self._reactor.host
        source = LOOPBACK if isLocal(host) else own
        target = own if isLocal(host) else host

        def timedOut() -> None:
            self._fail(Failure(TCPTimedOutError()))

        def arrived() -> None:
            port = self._network.streams.ports.get((target, self._port))
            if port is not None and port.accepts(source):
                answer(lambda: self._connected(port, source, host))
            elif self._network.hasHost(target):
                answer(lambda: self._fail(Failure(ConnectionRefusedError())))

        def answer(arrive: Callable[[], object]) -> None:
            Segment(self._network, target, own, arrive=arrive, fail=timedOut)

        Segment(self._network, own, target, arrive=arrived, fail=timedOut)

    def _connected(self, port: MemoryStreamPort, source: str, host: str) -> None:
        connector = self._connector
        if self._hasEnded or not self._reactor.running:
            return
        if source not in (LOOPBACK, self._reactor.host):
            # The answer went to the address that the host had when it asked.
            return
        self._hasEnded = True
        client, server = (source, self._own), (host, self._port)
        end = MemoryConnection(
            self._network, self._reactor, (client, server), ended=connector.connectionLost
        )
        connector.transport = end  # type: ignore[assignment]
        port.join(end, (server, client))
        end.acknowledgeConnection()
        protocol = None
        with failuresLogged(self._log, "a factory raised an exception"):
            protocol = connector.buildProtocol(end.getPeer())
        end.begin(protocol)

    def _fail(self, reason: Failure) -> None:
        if not self._hasEnded:
            self._hasEnded = True
            if self._reactor.running:
                self._connector.connectionFailed(reason)

    def failIfNotConnected(self, error: BaseException) -> None:
        """Give the attempt up; ``BaseConnector`` calls this after the time-out, too."""
        self._fail(Failure(error))

    def loseConnection(self) -> None:
        """Do nothing: there is no connection yet."""


__all__ = ["MemoryConnector"]
