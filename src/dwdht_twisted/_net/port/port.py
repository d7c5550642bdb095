"""
The UDP port of a node.
"""

from __future__ import annotations

import socket as sockets
from collections.abc import Callable
from contextlib import suppress
from typing import Any, cast

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger

from ..._awaitable import AwaitableDeferred
from ..._core.counters import Counters
from ..._core.wire import ANY_HOST, HostPort
from ...errors import CannotListen
from ..reporting import Reports
from .bounds import READ_BYTES, RECEIVE_BUFFER_BYTES
from .local_addresses import LocalAddresses, Send, tellsLocalAddresses
from .reading import DatagramReader, canReadOtherwise


class DatagramPort:
    """
    Opens the port of a node and sends through it.

    :param reactor: provides UDP
    :param given: a bound socket to use, instead of opening a port; the caller has to close it
    :param counters: counts the datagrams that can't be sent
    :param seconds: tells the time
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        given: sockets.socket | None,
        counters: Counters,
        *,
        seconds: Callable[[], float],
    ) -> None:
        self._reactor = reactor
        self._given = given
        self._givenTimeout: float | None = None
        self._counters = counters
        self._reports = Reports(self._log, seconds)
        self._send: Send | None = None
        self._closing: list[Deferred[None]] = []

    def open(self, protocol: DatagramProtocol, port: int, interface: str) -> IListeningPort:
        """
        Open the port for a protocol.

        :param port: the port number; 0 for any free port
        :param interface: the IPv4 address to bind; by default all addresses of this machine
        :raises CannotListen: when the port can't be opened
        """
        try:
            if self._given is None:
                opened = self._reactor.listenUDP(port, protocol, interface, READ_BYTES)
            else:
                # Twisted duplicates the socket, so the caller's socket stays open.  Both share one
                # blocking mode, and a blocking read would stop the reactor.
                self._givenTimeout = self._given.gettimeout()
                self._given.setblocking(False)
                opened = self._reactor.adoptDatagramPort(
                    self._given.fileno(), sockets.AF_INET, protocol, READ_BYTES
                )
        except (CannotListenError, OSError) as error:
            raise CannotListen(str(error)) from error
        return cast(IListeningPort, opened)

    def opened(self, transport: Any) -> None:
        """Send through ``transport`` from now on.  Its port has just been opened."""
        if getattr(transport, "maxPacketSize", READ_BYTES) < READ_BYTES:
            # The user called listenUDP with a smaller maxPacketSize; Twisted's default is 8,192
            # bytes.  Answers may be larger.
            transport.maxPacketSize = READ_BYTES
        socket: sockets.socket | None = getattr(transport, "socket", None)
        if socket is not None and self._given is None:
            _enlargeReceiveBuffer(socket)
        self._sendBy(_sender(transport, socket))
        if socket is not None:
            _readBy(transport, socket, self._sendBy)

    def _sendBy(self, send: Send) -> None:
        self._send = send

    def stop(self) -> None:
        """Send nothing from now on, and restore the time-out of the caller's socket."""
        self._send = None
        if self._given is not None:
            with suppress(OSError):
                self._given.settimeout(self._givenTimeout)

    def close(self, transport: Any) -> Deferred[None]:
        """
        Close the port.  This may be called more than once.

        :param transport: the port, or None when none was opened
        :return: fires when the port is closed
        """
        closed: AwaitableDeferred[None] = AwaitableDeferred()
        self._closing.append(closed)
        if len(self._closing) == 1:
            # Only the first call stops the port: a port of Twisted must not be stopped twice.
            stopped = succeed(None) if transport is None else maybeDeferred(transport.stopListening)
            stopped.addBoth(self._closed)
        return closed

    def _closed(self, _: object) -> None:
        waiters, self._closing = self._closing, []
        for closed in waiters:
            closed.callback(None)

    def localAddress(self, transport: Any, host: str) -> HostPort | None:
        """The address of the node's socket on the way to a host; None when it isn't known."""
        if transport is None:
            return None
        bound = transport.getHost()
        if bound.host != ANY_HOST:
            return bound.host, bound.port
        if not hasattr(transport, "socket"):
            return None
        # To connect a UDP socket sends nothing.  It only chooses the way.
        with suppress(OSError), sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as way:
            way.connect((host, bound.port))
            return way.getsockname()[0], bound.port
        return None

    def send(self, datagram: bytes, address: HostPort) -> None:
        """Send a datagram.  If that fails, the failure is counted and the datagram is lost."""
        send = self._send
        if send is None:
            # The port is closed, and the parts of the node that still send are about to be stopped.
            return
        try:
            send(datagram, address)
        except ConnectionRefusedError:
            # This datagram has not failed.  Some operating systems report here that an earlier
            # datagram reached a closed port.
            return
        except Exception as error:
            # There is no route, the send buffer is full, or the operating system refuses the
            # address.
            self._counters.sendFailures += 1
            self._reports.note(
                "sending to {address} failed: {reason}", address=address, reason=str(error)
            )


def _sender(transport: Any, socket: sockets.socket | None) -> Send:
    """
    Return the function that sends a datagram.

    Twisted's ``Port.write`` checks the address three times.  The checks take longer than sending.
    So datagrams are sent by the socket itself, unless the transport has another ``write``.

    A socket would block to resolve a host name.  This can't happen, because every address of a node
    is checked to be numeric when it is read.
    """
    if socket is not None:
        # This import is not at the top of the module, because a node on a simulated network does
        # not need it.
        from twisted.internet.udp import Port

        if getattr(type(transport), "write", None) is Port.write:
            return socket.sendto
    return transport.write  # type: ignore[no-any-return]


def _readBy(transport: Any, socket: sockets.socket, sendBy: Callable[[Send], None]) -> None:
    """
    Let a port of Twisted read its datagrams in one of the ways of this package.

    :param sendBy: see `LocalAddresses`
    """
    if not canReadOtherwise(transport):
        return
    if tellsLocalAddresses(socket):
        transport.doRead = LocalAddresses(transport, socket, sendBy).readBurst
    else:
        transport.doRead = DatagramReader(transport, socket).read


def _enlargeReceiveBuffer(socket: sockets.socket) -> None:
    option = (sockets.SOL_SOCKET, sockets.SO_RCVBUF)
    if socket.getsockopt(*option) < RECEIVE_BUFFER_BYTES:
        with suppress(OSError):
            socket.setsockopt(*option, RECEIVE_BUFFER_BYTES)
