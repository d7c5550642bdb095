"""
Connections of the in-memory network.

A connection has two ends, one for each host.  An end sends one segment at a time, of up to 64 KiB,
and the next one when the other end has acknowledged it.  The other end acknowledges a segment when
its protocol has read it.  So a connection holds a bounded number of bytes, as long as its producers
pause when they are told to: 64 KiB on the way, and what the protocol has written beyond that.

The buffer, the producers and the closing of an end are those of Twisted's own ``FileDescriptor``.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.abstract import FileDescriptor
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionAborted, ConnectionDone, ConnectionLost
from twisted.internet.interfaces import IHalfCloseableProtocol, IProtocol, ITCPTransport
from twisted.internet.main import CONNECTION_DONE
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ..clock import schedulerOf
from ..failures import failuresLogged, stopsTest
from .table import Segment, StreamNetwork, sendOnce

#: The most bytes of a segment.  It is also the size of the buffer beyond which ``FileDescriptor``
#: pauses a producer.  Larger: a connection holds more bytes.  Smaller: a large file takes more
#: round trips.
SEGMENT_BYTES = 65536


@implementer(ITCPTransport)
class MemoryConnection(FileDescriptor):
    """
    One end of a connection: the transport of its protocol.

    :param reactor: the reactor of the end's host
    :param addresses: host and port of this end, then those of the other
    :param ended: called with the reason when the connection has ended
    :ivar host: the IPv4 address of the end's host
    :ivar protocol: the protocol of the end; None until the end is accepted
    """

    _log = Logger()

    def __init__(
        self,
        network: StreamNetwork,
        reactor: Any,
        addresses: tuple[tuple[str, int], tuple[str, int]],
        *,
        ended: Callable[[Failure], object],
    ) -> None:
        super().__init__(reactor)
        self.host: str = reactor.host
        self._hostReactor = reactor
        self.protocol: IProtocol | None = None
        self._network = network
        self._addresses = addresses
        self._ended = ended
        self._accept: Callable[[], IProtocol | None] | None = None
        self._other: MemoryConnection = self
        # The segment that waits for the protocol to read it; empty bytes stand for the end.
        self._unread: bytes | None = None
        self._flags: set[str] = set()

    def __repr__(self) -> str:
        (host, port), (peerHost, peerPort) = self._addresses
        return f"<MemoryConnection {host}:{port} to {peerHost}:{peerPort}>"

    # Beginning.

    def join(self, other: MemoryConnection, accept: Callable[[], IProtocol | None]) -> None:
        """
        Make this and the end of a server two ends of one connection.

        :param accept: makes the protocol of the server, when the first segment arrives there
        """
        self._other, other._other = other, self
        other._accept = accept

    def begin(self, protocol: IProtocol | None) -> None:
        """Connect a protocol to this end.  None ends the connection."""
        if protocol is None:
            self.connected = 1
            self.abortConnection()
            return
        self.connected = 1
        self._network.streams.connections.add(self)
        self.protocol = protocol
        self.startReading()
        protocol.makeConnection(self)

    def acknowledgeConnection(self) -> None:
        """Tell the end of the server that the connection is made."""
        self._send(self._other._accepted)

    def _accepted(self) -> None:
        accept, self._accept = self._accept, None
        if accept is not None:
            protocol = None
            if self._hostReactor.running:
                with failuresLogged(self._log, "a factory raised an exception"):
                    protocol = accept()
            self.begin(protocol)

    # Segments.

    def _send(self, arrive: Callable[[], object]) -> None:
        lost = Failure(ConnectionLost("no acknowledgement came"))
        fail = partial(self.connectionLost, lost)
        Segment(self._network, self.host, self._other.host, arrive=arrive, fail=fail)

    def _sendOnce(self, arrive: Callable[[], object]) -> None:
        sendOnce(self._network, self.host, self._other.host, arrive)

    def _arrived(self, data: bytes) -> None:
        self._accepted()
        if self.disconnected:
            if data:
                self._sendOnce(self._other._reset)
            return
        self._unread = data
        self._read()

    def _read(self) -> None:
        data = self._unread
        if data is None or "reading" not in self._flags or self.protocol is None:
            return
        self._unread = None
        if data:
            self._sendOnce(self._other._acknowledged)
            self._tell(lambda protocol: protocol.dataReceived(data))
        else:
            self.readConnectionLost(Failure(CONNECTION_DONE))

    def _acknowledged(self) -> None:
        self._flags.discard("in flight")
        self._writeSoon()

    def _reset(self) -> None:
        self._accept = None
        self._flags.add("finished")
        self.connectionLost(Failure(ConnectionLost("the other end was gone")))

    def _finish(self) -> None:
        """Tell the other end that no more bytes come."""
        if "finished" not in self._flags:
            self._flags.add("finished")
            self._sendOnce(partial(self._other._arrived, b""))

    def _tell(self, call: Callable[[IProtocol], object]) -> None:
        """Call the protocol.  Its exception ends the connection, as in a real reactor."""
        assert self.protocol is not None
        try:
            call(self.protocol)
        except BaseException as error:
            if stopsTest(error):
                raise
            self._log.failure("{protocol} raised an exception", protocol=self.protocol)
            self.connectionLost(Failure())

    # What `FileDescriptor` asks of a reactor and of a socket.

    def startReading(self) -> None:
        """Let the protocol read, from the next turn on what has come already."""
        self._flags.add("reading")
        schedulerOf(self._network.clock)(0, self._read)

    def stopReading(self) -> None:
        """Keep what comes until `startReading`."""
        self._flags.discard("reading")

    def startWriting(self) -> None:
        """Send what the protocol has written, on the next turn."""
        self._flags.add("writing")
        self._writeSoon()

    def stopWriting(self) -> None:
        """Send nothing until `startWriting`."""
        self._flags.discard("writing")

    def _writeSoon(self) -> None:
        if "writing" in self._flags and not self._flags & {"in flight", "scheduled"}:
            self._flags.add("scheduled")
            schedulerOf(self._network.clock)(0, self._write)

    def _write(self) -> None:
        self._flags.discard("scheduled")
        if self.connected and "writing" in self._flags and "in flight" not in self._flags:
            reason = self.doWrite()
            if reason is not None:
                self.connectionLost(Failure(reason))
            self._writeSoon()

    def writeSomeData(self, data: bytes) -> int:
        """Send one segment."""
        segment = bytes(data[:SEGMENT_BYTES])
        if segment:
            self._flags.add("in flight")
            self._send(partial(self._other._arrived, segment))
        return len(segment)

    # The end.

    def _closeWriteConnection(self) -> None:
        self._finish()
        protocol = IHalfCloseableProtocol(self.protocol, None)
        if protocol is not None:
            self._tell(lambda _: protocol.writeConnectionLost())

    def readConnectionLost(self, reason: Failure) -> None:
        """Tell the protocol that no more bytes come, or that the connection has ended."""
        protocol = IHalfCloseableProtocol(self.protocol, None)
        if protocol is None:
            self.connectionLost(reason)
        else:
            self._tell(lambda _: protocol.readConnectionLost())

    def abortConnection(self) -> None:
        """End the connection, and drop all bytes that were not sent."""
        if not self.disconnected and "aborting" not in self._flags:
            self._flags.add("aborting")
            self.stopReading()
            self.stopWriting()
            schedulerOf(self._network.clock)(0, self.connectionLost, Failure(ConnectionAborted()))

    def connectionLost(self, reason: Failure | None = None) -> None:
        """
        End the connection, and tell the protocol and the other end.

        :param reason: by default, that the host shuts down
        """
        if self.disconnected:
            return
        reason = reason or Failure(ConnectionLost("the reactor has stopped"))
        self._network.streams.connections.discard(self)
        super().connectionLost(reason)
        if reason.check(ConnectionDone):
            self._finish()
        elif "finished" not in self._flags:
            self._sendOnce(self._other._reset)
        if self.protocol is not None:
            self._tell(lambda protocol: protocol.connectionLost(reason))
        self._ended(reason)

    def abandon(self) -> None:
        """
        End the connection without telling the protocol, as when a process is killed.  The operating
        system of the host resets the connection.
        """
        self._network.streams.connections.discard(self)
        self.disconnected, self.connected = 1, 0
        self._flags.clear()
        self._sendOnce(self._other._reset)

    # Addresses and options.

    def getHost(self) -> IPv4Address:
        """The address of this end."""
        return IPv4Address("TCP", *self._addresses[0])

    def getPeer(self) -> IPv4Address:
        """The address of the other end."""
        return IPv4Address("TCP", *self._addresses[1])

    def getTcpNoDelay(self) -> bool:
        """Whether ``setTcpNoDelay`` was called last with True."""
        return "no delay" in self._flags

    def setTcpNoDelay(self, enabled: bool) -> None:
        """Remember the option, which changes nothing."""
        self._option("no delay", enabled)

    def getTcpKeepAlive(self) -> bool:
        """Whether ``setTcpKeepAlive`` was called last with True."""
        return "keep alive" in self._flags

    def setTcpKeepAlive(self, enabled: bool) -> None:
        """Remember the option, which changes nothing."""
        self._option("keep alive", enabled)

    def _option(self, name: str, isOn: bool) -> None:
        (self._flags.add if isOn else self._flags.discard)(name)


__all__ = ["MemoryConnection"]
