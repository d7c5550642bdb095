"""
Connections of the in-memory network.

A connection has two ends, one for each host.  An end sends one segment at a time, of up to 64 KiB,
and the next one when the other end has acknowledged it.  The other end acknowledges a segment when
its protocol has read it.  So a connection holds a bounded number of bytes, as long as its producers
pause when they are told to: 64 KiB on the way, and what the protocol has written beyond that.

What an end sends arrives in order: the bytes, then the end of the bytes, then the reset by which
an end that is gone answers to bytes.  Only the reset of ``abortConnection`` may overtake bytes, and
drops those that have arrived and wait to be read.

The buffer, the producers and the closing of an end are those of Twisted's own ``FileDescriptor``.
"""

from __future__ import annotations

from collections import deque
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
from .channel import Channel
from .table import StreamNetwork

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

    # These two are set by `join`.
    _other: MemoryConnection
    _outgoing: Channel

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
        # What waits for the protocol to read it.  Empty bytes stand for the end of the bytes, and
        # None for a reset.
        self._unread: deque[bytes | None] = deque()
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
        self._outgoing = Channel(self._network, self.host, other.host)
        other._outgoing = Channel(self._network, other.host, self.host)
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
        with failuresLogged(self._log, "{protocol} raised an exception", protocol=protocol):
            protocol.makeConnection(self)

    def acknowledgeConnection(self) -> None:
        """Tell the end of the server that the connection is made."""
        self._outgoing.sendUnordered(self._other._accepted, self._undelivered)

    def _accepted(self) -> None:
        accept, self._accept = self._accept, None
        if accept is not None:
            protocol = None
            if self._hostReactor.running and self._hostReactor.host == self.host:
                with failuresLogged(self._log, "a factory raised an exception"):
                    protocol = accept()
            self.begin(protocol)

    # Segments.

    def _send(self, data: bytes) -> None:
        """Send bytes, or by empty bytes the end of them, behind all that was sent before."""
        self._outgoing.send(partial(self._other._arrived, data), self._undelivered)

    def _undelivered(self) -> None:
        """Give the connection up, because a segment was lost too often."""
        if self.disconnected:
            self._sendReset()
        else:
            self._timedOut()

    def _timedOut(self) -> None:
        self.connectionLost(Failure(ConnectionLost("no acknowledgement came")))

    def _answer(self, arrive: Callable[[], object]) -> None:
        """Send what the other end waits for, if a segment of its own is in flight."""
        self._outgoing.sendUnordered(arrive, self._other._unanswered)

    def _unanswered(self) -> None:
        if "in flight" in self._flags:
            self._timedOut()

    def _arrived(self, data: bytes | None) -> None:
        self._accepted()
        if self.disconnected:
            if data:
                self._sendReset()
            return
        self._unread.append(data)
        if data is None and not any(self._unread):
            # No bytes wait, so a protocol that has paused its transport hears of the reset, too.
            self._wasReset()
        else:
            self._read()

    def _read(self) -> None:
        # An end that closes reads no more, but takes what comes, as an operating system does.  Two
        # ends that both close would wait for each other otherwise.
        while self._unread and (self.disconnecting or "reading" in self._flags):
            if self.protocol is None or self.disconnected:
                break
            self._take(self._unread.popleft())

    def _take(self, data: bytes | None) -> None:
        if data is None:
            self._wasReset()
        elif data:
            self._answer(self._other._acknowledged)
            if not self.disconnecting:
                self._tell(lambda protocol: protocol.dataReceived(data))
        elif not self.disconnecting:
            self.readConnectionLost(Failure(CONNECTION_DONE))

    def _acknowledged(self) -> None:
        self._flags.discard("in flight")
        self._writeSoon()

    def _wasReset(self) -> None:
        self._accept = None
        self._flags.add("reset")
        self.connectionLost(Failure(ConnectionLost("the other end was gone")))

    def _sendReset(self) -> None:
        """Tell the other end, behind all that was sent before, that this one is gone."""
        self._outgoing.send(partial(self._other._arrived, None), self._other._unanswered)

    def _finish(self) -> None:
        """Tell the other end, behind all that was sent before, that no more bytes come."""
        if "finished" not in self._flags:
            self._flags.add("finished")
            self._send(b"")

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
            self._send(segment)
        return len(segment)

    # The end.

    def loseConnection(self) -> None:
        """End the connection when all that was written is sent.  Nothing more is read."""
        super().loseConnection()
        schedulerOf(self._network.clock)(0, self._read)

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
        if "reset" not in self._flags:
            self._tellOther(reason)
        if self.protocol is not None:
            self._tell(lambda protocol: protocol.connectionLost(reason))
        self._ended(reason)

    def _tellOther(self, reason: Failure) -> None:
        if reason.check(ConnectionAborted):
            self._answer(self._other._wasReset)
        elif not reason.check(ConnectionDone):
            self._sendReset()
        else:
            self._finish()
            if any(self._unread):
                # The other end waits for an acknowledgement of bytes that nobody will read.
                self._sendReset()

    def abandon(self) -> None:
        """
        End the connection without telling the protocol, as when a process is killed.  The operating
        system of the host resets the connection.
        """
        self._network.streams.connections.discard(self)
        self.disconnected, self.connected = 1, 0
        self._flags.clear()
        self._sendReset()

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
