"""
UDP ports of the in-memory network.
"""

from __future__ import annotations

from errno import EADDRINUSE, EINVAL
from os import strerror
from typing import Protocol

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, InvalidAddressError, MessageLengthError
from twisted.internet.interfaces import IListeningPort, IUDPTransport
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import Clock
from zope.interface import implementer

from .addresses import ANY, LOOPBACK, isIPv4, isLocal, isLoopback

#: The longest payload of a UDP datagram over IPv4, in bytes: 65,535 minus 20 bytes of IPv4 header
#: and 8 bytes of UDP header.  A socket refuses more with EMSGSIZE.
MAX_DATAGRAM = 65507


class PortNetwork(Protocol):
    """
    The part of `MemoryNetwork` that a port uses.

    Ports depend only on this protocol, so that the module of the network can import this module.

    :ivar clock: the clock of the network
    :ivar ports: the open ports by host and number; each port adds and removes itself
    """

    clock: Clock
    ports: dict[tuple[str, int], MemoryPort]

    def transmit(
        self,
        source: tuple[str, int],
        destination: tuple[str, int],
        data: bytes,
        shown: tuple[str, int],
    ) -> None:
        """
        Send a datagram on its way.

        :param shown: the source address as the receiver sees it
        """


@implementer(IListeningPort, IUDPTransport)
class MemoryPort:
    """
    A UDP port of a host, as `HostReactor.listenUDP` returns it.

    :ivar acceptsAll: whether the port accepts every datagram, so that `accepts` need not be called.
        This is so while the port is open, not connected, and not bound to one address.
    :ivar protocol: the protocol that receives the datagrams
    :ivar interface: the address that the port is bound to; empty for all addresses of its host
    :ivar maxPacketSize: the most bytes of a datagram that are delivered; the rest is cut off
    """

    __slots__ = (
        "_broadcast",
        "_closing",
        "_isUnrestricted",
        "_network",
        "_peer",
        "_source",
        "acceptsAll",
        "interface",
        "maxPacketSize",
        "protocol",
    )

    def __init__(
        self,
        network: PortNetwork,
        host: str,
        port: int,
        *,
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
        # Whether the port is open, not connected, and bound to more than the loopback address.
        # Such a port may send to every open port.  So write() skips all further checks, which saves
        # time for most datagrams of a simulation.
        self._isUnrestricted = False
        self.acceptsAll = False

    def __repr__(self) -> str:
        return f"<MemoryPort {self._source[0]}:{self._source[1]} of {self.protocol!r}>"

    def startListening(self) -> None:
        """
        Open the port and connect the protocol to it.

        :raises CannotListenError: when the host has an open port of this number
        """
        if self._source in self._network.ports:
            taken = OSError(EADDRINUSE, strerror(EADDRINUSE))
            raise CannotListenError(self.interface, self._source[1], taken)
        self._network.ports[self._source] = self
        self._isUnrestricted = not isLoopback(self.interface)
        self.acceptsAll = self.interface in ("", ANY)
        try:
            self.protocol.makeConnection(self)
        except Exception:
            del self._network.ports[self._source]
            raise

    def stopListening(self) -> Deferred[None] | None:
        """
        Close the port.  From now on no datagram is delivered, not even one in flight.

        :return: a Deferred that fires once the protocol has been stopped, which takes a turn of the
            clock; None when the port was closed already
        """
        if self._closing is None and self._isOpen():
            self._closing = Deferred()
            self.acceptsAll = False
            self._network.clock.callLater(0, self._close)
        return self._closing

    def _close(self) -> None:
        # If the host has ended since stopListening() was called, the port is closed already.
        if self._isOpen():
            self.connectionLost()

    def connectionLost(self) -> None:
        """
        Close the port at once, and stop the protocol.  The shutdown of a host calls this.
        """
        closing, self._closing = self._closing, None
        self.abandon()
        self.protocol.doStop()
        if closing is not None:
            closing.callback(None)

    def abandon(self) -> None:
        """
        Close the port at once, without telling the protocol, as when a process is killed.
        """
        self._isUnrestricted = self.acceptsAll = False
        del self._network.ports[self._source]

    def moveTo(self, host: str) -> None:
        """
        Take another address, and stay open.

        :param host: the new IPv4 address of the host
        """
        ports = self._network.ports
        del ports[self._source]
        self._source = (host, self._source[1])
        ports[self._source] = self

    def _isOpen(self) -> bool:
        return self._network.ports.get(self._source) is self

    def getHost(self) -> IPv4Address:
        """
        The address that the port is bound to: ``0.0.0.0`` when it was given no interface, as with a
        real port.
        """
        return IPv4Address("UDP", self.interface or ANY, self._source[1])

    def write(self, packet: bytes, addr: tuple[str, int] | None = None) -> None:
        """
        Send a datagram.

        :param addr: IPv4 address and port; None when connected
        :raises InvalidAddressError: when the host isn't an IPv4 address
        :raises MessageLengthError: when the packet doesn't fit a UDP datagram
        :raises OSError: when a real socket couldn't send from this port to the address
        """
        if len(packet) > MAX_DATAGRAM:
            raise MessageLengthError("message too long")
        network = self._network
        if self._isUnrestricted and addr in network.ports:
            network.transmit(self._source, addr, bytes(packet), self._source)
        else:
            self._writeChecked(bytes(packet), addr)

    def _writeChecked(self, packet: bytes, addr: tuple[str, int] | None) -> None:
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
        Whether a datagram that arrives now is delivered to the protocol.

        :param source: the address that the datagram comes from
        """
        if self._closing is not None or self._peer not in (None, source):
            return False
        if not self.interface or self.interface == ANY:
            return True
        return isLoopback(self.interface) is isLoopback(source[0])

    def connect(self, host: str, port: int) -> None:
        """
        Send only to this address, and accept datagrams only from this address.

        :raises InvalidAddressError: when the host isn't an IPv4 address
        :raises RuntimeError: when the port is connected already
        """
        if self._peer is not None:
            raise RuntimeError("already connected, reconnecting is not currently supported")
        if not isIPv4(host):
            raise InvalidAddressError(host, "not an IPv4 address")
        self._peer = (host, port)
        self._isUnrestricted = self.acceptsAll = False

    def setBroadcastAllowed(self, enabled: bool) -> None:
        """Remember whether broadcasts are allowed; the network delivers none in either case."""
        self._broadcast = enabled

    def getBroadcastAllowed(self) -> bool:
        """The latest argument of `setBroadcastAllowed`, False by default."""
        return self._broadcast


__all__ = ["MAX_DATAGRAM", "MemoryPort", "PortNetwork"]
