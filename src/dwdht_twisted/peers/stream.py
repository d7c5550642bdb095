"""
The peers of a topic, as a push producer.

A `PeerStream` reads a query stream, whose replies list peers, and gives each peer once.  It is
paused, resumed and stopped as the query stream is.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple
from weakref import ref

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer, IPushProducer
from zope.interface import implementer

from .._awaitable import AwaitableDeferred, awaitable, fromCoroutine
from .._core.wire import Address, Contact, isLoopback, isRoutable
from ..interfaces import Consumer, IQueryStream, Reply
from .messages import decodeAnswer


class Peer(NamedTuple):
    """
    A peer that has announced itself under a topic.

    :ivar address: where the peer is reached.  The node that named it has checked the host, and not
        the port.
    :ivar referrer: the node that named the peer first.  It relays a ping to the peer:
        ``node.holepunch(peer.address, peer.referrer)`` opens a path to a peer that announced the
        port of its node.
    :ivar isLocal: whether the address is the one that the peer has in the local network
    """

    address: Address
    referrer: Contact
    isLocal: bool


class PeerReader:
    """
    Reads the peers of replies, each once.

    :param shared: the first two bytes of the local address in the request, or None
    :ivar namers: the number of replies that have named peers
    """

    def __init__(self, shared: bytes | None) -> None:
        self.namers = 0
        self._shared = shared
        self._known: set[Address] = set()

    def read(self, reply: Reply) -> list[Peer]:
        """The peers of a reply that no earlier reply has named."""
        peers = []
        referrer = reply.node
        answer = list(decodeAnswer(reply.value, self._shared))
        self.namers += bool(answer)
        for named, isLocal in answer:
            address = named
            if isLoopback(named.host) and not isLoopback(referrer.host):
                # The peer is on the machine of the referrer.
                address = Address(referrer.host, named.port)
            elif not isLocal and not isRoutable(named.host, referrer.host):
                # It is in a private network of the referrer.  Here, the address is another host's.
                continue
            if address not in self._known:
                self._known.add(address)
                peers.append(Peer(address, referrer, isLocal))
        return peers


@implementer(IConsumer)
class PeerWriter:
    """
    The consumer of the replies, which writes their peers to a consumer of peers.

    It has no reference to the stream.  So the stream is freed when the user drops it, and then the
    query ends as that of an `IQueryStream` does.

    :param stream: the producer that the consumer gets
    :param consumer: takes the peers
    :ivar isPaused: whether the consumer has paused the stream
    """

    def __init__(self, stream: PeerStream, consumer: IConsumer | Consumer) -> None:
        self._stream = ref(stream)
        self._reader = stream.reader
        self._consumer = consumer
        self._kept: deque[Peer] = deque()
        self.isPaused = False

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Register the stream with the consumer."""
        stream = self._stream()
        assert stream is not None
        self._consumer.registerProducer(stream, True)

    def unregisterProducer(self) -> None:
        """Unregister the stream."""
        self._consumer.unregisterProducer()

    def write(self, data: Reply) -> None:  # type: ignore[override]
        """Write the peers of a reply, or keep them while the stream is paused."""
        self._kept.extend(self._reader.read(data))
        self.flush()

    def flush(self) -> None:
        """Write the peers that were kept, until the stream is paused."""
        while self._kept and not self.isPaused:
            self._consumer.write(self._kept.popleft())  # type: ignore[arg-type]

    def clear(self) -> None:
        """Drop the peers that were kept."""
        self._kept.clear()


@implementer(IConsumer)
class PeerCollection:
    """
    The consumer of `PeerStream.collect`.

    :ivar peers: the peers so far
    """

    def __init__(self) -> None:
        self.peers: list[Peer] = []

    def registerProducer(self, producer: object, streaming: bool) -> None:
        """Do nothing, because this consumer never pauses the producer."""

    def unregisterProducer(self) -> None:
        """Do nothing: there is nothing to release."""

    def write(self, data: Peer) -> None:  # type: ignore[override]
        """Keep a peer."""
        self.peers.append(data)


@implementer(IPushProducer)
class PeerStream:
    """
    The peers of a topic, in the order in which they are found, each address once.

    A stream is read once, by `startProducing`, `collect` or ``async for``.  It asks, pauses, ends
    and fails as the `IQueryStream` does from which it is made.

    :param replies: the answers to a query or an update of the command ``peers``
    :param shared: the first two bytes of the local address in the request, or None
    :ivar reader: reads the peers of the replies
    """

    def __init__(self, replies: IQueryStream, shared: bytes | None) -> None:
        self._replies = replies
        self.reader = PeerReader(shared)
        self._writer: PeerWriter | None = None
        self._unread: deque[Peer] = deque()

    @property
    def responses(self) -> int:
        """The number of nodes that have answered so far."""
        return int(self._replies.responses)

    @property
    def namers(self) -> int:
        """The number of nodes that have named peers so far."""
        return self.reader.namers

    @property
    def errors(self) -> int:
        """The number of nodes that failed to answer, or refused an announcement, so far."""
        return int(self._replies.errors)

    @property
    def commits(self) -> int:
        """The number of nodes that have taken an announcement so far."""
        return int(self._replies.commits)

    def startProducing(self, consumer: IConsumer | Consumer) -> Deferred[None]:
        """
        Register with ``consumer`` as a push producer and write each `Peer` to it.

        :return: as that of `IQueryStream.startProducing`
        :raises ValueError: when the stream was read before, or ``consumer`` isn't a consumer
        """
        if not isinstance(consumer, Consumer):
            raise ValueError(f"an IConsumer is needed, not {consumer!r}")
        writer = PeerWriter(self, consumer)
        self._writer = self._writer or writer
        return self._replies.startProducing(writer)

    def collect(self) -> Deferred[list[Peer]]:
        """
        Run the query to its end.

        :return: fires with the list of all peers; fails as `startProducing` does
        """
        collection = PeerCollection()
        finished = self.startProducing(collection)
        return awaitable(finished.addCallback(lambda _: collection.peers))

    def __aiter__(self) -> PeerStream:
        """Read the stream one peer at a time: ``async for peer in stream``."""
        self._replies.__aiter__()
        return self

    def __anext__(self) -> Deferred[Peer]:
        """
        The next peer.

        :return: fails with ``StopAsyncIteration`` at the end, or as `startProducing` does
        """
        return fromCoroutine(self._next())

    async def _next(self) -> Peer:
        while not self._unread:
            self._unread.extend(self.reader.read(await self._replies.__anext__()))
        return self._unread.popleft()

    def aclose(self) -> Deferred[None]:
        """Stop the query.  ``contextlib.aclosing`` calls this at the end of its block."""
        self.stopProducing()
        closed: AwaitableDeferred[None] = AwaitableDeferred()
        closed.callback(None)
        return closed

    def pauseProducing(self) -> None:
        """
        Ask no further node, and write no further peer, until `resumeProducing`.

        An ``async for`` loop waits meanwhile, after the peers of the reply that it has read.
        """
        if self._writer is not None:
            self._writer.isPaused = True
        self._replies.pauseProducing()

    def resumeProducing(self) -> None:
        """Write the peers that were found during the pause, and go on asking."""
        writer = self._writer
        if writer is not None:
            writer.isPaused = False
            writer.flush()
        if writer is None or not writer.isPaused:
            self._replies.resumeProducing()

    def stopProducing(self) -> None:
        """Cancel the query and its requests, and drop unread peers."""
        self._unread.clear()
        if self._writer is not None:
            self._writer.clear()
        self._replies.stopProducing()


__all__ = ["Peer", "PeerStream"]
