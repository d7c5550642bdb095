"""
NATs on the network in memory, which filter by address and port.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
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


class ForgetfulNat(Nat):
    """
    A NAT that closes a path like Linux does by default: 120 seconds after the last datagram, or
    after 30 if no answer has come or the path was used for two seconds at most.

    :param clock: measures the times
    """

    def __init__(self, inside: DatagramProtocol, clock: IReactorTime) -> None:
        super().__init__(inside)
        self._clock = clock
        self._openedAt: dict[HostPort, float] = {}
        self._closesAt: dict[HostPort, float] = {}
        self._answered: set[HostPort] = set()

    def datagramReceived(self, datagram: bytes, addr: HostPort) -> None:
        if self._isOpen(addr):
            self._answered.add(addr)
            self._used(addr)
        else:
            self.close(addr)
        super().datagramReceived(datagram, addr)

    def write(self, packet: bytes, addr: HostPort) -> None:
        if not self._isOpen(addr):
            self._openedAt[addr] = self._clock.seconds()
            self._answered.discard(addr)
        self._used(addr)
        super().write(packet, addr)

    def _isOpen(self, addr: HostPort) -> bool:
        return addr in self._closesAt and self._clock.seconds() <= self._closesAt[addr]

    def _used(self, addr: HostPort) -> None:
        now = self._clock.seconds()
        isStream = addr in self._answered and now - self._openedAt[addr] > 2.0
        self._closesAt[addr] = now + (120.0 if isStream else 30.0)


class NattedReactor:
    """
    The reactor of a host. Each of its UDP ports is behind its own `Nat`.

    :param makeNat: returns the NAT of a protocol
    :ivar nats: the NATs of the ports, in the order of their opening
    """

    def __init__(
        self, reactor: HostReactor, makeNat: Callable[[DatagramProtocol], Nat] = Nat
    ) -> None:
        self._reactor = reactor
        self._makeNat = makeNat
        self.host = reactor.host
        self.nats: list[Nat] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenUDP(self, port: int, protocol: DatagramProtocol, *more: Any) -> MemoryPort:
        """Open a port of the NAT for a protocol."""
        nat = self._makeNat(protocol)
        self.nats.append(nat)
        return self._reactor.listenUDP(port, nat, *more)
