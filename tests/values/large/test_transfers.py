"""
`values.putLarge` and `values.getLarge` in networks in memory.
"""

from __future__ import annotations

from hashlib import sha256
from io import BytesIO

from twisted.internet.defer import CancelledError
from twisted.internet.task import Cooperator
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.client import FileBodyProducer

from dwdht_twisted import DHTNode, InvalidTarget, ValueNotFound, ValueTooLarge, values
from dwdht_twisted._core.limits.bounds import AMPLIFICATION
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.values import Transfer, TreeKey, getLarge, putLarge, treeOf
from dwdht_twisted.values.bounds import MAXIMUM_LARGE_BYTES
from dwdht_twisted.values.large.download import GETS_AT_ONCE
from dwdht_twisted.values.large.upload import PUTS_AT_ONCE
from tests.helpers.networks.transfers import Collector, Supply, TransferTestCase


class LargestValueTests(TransferTestCase):
    """
    A value of 1 MiB in a network of 50 nodes that loses 5 % of the datagrams.
    """

    size = 50

    def test_valueOfOneMebibyteIsFound(self) -> None:
        """
        A put of 1 MiB stores each piece on at least 15 nodes, and a get finds the value, with an
        equal checksum. No node drops a request because of its rate limit. The get asks the nodes
        less than half as often as whole lookups would.
        """
        self.network.network.loss = 0.05
        for store in self.network.stores.values():
            store._maximumAge = 3600
        value = self.random.randbytes(MAXIMUM_LARGE_BYTES)
        transfer = Transfer()
        putting = putLarge(self.visitor(), value, transfer=transfer)
        key = self.clock.runUntil(putting, limit=60)
        self.assertEqual(key, treeOf(value).key)
        self.assertEqual((transfer.length, transfer.bytesDone), (len(value), len(value)))
        self.assertGreaterEqual(transfer.fewestNodes or 0, 15)
        before = self.network.asked()
        self.assertEqual(sha256(self.get(key)).digest(), sha256(value).digest())
        self.assertLess(self.network.asked() - before, 10 * 1087)
        self.assertEqual(sum(node.counters.rateLimited for node in self.network.members), 0)


class ValueTests(TransferTestCase):
    """
    Values of all lengths.
    """

    def test_valueOfAnyLengthIsFound(self) -> None:
        """A value is found unchanged if it is empty, or has 1 to 31,001 bytes."""
        for length in (0, 1, 1000, 1001, self.random.randrange(30_000), 31_001):
            value = self.random.randbytes(length)
            self.assertEqual(self.get(self.put(value)), value)

    def test_loneMemberKeepsAValue(self) -> None:
        """The only member of a network puts a value on itself and gets it."""
        clock = SimulatedClock()
        node = DHTNode(MemoryNetwork(clock).reactor())
        node.register(values.COMMAND, values.ValueHandler(values.MemoryStore(clock)))
        node.listen()
        value = self.random.randbytes(200_000)
        consumer = Collector()
        key = clock.runUntil(putLarge(node, value))
        clock.runUntil(getLarge(node, key, consumer))
        self.assertEqual(consumer.value, value)
        clock.runUntil(node.destroy())

    def test_repeatedPieceIsPutAndFetchedOnce(self) -> None:
        """
        The 50 equal pieces of a value of zeros are put once, and fetched once.
        """
        value = bytes(50_000)
        key = self.put(value)
        stored = {each for store in self.network.stores.values() for each in store._entries}
        self.assertEqual(stored, set(map(values.keyOf, treeOf(value).values)))
        self.assertEqual(len(stored), 4)
        before = self.network.asked()
        self.assertEqual(self.get(key), value)
        self.assertLess(self.network.asked() - before, 4 * 30)

    def test_queriesAreLargeEnoughForTheirAnswers(self) -> None:
        """
        No answer with a piece has more than 14 times the bytes of any query for a piece. So nodes
        neither hold it back nor count it against the budget of the asker.
        """
        key = self.put(self.random.randbytes(100_000))
        reader = self.visitor()
        queries: list[int] = []
        answers: list[int] = []

        def note(source: HostPort, destination: HostPort, datagram: bytes) -> None:
            if values.COMMAND.encode() in datagram:
                queries.append(len(datagram))
            elif len(datagram) > 1000:
                answers.append(len(datagram))

        self.network.network.onDatagram = note
        self.clock.runUntil(getLarge(reader, key, Collector()))
        self.assertGreater(len(answers), 100)
        self.assertLessEqual(max(answers), AMPLIFICATION * min(queries))

    def test_plainValuesOfATreeMayBePutOneByOne(self) -> None:
        """A value is found when each of the plain values of `treeOf` was put alone."""
        value = self.random.randbytes(5000)
        tree = treeOf(value)
        for each in tree.values:
            self.clock.runUntil(values.put(self.network.visitor(), each))
        self.assertEqual(self.get(tree.key), value)


class BackpressureTests(TransferTestCase):
    """
    Consumers and producers that are slower, or faster, than the network.
    """

    def setUp(self) -> None:
        super().setUp()
        self.value = self.random.randbytes(150_000)

    def test_pausedConsumerStopsTheRequests(self) -> None:
        """
        While a consumer has paused a get, nothing is written, and soon nothing is asked for. The
        get has then fetched exactly 32 pieces beyond those that were written.
        """
        key = self.put(self.value)
        consumer = Collector()
        consumer.onWrite = lambda: consumer.producer.pauseProducing()
        getting = getLarge(self.visitor(), key, consumer)
        self.clock.runFor(2)
        for written in (1, 2, 3):
            self.assertEqual(consumer.value, self.value[: written * 1000])
            asked = self.network.asked()
            self.clock.runFor(5)
            self.assertEqual(self.network.asked(), asked)
            consumer.producer.resumeProducing()
            self.clock.runFor(2)
        for piece in treeOf(self.value).values[4 + GETS_AT_ONCE : 150]:
            self.forget(piece)
        consumer.onWrite = lambda: None
        consumer.producer.resumeProducing()
        with self.assertRaisesRegex(ValueNotFound, "^piece 3[67] of 150 of tree:"):
            self.clock.runUntil(getting, limit=60)
        self.assertEqual(len(consumer.value) // 1000, 4 + GETS_AT_ONCE)

    def test_consumerMayStopTheGet(self) -> None:
        """
        A consumer may stop a get while a producer is registered, while it is written to, and later.
        """
        key = self.put(self.value)
        consumer = Collector()
        consumer.onRegister = lambda: consumer.producer.stopProducing()
        self.failureResultOf(getLarge(self.visitor(), key, consumer), CancelledError)
        self.assertIsNone(consumer.producer)
        consumer = Collector()
        consumer.onWrite = lambda: consumer.producer.stopProducing()
        getting = getLarge(self.visitor(), key, consumer)
        with self.assertRaises(CancelledError):
            self.clock.runUntil(getting)
        self.assertEqual(consumer.value, self.value[:1000])
        consumer = Collector()
        consumer.onWrite = lambda: consumer.producer.pauseProducing()
        getting = getLarge(self.visitor(), key, consumer)
        self.clock.runFor(2)
        consumer.producer.stopProducing()
        self.failureResultOf(getting, CancelledError)
        self.assertIsNone(consumer.producer)

    def test_failingConsumerFailsTheGet(self) -> None:
        """A get fails with the exception that its consumer raises, and sends nothing more."""
        key = self.put(self.value)
        consumer = Collector()

        def full() -> None:
            raise OSError("no space left")

        consumer.onWrite = full
        getting = getLarge(self.visitor(), key, consumer)
        with self.assertRaisesRegex(OSError, "no space left"):
            self.clock.runUntil(getting)
        self.assertIsNone(consumer.producer)

    def test_producerIsPaused(self) -> None:
        """
        A producer is read only as fast as its pieces are stored: at most 32 pieces and one part are
        read beyond them. The value is then found.
        """
        parts = [self.value[at : at + 700] for at in range(0, len(self.value), 700)]
        source, transfer = Supply(parts), Transfer()
        putting = putLarge(self.visitor(), source, transfer=transfer)
        most = 0
        while not putting.called:
            self.clock.runFor(0.01)
            most = max(most, source.written - transfer.bytesDone)
        self.assertLess(most, (PUTS_AT_ONCE + 2) * 1000 + 700)
        self.assertEqual(transfer.bytesDone, len(self.value))
        self.assertEqual(self.get(self.successResultOf(putting)), self.value)

    def test_fileIsPut(self) -> None:
        """A put reads a file by a ``FileBodyProducer``, whose length is known from the start."""
        cooperator = Cooperator(scheduler=lambda call: self.clock.callLater(0.001, call))
        source = FileBodyProducer(BytesIO(self.value), cooperator, readSize=4096)
        transfer = Transfer()
        putting = putLarge(self.visitor(), source, transfer=transfer)
        self.assertEqual(transfer.length, len(self.value))
        self.assertEqual(self.get(self.clock.runUntil(putting)), self.value)

    def test_tooLongProducerIsStopped(self) -> None:
        """A put fails with ValueTooLarge, and stops its producer, after 1,048,576 bytes."""
        source = Supply([bytes(600_000) for _ in range(5)])
        putting = putLarge(self.visitor(), source)
        with self.assertRaisesRegex(ValueTooLarge, "up to 1048576 bytes"):
            self.clock.runUntil(putting)
        self.assertTrue(source.isStopped)
        self.assertEqual(source.written, 1_200_000)

    def test_failingProducerFailsThePut(self) -> None:
        """A put fails as its producer does."""
        source = Supply([self.value[:5000], self.value])
        source.startProducing = lambda consumer: source.end  # type: ignore[method-assign]
        putting = putLarge(self.visitor(), source)
        self.clock.runFor(1)
        source.end.errback(OSError("the file is gone"))
        self.failureResultOf(putting, OSError)


class ArgumentTests(SynchronousTestCase):
    """
    Arguments that raise an exception at once.
    """

    def setUp(self) -> None:
        self.node = DHTNode(MemoryNetwork(SimulatedClock()).reactor())

    def test_tooLongValueIsRefused(self) -> None:
        """A value of 1,048,577 bytes raises ValueTooLarge."""
        with self.assertRaisesRegex(ValueTooLarge, "up to 1048576 bytes"):
            putLarge(self.node, bytes(MAXIMUM_LARGE_BYTES + 1))

    def test_tooLongFileIsRefused(self) -> None:
        """A producer whose length is 1,048,577 bytes raises ValueTooLarge, and is not started."""
        source = FileBodyProducer(BytesIO(bytes(MAXIMUM_LARGE_BYTES + 1)))
        with self.assertRaisesRegex(ValueTooLarge, "up to 1048576 bytes"):
            putLarge(self.node, source)

    def test_otherSourceIsRefused(self) -> None:
        """A source that is neither bytes nor a producer raises TypeError with its type."""
        with self.assertRaisesRegex(TypeError, "must be bytes or an IBodyProducer, not str"):
            putLarge(self.node, "text")  # type: ignore[arg-type]

    def test_negativeOffsetIsRefused(self) -> None:
        """An offset below 0 raises ValueError."""
        with self.assertRaisesRegex(ValueError, "not -1"):
            putLarge(self.node, b"value", offset=-1)
        with self.assertRaisesRegex(ValueError, "not -1"):
            getLarge(self.node, TreeKey(bytes(32)), Collector(), offset=-1)

    def test_plainKeyIsRefused(self) -> None:
        """A key that is bytes raises TypeError, and a root of 31 bytes raises InvalidTarget."""
        with self.assertRaisesRegex(TypeError, "must be a TreeKey, not bytes"):
            getLarge(self.node, bytes(32), Collector())  # type: ignore[arg-type]
        with self.assertRaisesRegex(InvalidTarget, "must be 32 bytes, not 31"):
            getLarge(self.node, TreeKey(bytes(31)), Collector())
