"""
A base for tests of large values, and their consumers and producers.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from dwdht_twisted import DHTNode, values
from dwdht_twisted.values import TreeKey, getLarge, putLarge
from tests.helpers.networks.values import ValueNetwork


@implementer(IConsumer)
class Collector:
    """
    A consumer that keeps what it is given.

    :ivar value: all that was written
    :ivar producer: the producer that is registered, or None
    :ivar onRegister: called after a producer was registered
    :ivar onWrite: called after each write
    """

    def __init__(self) -> None:
        self.value = b""
        self.producer: Any = None
        self.onRegister: Callable[[], object] = lambda: None
        self.onWrite: Callable[[], object] = lambda: None

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Note a push producer."""
        assert streaming and self.producer is None
        self.producer = producer
        self.onRegister()

    def unregisterProducer(self) -> None:
        """Forget the producer."""
        assert self.producer is not None
        self.producer = None

    def write(self, data: bytes) -> None:
        """Keep the bytes."""
        self.value += data
        self.onWrite()


class Supply:
    """
    A producer of a value, which writes its next part when it is told to, unless it is paused.

    :param parts: the parts, from which the next one is taken for each write
    :ivar isPaused: whether it may not write
    :ivar isStopped: whether it was stopped
    :ivar written: the number of bytes that it has written
    :ivar end: the Deferred of ``startProducing``
    """

    def __init__(self, parts: list[bytes]) -> None:
        self._parts = parts
        self._consumer: IConsumer | None = None
        self.isPaused = False
        self.isStopped = False
        self.written = 0
        self.end: Deferred[None] = Deferred()

    def startProducing(self, consumer: IConsumer) -> Deferred[None]:
        """Write to a consumer until it pauses the producer."""
        self._consumer = consumer
        self._write()
        return self.end

    def pauseProducing(self) -> None:
        """Write nothing more for now."""
        assert not self.isPaused
        self.isPaused = True

    def resumeProducing(self) -> None:
        """Write again."""
        assert self.isPaused
        self.isPaused = False
        self._write()

    def stopProducing(self) -> None:
        """Write nothing more."""
        self.isStopped = True

    def _write(self) -> None:
        assert self._consumer is not None
        while self._parts and not self.isPaused and not self.isStopped:
            part = self._parts.pop(0)
            self.written += len(part)
            self._consumer.write(part)
        if not self._parts and not self.isPaused and not self.end.called:
            self.end.callback(None)


class TransferTestCase(SynchronousTestCase):
    """
    A base for tests in a network of nodes that keep values.

    :cvar size: the number of these nodes
    """

    size = 30

    def setUp(self) -> None:
        self.random = Random(17)
        self.network = ValueNetwork(self.size)
        self.clock = self.network.clock
        self.nodes: list[DHTNode] = []
        self.addCleanup(self.destroyVisitors)

    def destroyVisitors(self) -> None:
        for node in self.nodes:
            self.clock.runUntil(node.destroy(), limit=1)

    def visitor(self) -> DHTNode:
        """Return a new ephemeral node that has joined."""
        node = self.network.visitor()
        self.nodes.append(node)
        self.clock.runUntil(node.ready())
        return node

    def put(self, value: bytes) -> TreeKey:
        """Store a value."""
        return self.clock.runUntil(putLarge(self.visitor(), value), limit=60)

    def get(self, key: TreeKey, *, offset: int = 0, known: bytes = b"") -> bytes:
        """Find a value, and require that its length is told."""
        consumer = Collector()
        getting = getLarge(self.visitor(), key, consumer, offset=offset, known=known)
        length = self.clock.runUntil(getting, limit=60)
        self.assertEqual(length, offset + len(consumer.value))
        self.assertIsNone(consumer.producer)
        return consumer.value

    def forget(self, value: bytes) -> None:
        """Make all nodes forget a plain value."""
        for store in self.network.stores.values():
            store._drop(values.keyOf(value))

    def sendersWithin(self, seconds: float) -> set[str]:
        """Return the hosts that send a datagram within some seconds."""
        senders: set[str] = set()
        self.network.network.onDatagram = lambda source, _, datagram: senders.add(source[0])
        self.clock.runFor(seconds)
        return senders
