"""
TLS for the attempts of a connection.

``wrapClientTLS`` of Twisted connects the protocol before the handshake.  Then a server with a wrong
certificate would win, and its failure would end the connection.  Here an attempt succeeds after its
handshake, so a server with a wrong certificate fails like one that refuses the connection.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted, NoProtocol
from twisted.internet.interfaces import (
    IAddress,
    IHandshakeListener,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer


@implementer(IHandshakeListener)
class HandshakeWaiter(Protocol):
    """
    The protocol of a TLS connection until the end of the handshake.  Then it passes everything to
    the protocol of a factory.

    :ivar done: fires with that protocol; fails when the connection ends before, and with what the
        factory or its protocol raises
    """

    #: The transport is that of TLS, which has more methods.
    transport: Any

    def __init__(self, factory: IProtocolFactory) -> None:
        self._factory = factory
        self._protocol: IProtocol | None = None
        self.done: Deferred[IProtocol] = Deferred(lambda _: self.transport.abortConnection())

    def handshakeCompleted(self) -> None:
        """Make the protocol and connect it.  TLS calls this."""
        if self.done.called:
            self.transport.abortConnection()
            return
        try:
            protocol = self._connect()
        except Exception:
            # TLS would log the error, and the attempt would never end.
            self._protocol = None
            self.done.errback(Failure())
            self.transport.abortConnection()
        else:
            self.done.callback(protocol)

    def _connect(self) -> IProtocol:
        """Make the protocol, and return it connected."""
        protocol = self._factory.buildProtocol(self.transport.getPeer())
        if protocol is None:
            raise NoProtocol()
        self._protocol = protocol
        protocol.makeConnection(self.transport)
        if IHandshakeListener.providedBy(protocol):
            protocol.handshakeCompleted()
        return protocol

    def dataReceived(self, data: bytes) -> None:
        """Pass data on."""
        if self._protocol is not None:
            self._protocol.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Pass the end on, or fail."""
        if not self.done.called:
            self.done.errback(reason or Failure(ConnectionAborted()))
        elif self._protocol is not None:
            self._protocol.connectionLost(reason)


class HandshakeFactory(Factory):
    """
    Makes the protocol that waits for the handshake, and tells the user's factory when it begins to
    be used, and when it ends.

    :param factory: the user's factory
    """

    def __init__(self, factory: IProtocolFactory) -> None:
        self._factory = factory

    def doStart(self) -> None:
        """Tell the user's factory."""
        self._factory.doStart()

    def doStop(self) -> None:
        """Tell the user's factory."""
        self._factory.doStop()

    def buildProtocol(self, addr: IAddress | None) -> HandshakeWaiter:
        """Make the protocol of a connection."""
        return HandshakeWaiter(self._factory)


def connectTLS(endpoint: IStreamClientEndpoint, factory: IProtocolFactory) -> Deferred[IProtocol]:
    """
    Connect through an endpoint that ``wrapClientTLS`` made, and wait for the handshake.

    :return: as that of ``IStreamClientEndpoint.connect``
    """
    waiting: Any = HandshakeFactory(factory)
    connected: Deferred[Any] = endpoint.connect(waiting)
    return connected.addCallback(lambda waiter: waiter.done)


__all__ = ["connectTLS"]
