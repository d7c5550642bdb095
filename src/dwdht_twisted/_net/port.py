"""
The UDP port of a node.
"""

from __future__ import annotations

import socket as sockets
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from .._core.counters import Counters
from .._core.wire import HostPort, isIPv4
from ..errors import CannotListen, InvalidAddress

#: Bytes of the largest datagram that is read: any that UDP carries.
READ_BYTES = 65536

#: Bytes that may wait to be read, if the operating system allows it.  Its default has no room for
#: the answers that a dozen lookups draw in a moment, and the rest is lost.
RECEIVE_BUFFER_BYTES = 500_000


class DatagramPort:
    """
    Opens the port of a node and sends through it.

    :param reactor: provides UDP
    :param given: a bound socket to use instead of a port of its own; it stays the caller's own
    :param counters: counts the datagrams that can't be sent
    """

    _log = Logger()

    def __init__(self, reactor: Any, given: sockets.socket | None, counters: Counters) -> None:
        self._reactor = reactor
        self._given = given
        self._givenTimeout: float | None = None
        self._counters = counters
        self._send: Callable[[bytes, HostPort], object] | None = None

    def open(self, protocol: DatagramProtocol, port: int, interface: str) -> IListeningPort:
        """
        Open the port for a protocol.

        :param port: 0 for a free one
        :param interface: the IPv4 address to bind, all by default
        :raises InvalidAddress: when the port or the interface is none
        :raises CannotListen: when the port can't be had
        """
        if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= 65535:
            raise InvalidAddress(f"{port!r} is not a port; a port is 0 (any free one) to 65535")
        if not isinstance(interface, str) or (interface and not isIPv4(interface)):
            raise InvalidAddress(f"{interface!r} is not an IPv4 address to listen on")
        try:
            if self._given is None:
                opened = self._reactor.listenUDP(port, protocol, interface, READ_BYTES)
            else:
                # Twisted works on a duplicate, so the caller's own socket stays open.  But a read
                # that blocks would block the reactor.
                self._givenTimeout = self._given.gettimeout()
                self._given.setblocking(False)
                opened = self._reactor.adoptDatagramPort(
                    self._given.fileno(), sockets.AF_INET, protocol, READ_BYTES
                )
        except (CannotListenError, OSError) as error:
            raise CannotListen(str(error)) from error
        return cast(IListeningPort, opened)

    def opened(self, transport: Any) -> None:
        """Begin to send through a transport that is open now."""
        if getattr(transport, "maxPacketSize", READ_BYTES) < READ_BYTES:
            # listenUDP was called with a smaller maxPacketSize (Twisted's default: 8,192); answers
            # may be larger.
            transport.maxPacketSize = READ_BYTES
        socket: sockets.socket | None = getattr(transport, "socket", None)
        if socket is not None and self._given is None:
            _enlargeReceiveBuffer(socket)
        self._send = _sender(transport, socket)

    def stop(self) -> None:
        """Send nothing from now on, and give the caller's socket back as it was."""
        self._send = None
        if self._given is not None:
            with suppress(OSError):
                self._given.settimeout(self._givenTimeout)

    def send(self, datagram: bytes, address: HostPort) -> None:
        """Send a datagram; one that can't be sent counts as lost."""
        send = self._send
        if send is None:
            # The port is closed.  The parts of the node that are at work are about to be stopped.
            return
        try:
            send(datagram, address)
        except ConnectionRefusedError:
            # A few systems report here that an earlier datagram reached a port that is closed.
            return
        except Exception as error:
            # There is no route, a full buffer, or an address that the operating system refuses.
            self._counters.sendFailures += 1
            self._log.debug(
                "sending to {address} failed: {reason}", address=address, reason=str(error)
            )


def _sender(transport: Any, socket: sockets.socket | None) -> Callable[[bytes, HostPort], object]:
    """
    The function that sends a datagram.

    The write of Twisted's port checks the address three times, which takes longer than to send.  So
    it is bypassed, unless another write was put in its place.  A socket would resolve a name, and
    block meanwhile: all addresses of ours are numeric, which is checked where they are read.
    """
    if socket is not None:
        # Not at the top: a node on a network in memory needs no ports of the operating system.
        from twisted.internet.udp import Port

        if type(transport).write is Port.write:
            return socket.sendto
    return transport.write  # type: ignore[no-any-return]


def _enlargeReceiveBuffer(socket: sockets.socket) -> None:
    option = (sockets.SOL_SOCKET, sockets.SO_RCVBUF)
    if socket.getsockopt(*option) < RECEIVE_BUFFER_BYTES:
        with suppress(OSError):
            socket.setsockopt(*option, RECEIVE_BUFFER_BYTES)
