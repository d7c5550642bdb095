"""
The endpoint at which a node is served, from its description.

Two kinds are read here and not by Twisted: ``ssl:``, because its certificate is read again while it
is open, and ``haproxy:``, because Twisted would log what strangers send there.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Any, NamedTuple

from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IStreamServerEndpoint

from ...errors import CannotListen
from ..settings import HTTPSettings, quoteArgument, splitEndpoint
from .proxy import behindProxy
from .tls import CertificateFiles, Certificates

#: The address to listen on by default when nobody has to prove who they are, for each kind.
LOOPBACK = {"ssl": "127.0.0.1", "tcp": "127.0.0.1", "tcp6": "::1"}

#: The kind of an endpoint that a proxy connects to.
PROXIED = "haproxy"


class Description(NamedTuple):
    """
    The description of an endpoint, read.

    :ivar kind: its first part
    :ivar named: the arguments that have a name, and their values
    :ivar endpoint: listens for connections, without TLS
    :ivar isConfined: whether the description names no interface, and loopback was chosen
    """

    kind: str
    named: dict[str, str]
    endpoint: IStreamServerEndpoint
    isConfined: bool


class Opening(NamedTuple):
    """
    What is opened.

    :ivar endpoint: listens for connections
    :ivar certificates: encrypts them; None if they are not encrypted here
    :ivar isConfined: whether the description names no interface, and loopback was chosen
    :ivar isProxied: whether a proxy connects, which speaks for clients on any machine
    """

    endpoint: IStreamServerEndpoint
    certificates: Certificates | None
    isConfined: bool
    isProxied: bool


def openingOf(reactor: Any, settings: HTTPSettings) -> Opening:
    """
    Read the description of an endpoint, and its certificate.

    :raises CannotListen: when it is wrong, or the certificate can't be read
    """
    kind, named, endpoint, isConfined = describe(reactor, settings)
    certificates = Certificates(_filesOf(named, settings)) if kind == "ssl" else None
    return Opening(endpoint, certificates, isConfined, isProxied=kind == PROXIED)


def describe(reactor: Any, settings: HTTPSettings) -> Description:
    """
    Read the description of an endpoint, and no file.

    :raises CannotListen: when it is wrong
    """
    text = settings.endpoint
    kind, *arguments = splitEndpoint(text)
    plain = kind
    named = {name: value for name, _, value in (each.partition("=") for each in arguments)}
    if kind == "ssl":
        _filesOf(named, settings)
        others = ("privateKey", "certKey", "extraCertChain", "sslmethod", "dhParameters")
        arguments = [each for each in arguments if each.partition("=")[0] not in others]
        if not any(each.isdigit() or each.startswith("port=") for each in arguments):
            arguments.insert(0, "443")
        plain = "tcp"
    elif settings.clientCA is not None:
        raise CannotListen(f"a client CA needs an ssl: endpoint, not {text!r}")
    isOpen = settings.tokenFile is None and settings.clientCA is None
    isConfined = isOpen and kind in LOOPBACK and "interface" not in named
    if isConfined:
        arguments.append(f"interface={LOOPBACK[kind]}")
    ports = [each.removeprefix("port=") for each in arguments]
    if kind in LOOPBACK and any(each.isdecimal() and int(each) > 65535 for each in ports[:1]):
        raise CannotListen(f"{text!r} is not a server endpoint: a port is 0 to 65535")
    parts = [plain, *arguments]
    description = ":".join(map(quoteArgument, parts[1:] if kind == PROXIED else parts))
    try:
        endpoint = serverFromString(reactor, description)
        if kind == PROXIED:
            endpoint = behindProxy(endpoint)
    except TypeError as error:
        # Its text names a function of Twisted.
        reason = "an argument is missing, or is none of this kind of endpoint"
        raise CannotListen(f"{text!r} is not a server endpoint: {reason}") from error
    except Exception as error:
        # Twisted raises errors of many classes here.
        raise CannotListen(f"{text!r} is not a server endpoint: {error}") from error
    return Description(kind, named, endpoint, isConfined)


def isLocal(address: object) -> bool:
    """Whether only this machine reaches an address at which a server listens."""
    if isinstance(address, UNIXAddress):
        return True
    if not isinstance(address, (IPv4Address, IPv6Address)):
        return False
    return ip_address(address.host.partition("%")[0]).is_loopback


def _filesOf(named: dict[str, str], settings: HTTPSettings) -> CertificateFiles:
    key = named.get("privateKey")
    if not key:
        raise CannotListen("an ssl: endpoint needs privateKey=PATH, and certKey=PATH")
    return CertificateFiles(
        key, named.get("certKey", key), named.get("extraCertChain"), settings.clientCA
    )
