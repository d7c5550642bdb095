"""
Hosts of the in-memory network, each with a reactor of its own.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from errno import EADDRINUSE, EADDRNOTAVAIL
from ipaddress import IPv4Address
from itertools import count
from os import strerror
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, InvalidAddressError, ReactorNotRunning
from twisted.internet.interfaces import (
    IHostnameResolver,
    IReactorCore,
    IReactorPluggableNameResolver,
    IReactorTCP,
    IReactorThreads,
    IReactorTime,
    IReactorUDP,
)
from twisted.internet.protocol import ClientFactory, DatagramProtocol, Factory
from zope.interface import implementer

from ..addresses import ANY, isIPv4, isLoopback
from ..arguments import checkHost
from ..names import resolveFirst
from ..port import MemoryPort
from ..streams import MemoryConnector, MemoryStreamPort
from .core import HostNetwork
from .threads import ThreadedReactor

#: The ports that are handed out for port 0: the dynamic ports (RFC 6335, section 6).
FREE_PORTS = range(49152, 65536)

#: The address of the first host that is made without an address; the next ones follow in order.
FIRST_HOST = "10.0.0.1"


@implementer(
    IReactorCore,
    IReactorTime,
    IReactorThreads,
    IReactorUDP,
    IReactorTCP,
    IReactorPluggableNameResolver,
)
class HostReactor(ThreadedReactor):
    """
    The reactor of one host, as `MemoryNetwork.reactor` returns it.

    It provides time, system events, threads, UDP, TCP and names.  It runs from the beginning, until
    `CoreReactor.shutDown`, `CoreReactor.stop` or `CoreReactor.crash`.

    :ivar nameResolver: resolves the names of the network, unless another is installed
    :ivar lookupService: finds the SRV records of the services of the network
    """

    __slots__ = ("_nextFree", "lookupService", "nameResolver")

    nameResolver: IHostnameResolver

    def __init__(self, network: HostNetwork, host: str) -> None:
        super().__init__(network, host)
        self.nameResolver = network.resolver
        self.lookupService = network.resolver.lookupService
        self._nextFree = 0

    def listenUDP(
        self, port: int, protocol: DatagramProtocol, interface: str = "", maxPacketSize: int = 8192
    ) -> MemoryPort:
        """
        Open a UDP port.  A host can't open the same port number twice, even on two interfaces.

        :param port: the port number, 0 for a free one
        :param interface: the address of the host; by default, all addresses of the host; with
            ``"127.0.0.1"``, only the host itself can send to the port
        :raises CannotListenError: when the port is taken, or the interface isn't this host's
        :raises InvalidAddressError: when the interface isn't an IPv4 address
        :raises OverflowError: when the port isn't a number from 0 to 65535
        :raises ReactorNotRunning: when the host has ended
        """
        number = self._checkPort(port, interface, self._network.ports)
        listening = MemoryPort(
            self._network,
            self.host,
            number,
            protocol=protocol,
            interface=interface,
            maxPacketSize=maxPacketSize,
        )
        listening.startListening()
        return listening

    def listenTCP(
        self, port: int, factory: Factory[Any], backlog: int = 50, interface: str = ""
    ) -> MemoryStreamPort:
        """
        Listen on a TCP port.

        :param port: as for `listenUDP`; the TCP ports of a host are numbered apart
        :param backlog: ignored, because a connection is accepted as soon as it arrives
        :param interface: as for `listenUDP`
        :raises CannotListenError: as `listenUDP`, and so do the other exceptions
        """
        number = self._checkPort(port, interface, self._network.streams.ports)
        listening = MemoryStreamPort(
            self._network, self, number, factory=factory, interface=interface
        )
        listening.startListening()
        return listening

    def connectTCP(
        self,
        host: str,
        port: int,
        factory: ClientFactory[Any],
        timeout: float = 30.0,
        bindAddress: tuple[str, int] | None = None,
    ) -> MemoryConnector:
        """
        Connect to a TCP port.

        :param host: an IPv4 address or a name
        :param timeout: seconds until the attempt fails
        :param bindAddress: the address to connect from, of which only the port is used
        :raises ReactorNotRunning: when the host has ended
        """
        own = bindAddress[1] if bindAddress else 0
        connector = MemoryConnector(
            self._network,
            self,
            factory,
            own=self._checkPort(own, "", self._network.streams.ports),
            destination=(host, port),
            timeout=timeout,
        )
        connector.connect()
        return connector

    def _checkPort(self, port: int, interface: str, taken: Container[tuple[str, int]]) -> int:
        """Check what a port is opened with, and return its number, a free one for 0."""
        if not self.running:
            raise ReactorNotRunning(f"{self} can't listen: ask the network for another reactor")
        if interface and not isIPv4(interface):
            raise InvalidAddressError(interface, "not an IPv4 address")
        if not 0 <= port <= 65535:
            raise OverflowError(f"port must be 0-65535, not {port}")
        if interface not in ("", ANY, self.host) and not isLoopback(interface):
            raise CannotListenError(
                interface, port, OSError(EADDRNOTAVAIL, strerror(EADDRNOTAVAIL))
            )
        return port or self._findFree(interface, taken)

    def _findFree(self, interface: str, taken: Container[tuple[str, int]]) -> int:
        for _ in FREE_PORTS:
            number = FREE_PORTS[self._nextFree]
            self._nextFree = (self._nextFree + 1) % len(FREE_PORTS)
            if (self.host, number) not in taken:
                return number
        raise CannotListenError(interface, 0, OSError(EADDRINUSE, strerror(EADDRINUSE)))

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """
        Replace the name resolver of this host.

        :return: the resolver until now
        """
        previous, self.nameResolver = self.nameResolver, resolver
        return previous

    def resolve(self, name: str, timeout: Sequence[int] = ()) -> Deferred[str]:
        """
        Resolve a name to one IPv4 address.

        :param timeout: ignored, because no server can be slow to answer
        :return: fires with the address, or fails with ``DNSLookupError`` when there is none
        """
        return resolveFirst(self.nameResolver, name)


def addressOf(host: str | HostReactor) -> str:
    """
    The address of a host.

    :param host: its address or its reactor
    """
    return host.host if isinstance(host, HostReactor) else host


class Hosts:
    """
    The hosts of a network.  A host is made when its reactor is first asked for.
    """

    def __init__(self, network: HostNetwork) -> None:
        self._network = network
        self._reactors: dict[str, HostReactor] = {}
        self._addresses = map(str, map(IPv4Address, count(int(IPv4Address(FIRST_HOST)))))

    def __contains__(self, host: str) -> bool:
        return host in self._reactors

    def reactor(self, host: str | HostReactor | None) -> HostReactor:
        """
        The reactor of a host: the running one, or else a new one.

        :param host: an IPv4 address, or an earlier reactor of this address; None for a new host
        :raises ValueError: when the host isn't an IPv4 address that other hosts can send to
        """
        if host is None:
            host = next(each for each in self._addresses if each not in self._reactors)
        address = addressOf(host)
        checkHost(address)
        reactor = self._reactors.get(address)
        if reactor is None or not reactor.running:
            reactor = self._reactors[address] = HostReactor(self._network, address)
        return reactor

    def move(self, host: str | HostReactor, to: str) -> None:
        """
        Give a running host another address.

        :raises ValueError: when no host runs at the address, when the new one isn't an IPv4 address
            that other hosts can send to, or when it is taken
        """
        address = addressOf(host)
        checkHost(address)
        checkHost(to)
        reactor = self._reactors.get(address)
        # The address of a reactor that has ended may be that of a new one, which doesn't move.
        if reactor is None or not reactor.running or host not in (address, reactor):
            raise ValueError(f"no host runs at {host!r}")
        taken = self._reactors.get(to)
        if taken is not None and taken.running:
            raise ValueError(f"another host runs at {to!r}")
        del self._reactors[address]
        self._reactors[to] = reactor
        reactor.moveTo(to)


__all__ = ["HostReactor", "Hosts", "addressOf"]
