"""
Members of a network by certificate: their certificates, and layers without nodes.
"""

from __future__ import annotations

import time
from datetime import datetime, timezone
from functools import cache
from random import Random

from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.protocol import DatagramProtocol

from dwdht_twisted._core.counters import Counters
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.private.authority import Authority, newKey, pemOf, pemOfKey
from dwdht_twisted.private.certified.layer import CertifiedLayer
from dwdht_twisted.private.certified.security import SecurityContext
from dwdht_twisted.private.seam import Transport
from dwdht_twisted.testing import HostReactor, MemoryNetwork


def utcNow() -> datetime:
    """The present time."""
    return datetime.now(timezone.utc)


@cache
def makeAuthority(name: str = "authority") -> Authority:
    """The authority of this name, which is made once."""
    return Authority.make(name, utcNow())


def makeMember(
    authority: Authority,
    *,
    days: float = 1.0,
    name: str = "a",
    key: ec.EllipticCurvePrivateKey | None = None,
) -> SecurityContext:
    """
    Make the security context of a member.

    :param key: its key; a new one by default
    """
    key = key or newKey()
    certificate = authority.certify(key.public_key(), name, utcNow(), days=days)
    return SecurityContext(pemOf(certificate), pemOfKey(key), pemOf(authority.certificate))


class LayerHost(DatagramProtocol):
    """
    A port with a layer and no node: what the layer delivers is kept.

    :ivar layer: the layer
    :ivar delivered: the data and the address of each datagram that was delivered
    :ivar address: the address of the port
    """

    noisy = False

    def __init__(self, reactor: HostReactor, host: str, security: SecurityContext) -> None:
        self.reactor = reactor
        self.security = security
        self.address = (host, 6620)
        self.delivered: list[tuple[bytes, HostPort]] = []
        reactor.listenUDP(self.address[1], self, maxPacketSize=65536)

    def startProtocol(self) -> None:
        """Make the layer."""
        assert self.transport is not None
        transport = Transport(
            self.transport.write,
            lambda data, address: self.delivered.append((data, address)),
            self.reactor,
            time.time,
            Random(1),
            Counters(),
        )
        self.layer = CertifiedLayer(self.security, transport)
        self.layer.start()

    def datagramReceived(self, datagram: bytes, addr: HostPort) -> None:
        """Give the datagram to the layer."""
        self.layer.received(datagram, addr)

    def isLinked(self, other: LayerHost) -> bool:
        """Whether there is an established association with another host."""
        link = self.layer.links.get(other.address)
        return link is not None and link.current is not None


def makeHost(network: MemoryNetwork, host: str, security: SecurityContext) -> LayerHost:
    """Make a host of a network in memory, with a layer."""
    return LayerHost(network.reactor(host), host, security)


def areLinked(one: LayerHost, other: LayerHost) -> bool:
    """Whether both hosts have an established association with each other."""
    return one.isLinked(other) and other.isLinked(one)
