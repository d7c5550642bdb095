"""
One host of the in-memory network: its reactor, its ports, its names.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from errno import EADDRINUSE, EADDRNOTAVAIL, EINVAL
from functools import lru_cache
from os import strerror
from typing import TYPE_CHECKING, Any, Literal

from twisted.internet.abstract import isIPAddress
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, InvalidAddressError, MessageLengthError
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHostnameResolver,
    IHostResolution,
    IListeningPort,
    IReactorPluggableNameResolver,
    IReactorTime,
    IReactorUDP,
    IResolutionReceiver,
    IUDPTransport,
)
from twisted.internet.protocol import DatagramProtocol
from zope.interface import implementer

if TYPE_CHECKING:
    from .network import MemoryNetwork

#: What a host calls itself.
LOOPBACK = "127.0.0.1"

#: What a port that takes datagrams for any address of its host is bound to.
ANY = "0.0.0.0"

#: The ports that are handed out for port 0 (RFC 6335).
FREE_PORTS = range(49152, 65536)

#: What fits a UDP datagram over IPv4, in bytes.
MAX_DATAGRAM = 65507

isIPv4 = lru_cache(maxsize=65536)(isIPAddress)


def isLoopback(host: str) -> bool:
    """Whether this is a loopback address."""
    return host.startswith("127.")


def isLocal(host: str) -> bool:
    """Whether a host that sends to this address sends to itself, as on Linux."""
    return isLoopback(host) or host == ANY


@implementer(IListeningPort, IUDPTransport)
class MemoryPort:
    """
    A UDP port of a host; `HostReactor.listenUDP` makes them.

    :ivar protocol: who gets the datagrams
    :ivar maxPacketSize: what is longer is cut to this many bytes on arrival
    """

    __slots__ = (
        "_broadcast",
        "_closing",
        "_network",
        "_peer",
        "_plain",
        "_source",
        "interface",
        "maxPacketSize",
        "protocol",
    )

    def __init__(
        self,
        network: MemoryNetwork,
        host: str,
        port: int,
        protocol: DatagramProtocol,
        interface: str,
        maxPacketSize: int,
    ) -> None:
        self.protocol = protocol
        self.interface = interface
        self.maxPacketSize = maxPacketSize
        self._network = network
        self._source = (host, port)
        self._broadcast = False
        self._closing: Deferred[None] | None = None
        self._peer: tuple[str, int] | None = None
        # Whether it is open, not connected, and bound to more than the loopback address: then a
        # datagram to a port that exists needs no further look.
        self._plain = False

    def __repr__(self) -> str:
        return f"<MemoryPort {self._source[0]}:{self._source[1]} of {self.protocol!r}>"

    def startListening(self) -> None:
        """
        Take the port and tell the protocol.

        :raises CannotListenError: when another has it
        """
        if self._source in self._network.ports:
            taken = OSError(EADDRINUSE, strerror(EADDRINUSE))
            raise CannotListenError(self.interface, self._source[1], taken)
        self._network.ports[self._source] = self
        self._plain = not isLoopback(self.interface)
        try:
            self.protocol.makeConnection(self)
        except Exception:
            del self._network.ports[self._source]
            raise

    def stopListening(self) -> Deferred[None] | None:
        """
        Give the port up.  No datagram is delivered any more, not even one under way.

        :return: fires once the protocol has been stopped, which takes a turn of the clock; None
            when that was long ago
        """
        if self._closing is None and self._isOpen():
            self._closing = Deferred()
            self._network.clock.callLater(0, self._close)
        return self._closing

    def _close(self) -> None:
        closing, self._closing = self._closing, None
        self._plain = False
        del self._network.ports[self._source]
        self.protocol.doStop()
        assert closing is not None
        closing.callback(None)

    def _isOpen(self) -> bool:
        return self._network.ports.get(self._source) is self

    def getHost(self) -> IPv4Address:
        """
        Where it is bound: ``0.0.0.0`` when it was given no interface, as with a real port.
        """
        return IPv4Address("UDP", self.interface or ANY, self._source[1])

    def write(self, packet: bytes, addr: tuple[str, int] | None = None) -> None:
        """
        Send a datagram.

        :param addr: IPv4 address and port; None when connected
        :raises InvalidAddressError: when the host isn't an IPv4 address
        :raises MessageLengthError: when the packet doesn't fit a UDP datagram
        :raises OSError: when nothing can be sent from here to there
        """
        if len(packet) > MAX_DATAGRAM:
            raise MessageLengthError("message too long")
        network = self._network
        if self._plain and addr in network.ports:
            network.transmit(self._source, addr, bytes(packet), self._source)
        else:
            self._writeUnusual(bytes(packet), addr)

    def _writeUnusual(self, packet: bytes, addr: tuple[str, int] | None) -> None:
        if not self._isOpen():
            raise RuntimeError(f"{self!r} is closed")
        if self._peer is not None:
            assert addr in (None, self._peer), f"connected to {self._peer}, not to {addr}"
            addr = self._peer
        assert addr is not None, "a port that isn't connected needs an address to send to"
        host, port = addr
        if not isIPv4(host) and host != "<broadcast>":
            raise InvalidAddressError(host, "write() only accepts IPv4 addresses, not hostnames")
        if not 0 <= port <= 65535:
            raise OverflowError(f"port must be 0-65535, not {port}")
        local = isLocal(host)
        if port == 0 or (isLoopback(self.interface) and not local):
            raise OSError(EINVAL, strerror(EINVAL))
        own, number = self._source
        if local:
            self._network.transmit(self._source, (own, port), packet, (LOOPBACK, number))
        else:
            self._network.transmit(self._source, addr, packet, self._source)

    def accepts(self, source: tuple[str, int]) -> bool:
        """
        Whether a datagram from this address, on its arrival, is for the protocol.
        """
        if self._closing is not None or self._peer not in (None, source):
            return False
        if not self.interface or self.interface == ANY:
            return True
        return isLoopback(self.interface) is isLoopback(source[0])

    def connect(self, host: str, port: int) -> None:
        """
        Send to this address only, and take datagrams only from there.

        :raises InvalidAddressError: when the host isn't an IPv4 address
        :raises RuntimeError: when it is connected already
        """
        if self._peer is not None:
            raise RuntimeError("already connected, reconnecting is not currently supported")
        if not isIPv4(host):
            raise InvalidAddressError(host, "not an IPv4 address")
        self._peer = (host, port)
        self._plain = False

    def setBroadcastAllowed(self, enabled: bool) -> None:
        """Note whether broadcasts are allowed; the network delivers none."""
        self._broadcast = enabled

    def getBroadcastAllowed(self) -> bool:
        """What `setBroadcastAllowed` said, False by default."""
        return self._broadcast


@implementer(IReactorTime, IReactorUDP, IReactorPluggableNameResolver)
class HostReactor:
    """
    The reactor of one host: time, UDP and names; `MemoryNetwork.reactor` makes them.

    :ivar host: its IPv4 address
    :ivar nameResolver: resolves the names of the network, unless another is installed
    """

    __slots__ = ("_network", "_nextFree", "host", "nameResolver")

    nameResolver: IHostnameResolver

    def __init__(self, network: MemoryNetwork, host: str) -> None:
        self.host = host
        self.nameResolver = network.resolver
        self._network = network
        self._nextFree = 0

    def __repr__(self) -> str:
        return f"<HostReactor {self.host}>"

    def seconds(self) -> float:
        """The time of the network's clock, in seconds."""
        return self._network.clock.seconds()

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> IDelayedCall:
        """
        Schedule a call on the network's clock.

        :param delay: seconds
        """
        return self._network.clock.callLater(delay, callable, *args, **kwargs)

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """The delayed calls of the network's clock, of this host and of all others."""
        return self._network.clock.getDelayedCalls()

    def listenUDP(
        self, port: int, protocol: DatagramProtocol, interface: str = "", maxPacketSize: int = 8192
    ) -> MemoryPort:
        """
        Take a UDP port.  A number can be had once per host, whatever the interface.

        :param port: 0 for a free one
        :param interface: the address of the host, ``"127.0.0.1"`` to be reached only by the host
            itself, or all by default
        :raises CannotListenError: when the port is taken, or the interface isn't this host's
        :raises InvalidAddressError: when the interface isn't an IP address
        """
        if interface and not isIPv4(interface):
            raise InvalidAddressError(interface, "not an IPv4 address")
        if not 0 <= port <= 65535:
            raise OverflowError(f"port must be 0-65535, not {port}")
        if interface not in ("", ANY, self.host) and not isLoopback(interface):
            raise CannotListenError(
                interface, port, OSError(EADDRNOTAVAIL, strerror(EADDRNOTAVAIL))
            )
        number = port or self._findFree(interface)
        listening = MemoryPort(self._network, self.host, number, protocol, interface, maxPacketSize)
        listening.startListening()
        return listening

    def _findFree(self, interface: str) -> int:
        for _ in FREE_PORTS:
            number = FREE_PORTS[self._nextFree]
            self._nextFree = (self._nextFree + 1) % len(FREE_PORTS)
            if (self.host, number) not in self._network.ports:
                return number
        raise CannotListenError(interface, 0, OSError(EADDRINUSE, strerror(EADDRINUSE)))

    def installNameResolver(self, resolver: IHostnameResolver) -> IHostnameResolver:
        """
        Let this host resolve names by other means.

        :return: the resolver until now
        """
        previous, self.nameResolver = self.nameResolver, resolver
        return previous


@implementer(IHostResolution)
class _Resolution:
    """A name that is being resolved."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.call: IDelayedCall | None = None

    def cancel(self) -> None:
        """Let the receiver hear nothing more."""
        if self.call is not None and self.call.active():
            self.call.cancel()


@implementer(IHostnameResolver)
class MemoryResolver:
    """
    Resolves the names of a network; ``localhost`` and IPv4 addresses are known from the beginning.

    It answers after ``nameLatency`` seconds of the network, so at the next turn of the clock when
    that is 0.

    :ivar names: the IPv4 addresses of each name, in lower case
    """

    def __init__(self, network: MemoryNetwork) -> None:
        self.names: dict[str, tuple[str, ...]] = {"localhost": (LOOPBACK,)}
        self._network = network

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """
        Resolve a name; one that nobody has added has no addresses.
        """
        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        protocol: Literal["TCP", "UDP"] = "UDP" if transportSemantics == "UDP" else "TCP"

        def answer() -> None:
            known = (hostName,) if isIPv4(hostName) else self.names.get(hostName.lower(), ())
            if addressTypes is None or IPv4Address in addressTypes:
                for host in known:
                    resolutionReceiver.addressResolved(IPv4Address(protocol, host, portNumber))
            resolutionReceiver.resolutionComplete()

        resolution.call = self._network.clock.callLater(self._network.nameLatency, answer)
        return resolution


__all__ = ["HostReactor", "MemoryPort", "MemoryResolver"]
