"""
Which requests are refused: those that a foreign page has made, and writes without a proof.

A browser sends requests for any page that is open in it.  Two rules keep the pages of others out:

* ``Host`` must be an IP address, ``localhost``, or a name that the operator has given.  The name of
  an attacker's page, which was bound to another address after the page was loaded, is none of them.
* ``Origin`` must be that of this server, and ``Sec-Fetch-Site`` must not be ``cross-site``.
"""

from __future__ import annotations

import re
from hmac import compare_digest
from http import HTTPStatus
from ipaddress import ip_address

from twisted.web.server import Request

from .._files.regular import readRegularFile, reasonOf
from ..errors import CannotListen
from .answers import Problem
from .settings import HTTPSettings

#: The least length of a token, in bytes.  Smaller: it can be guessed.
MINIMUM_TOKEN_BYTES = 16

#: The methods that change nothing.
_READING = (b"GET", b"HEAD")

#: A ``Host`` header in lower case: a name or an address, and a port (RFC 9110, section 7.2).
_HOST = re.compile(
    r"(?:(?P<literal>\[[0-9a-f:.]+(?:%[0-9a-z._~-]+)?\])|[0-9a-z._-]{1,254})(?::(?P<port>[0-9]{0,5}))?"
)

#: What ``Sec-Fetch-Site`` says of a request that another site's page has made.
_FOREIGN = ("cross-site", "same-site")

#: The headers of a request that a proxy has forwarded (RFC 7239, and the customary one).
_FORWARDED = (b"Forwarded", b"X-Forwarded-For", b"Via")


class Access:
    """
    Decides which requests are refused.

    :param settings: who may write
    :ivar isLocal: whether only this machine reaches the server
    :raises CannotListen: when the file of the token can't be read, or the token is too short or not
        a line of text
    """

    def __init__(self, settings: HTTPSettings) -> None:
        self.isLocal = False
        self._hosts = frozenset(name.lower().rstrip(".") for name in settings.hosts)
        self._tokenFile = settings.tokenFile
        self._hasClientCA = settings.clientCA is not None
        self._token: bytes | None = None
        self.reload()

    def reload(self) -> None:
        """
        Read the token again.

        :raises CannotListen: when the file can't be read, or the token is too short or not a line;
            the earlier token then stays
        """
        if self._tokenFile is None:
            return
        try:
            token = readRegularFile(self._tokenFile).content.strip()
        except (OSError, ValueError) as error:
            raise CannotListen(
                f"the token in {self._tokenFile!r} can't be read: {reasonOf(error)}"
            ) from error
        if len(token) < MINIMUM_TOKEN_BYTES:
            raise CannotListen(
                f"the token in {self._tokenFile!r} has {len(token)} bytes; "
                f"{MINIMUM_TOKEN_BYTES} are required"
            )
        if any(byte < 0x20 or byte == 0x7F for byte in token):
            # No header could carry it, so every write would be refused.
            raise CannotListen(f"the token in {self._tokenFile!r} is not one line of text")
        self._token = token

    @property
    def writing(self) -> str:
        """What a writer needs: ``"nothing"``, ``"token"``, ``"certificate"``; or ``"refused"``."""
        if self._hasClientCA:
            return "certificate"
        if self._token is not None:
            return "token"
        return "nothing" if self.isLocal else "refused"

    def check(self, request: Request) -> None:
        """
        Refuse what a foreign page has made.

        :raises Problem: when the request is refused
        """
        host = self._checkHost(request)
        origin = _header(request, b"Origin")
        if origin is not None and (not host or origin.partition("://")[2].lower() != host):
            raise Problem(HTTPStatus.FORBIDDEN, "pages of other origins are refused")
        site = _header(request, b"Sec-Fetch-Site")
        if site in _FOREIGN and not _isLink(request):
            raise Problem(HTTPStatus.FORBIDDEN, "pages of other sites are refused")

    def checkWrite(self, request: Request) -> None:
        """
        Refuse a write without a proof of who makes it.

        :raises Problem: when the request is refused
        """
        writing = self.writing
        if writing == "refused":
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "writes are refused, because this server is reached from other machines and has "
                "neither --http-token-file nor --http-client-ca",
            )
        if writing == "nothing" and any(_headers(request, name) for name in _FORWARDED):
            raise Problem(
                HTTPStatus.FORBIDDEN,
                "writes through a proxy are refused, because this server has neither "
                "--http-token-file nor --http-client-ca",
            )
        # Without a certificate of the right kind, no request comes through a server with a CA.
        if writing != "token":
            return
        kind, _, given = (_header(request, b"Authorization") or "").partition(" ")
        assert self._token is not None
        if kind.lower() != "bearer" or not compare_digest(_bytes(given.strip()), self._token):
            request.setHeader("WWW-Authenticate", "Bearer")
            raise Problem(HTTPStatus.UNAUTHORIZED, "a write needs the header Authorization: Bearer")

    def _checkHost(self, request: Request) -> str:
        given = _headers(request, b"Host")
        if not given and request.clientproto == b"HTTP/1.0":
            # Some programs that check whether a server is there send none.  Browsers always do.
            return ""
        if len(given) != 1:
            raise Problem(HTTPStatus.BAD_REQUEST, "a request has one Host header")
        host = given[0].lower()
        name = host[1:].partition("]")[0] if host[:1] == "[" else host.partition(":")[0]
        if not (self._isNamed(name.rstrip(".")) or _isIPAddress(name)):
            raise Problem(
                HTTPStatus.MISDIRECTED_REQUEST,
                "this server has no such name; --http-host gives it one",
            )
        found = _HOST.fullmatch(host)
        if (
            found is None
            or not (
                found["literal"] or all(0 < len(each) < 64 for each in name.rstrip(".").split("."))
            )
            or int(found["port"] or 0) > 65535
        ):
            raise Problem(HTTPStatus.BAD_REQUEST, "the Host header is a name, and a port if any")
        return host

    def _isNamed(self, name: str) -> bool:
        return name == "localhost" or name.endswith(".localhost") or name in self._hosts


def _isLink(request: Request) -> bool:
    """Whether a person follows a link.  A page loads a frame by itself, so a frame is none."""
    isNavigation = _header(request, b"Sec-Fetch-Mode") == "navigate"
    isWhole = _header(request, b"Sec-Fetch-Dest") in (None, "document")
    return request.method in _READING and isNavigation and isWhole


def _headers(request: Request, name: bytes) -> list[str]:
    # A client may send any bytes.  Those that aren't UTF-8 match nothing, and come back as they
    # were from `_bytes`.
    values = request.requestHeaders.getRawHeaders(name) or []
    return [value.decode("utf-8", "surrogateescape") for value in values]


def _header(request: Request, name: bytes) -> str | None:
    return next(iter(_headers(request, name)), None)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _isIPAddress(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
