"""
NATs on the network in memory, which filter by address and port.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.protocol import DatagramProtocol

from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.testing import HostReactor, MemoryPort


class Nat(DatagramProtocol):
    """
    A port of a host behind a NAT. It accepts datagrams only from addresses that it has sent to.

    The NAT is the transport of the protocol behind it.

    :ivar refused: the sources of the dropped datagrams
    """

    noisy = False

    def __init__(self, inside: DatagramProtocol) -> None:
        self._inside = inside
        self._opened: set[HostPort] = set()
        self.refused: list[HostPort] = []

    def startProtocol(self) -> None:
        self._inside.makeConnection(self)  # type: ignore[arg-type]

    def stopProtocol(self) -> None:
        self._inside.doStop()

    def datagramReceived(self, datagram: bytes, addr: HostPort) -> None:
        if addr in self._opened:
            self._inside.datagramReceived(datagram, addr)
        else:
            self.refused.append(addr)

    def write(self, packet: bytes, addr: HostPort) -> None:
        """Send a datagram. From now on, datagrams from its destination are accepted."""
        assert self.transport is not None
        self._opened.add((addr[0], addr[1]))
        self.transport.write(packet, addr)

    def close(self, source: HostPort) -> None:
        """Stop accepting datagrams from ``source``, as a NAT does after a time without traffic."""
        self._opened.discard(source)

    def getHost(self) -> IPv4Address:
        """Return the address that the NAT shows to others."""
        assert self.transport is not None
        host = self.transport.getHost()
        assert isinstance(host, IPv4Address)
        return host

    def stopListening(self) -> Deferred[None] | None:
        """Close the port."""
        assert self.transport is not None
        closed: Deferred[None] | None = self.transport.stopListening()
        return closed


class NattedReactor:
    """
    The reactor of a host. Each of its UDP ports is behind its own `Nat`.

    :ivar nats: the NATs of the ports, in the order of their opening
    """

    def __init__(self, reactor: HostReactor) -> None:
        self._reactor = reactor
        self.host = reactor.host
        self.nats: list[Nat] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenUDP(self, port: int, protocol: DatagramProtocol, *more: Any) -> MemoryPort:
        """Open a port of the NAT for a protocol."""
        nat = Nat(protocol)
        self.nats.append(nat)
        return self._reactor.listenUDP(port, nat, *more)
