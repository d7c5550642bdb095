"""
Fetching the status of a node that is served over HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from OpenSSL import SSL
from twisted.internet import ssl
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint, wrapClientTLS
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IProtocolFactory, IStreamClientEndpoint, ITCPTransport
from twisted.internet.protocol import Protocol, connectionDone
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.python import usage
from twisted.python.failure import Failure
from twisted.web.client import (
    Agent,
    BrowserLikePolicyForHTTPS,
    HTTPConnectionPool,
    ResponseDone,
    ResponseFailed,
)
from twisted.web.http import PotentialDataLoss
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory
from zope.interface import implementer

from ...web.bounds import MAXIMUM_STATUS_BYTES
from ..command import CommandFailed

#: The time that connecting may take, in seconds.
CONNECT_TIMEOUT = 10.0


def readURL(text: str) -> str:
    """
    Read the address of a server: a URL, or ``HOST:PORT``.

    :return: the URL of the status
    :raises usage.UsageError: when the text is neither
    """
    url = text if "://" in text else f"http://{text}"
    try:
        parts = urlsplit(url)
        # Reading the port raises an error when it isn't a number.
        isUsable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        isUsable = isUsable and url.isascii() and url.isprintable() and " " not in url
    except ValueError:
        isUsable = False
    if not isUsable:
        raise usage.UsageError(f"{text!r} is not a URL such as http://localhost:8080")
    path = parts.path.rstrip("/")
    return f"{parts.scheme}://{parts.netloc}{path or '/status'}"


class StatusFetcher:
    """
    Fetches the status of one node.

    :param url: the URL of the status
    :param token: sent as a bearer token; None for no token
    :param authorities: certificates in PEM that the server's certificate is checked with; None for
        those of the operating system
    :raises usage.UsageError: when the certificates can't be read
    """

    def __init__(
        self, reactor: Any, url: str, *, token: str | None, authorities: bytes | None
    ) -> None:
        self._url = url
        self._headers = Headers({"Accept": ["application/json"]})
        if token is not None:
            self._headers.setRawHeaders("Authorization", [f"Bearer {token}"])
        self._pool = HTTPConnectionPool(reactor)
        trust = ssl.platformTrust() if authorities is None else _trust(authorities)
        servers = _Servers(reactor, BrowserLikePolicyForHTTPS(trust))
        self._agent = Agent.usingEndpointFactory(reactor, servers, self._pool)

    async def fetch(self) -> dict[str, Any]:
        """
        Fetch the status.

        :raises CommandFailed: when there is no answer, or it is no status
        """
        try:
            response = await self._agent.request(b"GET", self._url.encode("ascii"), self._headers)
            body: Deferred[bytes] = Deferred()
            response.deliverBody(_Body(body))
            content = await body
        except (ConnectError, ResponseFailed, OSError, SSL.Error) as error:
            raise CommandFailed(f"{self._url}: {_reasonOf(error)}") from None
        if response.code != 200:
            raise CommandFailed(f"{self._url}: the server answers {response.code}")
        try:
            status = json.loads(content)
        except (ValueError, RecursionError):
            status = None
        if not isinstance(status, dict):
            raise CommandFailed(f"{self._url}: the answer is not the status of a node")
        return status

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.closeCachedConnections()


@implementer(IAgentEndpointFactory)
class _Servers:
    """
    Connects to servers whose answers have a bound.

    :param policy: makes the TLS of a connection
    """

    def __init__(self, reactor: Any, policy: BrowserLikePolicyForHTTPS) -> None:
        self._reactor = reactor
        self._policy = policy

    def endpointForURI(self, uri: Any) -> _Bounded:
        """See ``IAgentEndpointFactory``."""
        endpoint: Any = HostnameEndpoint(self._reactor, uri.host, uri.port, CONNECT_TIMEOUT)
        if uri.scheme == b"https":
            creator = self._policy.creatorForNetloc(uri.host, uri.port)
            endpoint = wrapClientTLS(creator, endpoint)
        return _Bounded(endpoint)


@implementer(IStreamClientEndpoint)
class _Bounded:
    """An endpoint to whose server each answer has a bound."""

    def __init__(self, endpoint: Any) -> None:
        self._endpoint = endpoint

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[Any]:
        """See ``IStreamClientEndpoint.connect``."""
        connected: Deferred[_Connection] = self._endpoint.connect(_Connections(protocolFactory))
        return connected.addCallback(lambda connection: connection.wrappedProtocol)


class _Connection(ProtocolWrapper):
    """
    A connection that is closed when the headers and the body of an answer have more than
    `MAXIMUM_STATUS_BYTES`.  The body alone would have no bound in its headers.
    """

    _received = 0

    def writeSequence(self, data: Iterable[bytes]) -> None:
        """Write a request, whose answer is counted anew."""
        self._received = 0
        super().writeSequence(data)

    def dataReceived(self, data: bytes) -> None:
        """Pass on a part of an answer."""
        self._received += len(data)
        if self._received > MAXIMUM_STATUS_BYTES:
            ITCPTransport(self.transport).abortConnection()
        else:
            super().dataReceived(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Tell why the connection was closed."""
        if self._received > MAXIMUM_STATUS_BYTES:
            reason = Failure(OSError(f"the answer has more than {MAXIMUM_STATUS_BYTES} bytes"))
        super().connectionLost(reason)


class _Connections(WrappingFactory):
    """The connections to a server."""

    noisy = False
    protocol = _Connection


class _Body(Protocol):
    """Collects the body of an answer."""

    def __init__(self, done: Deferred[bytes]) -> None:
        self._done = done
        self._content = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._content += data

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # A server may close the connection instead of telling the length.
        isDone = reason.check(ResponseDone, PotentialDataLoss)
        self._done.callback(bytes(self._content) if isDone else reason)


def _trust(authorities: bytes) -> Any:
    begin = b"-----BEGIN CERTIFICATE-----"
    try:
        found = [ssl.Certificate.loadPEM(begin + each) for each in authorities.split(begin)[1:]]
    except SSL.Error:
        found = []
    if not found:
        raise usage.UsageError("--ca: the file has no certificate in PEM")
    return ssl.trustRootFromCertificates(found)


def _reasonOf(error: Exception) -> str:
    """The innermost reason of a failure, in words."""
    if isinstance(error, ResponseFailed) and error.reasons:
        return _reasonOf(error.reasons[0].value)
    if isinstance(error, SSL.Error):
        details = error.args[0] if error.args else ()
        reasons = [each[-1] for each in details if each] if isinstance(details, list) else []
        return ", ".join(reasons) or "TLS failed"
    return str(error) or type(error).__name__
