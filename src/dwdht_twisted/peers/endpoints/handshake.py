"""
TLS for the attempts of a connection.

``wrapClientTLS`` of Twisted connects the protocol before the handshake.  Then a server with a wrong
certificate would win, and its failure would end the connection.  Here an attempt succeeds after its
handshake, so a server with a wrong certificate fails like one that refuses the connection.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionAborted
from twisted.internet.interfaces import (
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

    :ivar done: fires with that protocol; fails when the connection ends before
    """

    #: The transport is that of TLS, which has more methods.
    transport: Any

    def __init__(self, factory: IProtocolFactory) -> None:
        self._factory = factory
        self._protocol: IProtocol | None = None
        self.done: Deferred[IProtocol] = Deferred(lambda _: self.transport.abortConnection())

    def handshakeCompleted(self) -> None:
        """Make the protocol and connect it.  TLS calls this."""
        protocol = self._factory.buildProtocol(self.transport.getPeer())
        if protocol is None or self.done.called:
            self.transport.abortConnection()
            return
        self._protocol = protocol
        protocol.makeConnection(self.transport)
        if IHandshakeListener.providedBy(protocol):
            protocol.handshakeCompleted()
        self.done.callback(protocol)

    def dataReceived(self, data: bytes) -> None:
        """Pass data on."""
        if self._protocol is not None:
            self._protocol.dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Pass the end on, or fail."""
        if self._protocol is not None:
            self._protocol.connectionLost(reason)
        elif not self.done.called:
            self.done.errback(reason or Failure(ConnectionAborted()))


def connectTLS(endpoint: IStreamClientEndpoint, factory: IProtocolFactory) -> Deferred[IProtocol]:
    """
    Connect through an endpoint that ``wrapClientTLS`` made, and wait for the handshake.

    :return: as that of ``IStreamClientEndpoint.connect``
    """
    connected: Deferred[Any] = endpoint.connect(
        Factory.forProtocol(lambda: HandshakeWaiter(factory))
    )
    return connected.addCallback(lambda waiter: waiter.done)


__all__ = ["connectTLS"]
