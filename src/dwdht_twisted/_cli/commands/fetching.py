"""
Fetching the status of a node that is served over HTTP.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

from OpenSSL import SSL
from twisted.internet import ssl
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectError
from twisted.internet.protocol import Protocol, connectionDone
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
        self._agent = Agent(
            reactor, BrowserLikePolicyForHTTPS(trust), CONNECT_TIMEOUT, pool=self._pool
        )

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


class _Body(Protocol):
    """Collects the body of an answer, up to `MAXIMUM_STATUS_BYTES`."""

    transport: Any

    def __init__(self, done: Deferred[bytes]) -> None:
        self._done = done
        self._content = bytearray()

    def dataReceived(self, data: bytes) -> None:
        self._content += data
        if len(self._content) > MAXIMUM_STATUS_BYTES:
            self._end(Failure(OSError(f"the answer has more than {MAXIMUM_STATUS_BYTES} bytes")))
            self.transport.abortConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        # A server may close the connection instead of telling the length.
        isDone = reason.check(ResponseDone, PotentialDataLoss)
        self._end(bytes(self._content) if isDone else reason)

    def _end(self, result: bytes | Failure) -> None:
        if not self._done.called:
            self._done.callback(result)


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
