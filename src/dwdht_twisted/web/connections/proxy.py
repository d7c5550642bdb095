"""
Connections of a proxy, which begin with a header that tells the address of the client.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
    ITCPTransport,
)
from twisted.logger import Logger
from twisted.protocols.haproxy import proxyEndpoint
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from zope.interface import implementer


def behindProxy(endpoint: IStreamServerEndpoint) -> IStreamServerEndpoint:
    """Return an endpoint for connections with the header of a proxy."""
    return proxyEndpoint(_Guarded(endpoint))


class _Connection(ProtocolWrapper):
    """
    A connection that is closed at a malformed header.

    Twisted closes it, too, but for some headers by an exception, which it logs with its traceback.
    """

    _log = Logger()

    def dataReceived(self, data: bytes) -> None:
        """Pass data on."""
        try:
            super().dataReceived(data)
        except ValueError as error:
            # A number of the header is none, or a part of it isn't text.
            self._log.debug("malformed header of a proxy: {reason}", reason=error)
            ITCPTransport(self.transport).abortConnection()


class _Connections(WrappingFactory):
    """The connections of an endpoint."""

    noisy = False
    protocol = _Connection


@implementer(IStreamServerEndpoint)
class _Guarded:
    """An endpoint whose connections are closed at an error of the data."""

    def __init__(self, endpoint: Any) -> None:
        self._endpoint = endpoint

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """See ``IStreamServerEndpoint.listen``."""
        listening: Deferred[IListeningPort] = self._endpoint.listen(_Connections(protocolFactory))
        return listening
