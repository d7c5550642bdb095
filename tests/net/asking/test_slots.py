"""
More queries than a node runs at once.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from twisted.internet.defer import CancelledError, Deferred, gatherResults
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTNode, NodeDestroyed, NoResponse, QueryStream, TooManyRequests, values
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import QUERY_QUEUE, QUERY_WINDOW
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted._net.asking.driver import Start
from dwdht_twisted._net.asking.slots import QuerySlots
from tests.helpers.networks.doubles import Consumer
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase
from tests.helpers.networks.values import ValueNetwork


class Query:
    """
    A query that records its turns.

    :param turns: a list to which the query appends itself
    :ivar onRun: called at each turn
    """

    def __init__(self, turns: list[Query]) -> None:
        self._turns = turns
        self.onRun: Callable[[], None] = lambda: None

    def run(self) -> None:
        """Record the turn."""
        self._turns.append(self)
        self.onRun()


class QuerySlotsTests(SynchronousTestCase):
    """
    The slots alone, all of which are taken at first.
    """

    def setUp(self) -> None:
        self.slots = QuerySlots()
        self.turns: list[Query] = []
        self.first = self.requested(QUERY_WINDOW)
        self.assertEqual(self.turns, self.first)
        self.turns.clear()

    def requested(self, count: int, hasBegun: bool = False) -> list[Query]:
        """Return new queries that have requested a slot."""
        queries = [Query(self.turns) for _ in range(count)]
        for query in queries:
            self.slots.request(query, hasBegun=hasBegun)
        return queries

    def test_queriesRunInTheirOrder(self) -> None:
        """Each slot that is released goes to the query that has waited longest."""
        waiting = self.requested(3)
        self.assertEqual((self.turns, self.slots.waiting), ([], 3))
        for count, query in enumerate(self.first[:4], 1):
            self.slots.release(query)
            self.assertEqual(self.turns, waiting[:count])
        self.assertEqual((self.slots.running, self.slots.waiting), (QUERY_WINDOW - 1, 0))

    def test_begunQueryRunsBeforeNewOnes(self) -> None:
        """A query that has begun gets a slot before those that have not."""
        [new] = self.requested(1)
        [begun] = self.requested(1, hasBegun=True)
        self.slots.release(self.first[0])
        self.slots.release(self.first[1])
        self.assertEqual(self.turns, [begun, new])

    def test_queryThatLeavesTheQueueGetsNoSlot(self) -> None:
        """A query that releases its place in the queue gets no slot. The next one gets it."""
        left, stays = self.requested(2)
        self.slots.release(left)
        self.slots.release(self.first[0])
        self.assertEqual(self.turns, [stays])
        self.assertFalse(self.slots.has(left))

    def test_fullQueueRefusesOnlyNewQueries(self) -> None:
        """
        A full queue refuses a new query with `TooManyRequests` and the number of waiting queries.
        It takes a query that has begun.
        """
        self.requested(QUERY_QUEUE)
        with self.assertRaises(TooManyRequests) as caught:
            self.requested(1)
        self.assertIn(f"{QUERY_QUEUE} queries wait already", str(caught.exception))
        [begun] = self.requested(1, hasBegun=True)
        self.slots.release(self.first[0])
        self.assertEqual(self.turns, [begun])

    def test_queriesThatEndAtOnceNestNoCalls(self) -> None:
        """All of 5,000 waiting queries that end in their own turn get one turn each."""
        waiting = self.requested(5000)
        for query in waiting:
            query.onRun = partial(self.slots.release, query)
        self.slots.release(self.first[0])
        self.assertEqual(self.turns, waiting)

    def test_stoppedSlotsRunNoWaitingQuery(self) -> None:
        """After ``stop``, a released slot goes to no query that waited."""
        self.requested(3)
        self.slots.stop()
        self.slots.release(self.first[0])
        self.assertEqual((self.turns, self.slots.waiting), ([], 0))


class WaitingQueryTests(NodeTestCase):
    """
    A node whose slots are taken by queries to a silent peer.
    """

    def setUp(self) -> None:
        super().setUp()
        self.asker: DHTNode = self.node(ephemeral=True)
        self.silent = self.peer()
        self.other = self.peer(answers="serve")

    def ask(self, count: int = 1) -> list[Deferred[object]]:
        """Begin queries to the silent peer, and return their ends."""
        nodes = [self.silent.address]
        streams = [
            self.asker.query(COMMAND, self.target(), nodes=nodes, holepunching=False)
            for _ in range(count)
        ]
        return [stream.collect().addErrback(lambda reason: reason.value) for stream in streams]

    def askOther(self) -> QueryStream:
        """Return the unread stream of a query to the peer that answers."""
        return self.asker.query(COMMAND, self.target(), nodes=[self.other.address])

    def test_queryWaitsForASlot(self) -> None:
        """
        A query that is begun while all slots are taken sends nothing until another query has ended.
        Then it succeeds.
        """
        self.ask(QUERY_WINDOW)
        waiting = self.askOther().collect()
        self.clock.runFor(0.1)
        self.assertEqual(self.other.requests, [])
        self.assertEqual(self.asker._parts.queries.waiting, 1)
        self.assertEqual(len(self.clock.runUntil(waiting, limit=REQUEST_SECONDS)), 1)

    def test_queryBeyondTheQueueSendsNothing(self) -> None:
        """
        A query beyond the full queue fails at once with `TooManyRequests`, and sends nothing. Its
        consumer is unregistered.
        """
        self.ask(QUERY_WINDOW + QUERY_QUEUE)
        consumer = Consumer()
        self.failureResultOf(self.askOther().startProducing(consumer), TooManyRequests)
        self.assertIsNone(consumer.producer)
        self.assertEqual(self.other.requests, [])

    def test_cancelledQueryLeavesTheQueue(self) -> None:
        """A query that is cancelled while it waits leaves the queue, and never sends anything."""
        self.ask(QUERY_WINDOW)
        waiting = self.askOther().collect()
        waiting.cancel()
        self.failureResultOf(waiting, CancelledError)
        self.assertEqual(self.asker._parts.queries.waiting, 0)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(self.other.requests, [])

    def test_droppedLoopLeavesTheQueue(self) -> None:
        """A stream that an ``async for`` waits for, and that is then freed, leaves the queue."""
        self.ask(QUERY_WINDOW)
        stream = self.askOther()
        stream.__aiter__()
        self.assertEqual(self.asker._parts.queries.waiting, 1)
        del stream
        self.clock.runFor(0)
        self.assertEqual(self.asker._parts.queries.waiting, 0)

    def test_destroyedNodeFailsWaitingQueries(self) -> None:
        """Queries that wait when the node is destroyed fail with `NodeDestroyed`, each once."""
        ends = self.ask(QUERY_WINDOW)
        waiting = [self.askOther().collect() for _ in range(100)]
        self.asker.destroy()
        for each in waiting:
            self.failureResultOf(each, NodeDestroyed)
        for end in ends:
            self.assertIsInstance(self.successResultOf(end), NodeDestroyed)
        self.assertEqual(self.other.requests, [])

    def test_pausedStreamsHoldNoSlot(self) -> None:
        """
        Three times as many paused streams as there are slots keep no other query waiting. Resumed,
        all of them end.
        """
        streams = [self.askOther() for _ in range(3 * QUERY_WINDOW)]
        ends = []
        for stream in streams:
            ends.append(stream.startProducing(Consumer()))
            stream.pauseProducing()
        self.clock.runUntil(self.askOther().collect(), limit=1)
        for stream in streams:
            stream.resumeProducing()
        self.clock.runUntil(gatherResults(ends), limit=5)

    def test_streamThatIsPausedWhileItWaitsLeavesTheQueue(self) -> None:
        """A stream that is paused while it waits gets its slot only after it is resumed."""
        self.ask(QUERY_WINDOW)
        stream = self.askOther()
        end = stream.startProducing(Consumer())
        stream.pauseProducing()
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(self.other.requests, [])
        stream.resumeProducing()
        self.clock.runUntil(end, limit=1)

    def test_streamResumedBeforeItIsReadTakesNoSlot(self) -> None:
        """Streams that are resumed before they are read take no slot."""
        streams = [self.askOther() for _ in range(QUERY_WINDOW)]
        for stream in streams:
            stream.resumeProducing()
        self.clock.runUntil(self.askOther().collect(), limit=1)

    def test_updateHasItsSlotUntilItsCommitHasEnded(self) -> None:
        """
        A waiting query begins when the commits of the updates before it are answered, and not when
        their queries are.
        """
        taker = self.peer()
        held: list[tuple[wire.RequestMessage, HostPort]] = []

        def answer(message: wire.RequestMessage, source: HostPort) -> None:
            if message.roundtripToken is None:
                taker.serve(message, source, token=bytes(32))
            else:
                held.append((message, source))

        taker.onRequest = answer
        updates = [
            self.asker.update(COMMAND, self.target(), b"x", nodes=[taker.address]).collect()
            for _ in range(QUERY_WINDOW)
        ]
        waiting = self.askOther().collect()
        self.clock.runUntil(lambda: len(held) == QUERY_WINDOW)
        self.clock.runFor(0.1)
        self.assertEqual(self.other.requests, [])
        for message, source in held:
            taker.serve(message, source, token=bytes(32))
        self.clock.runUntil(gatherResults([*updates, waiting]), limit=1)

    def test_fullQueueDelaysNoLookupOfTheNodeItself(self) -> None:
        """
        A node whose queue of queries is full joins its network within a second, and fails within a
        minute if no node answers.
        """
        members = self.swarm(5)
        self.asker = self.node(bootstrap=[self.bootstrap], listens=False)
        self.ask(QUERY_WINDOW + 1000)
        self.clock.runUntil(self.asker.ready(), limit=1)
        self.assertGreaterEqual(len(self.asker.contacts()), len(members) - 1)
        self.clock.runUntil(self.asker.bootstrap(), limit=1)

    def test_queryThatCannotBeginLeavesItsSlot(self) -> None:
        """
        A waiting query whose beginning raises an unexpected exception fails with it. The query that
        has released the slot does not notice, and the next one gets the slot.
        """

        def begin(proceed: object, dueSince: float) -> Start:
            raise ZeroDivisionError

        first = self.askOther().collect()
        self.ask(QUERY_WINDOW - 1)
        broken, last = self.askOther(), self.askOther()
        broken._begin = begin
        failed, done = broken.collect(), last.collect()
        self.clock.runUntil(done, limit=1)
        self.failureResultOf(failed, ZeroDivisionError)
        self.assertEqual(len(self.successResultOf(first)), 1)

    def test_waitingQueriesOfALostNodeFail(self) -> None:
        """Each of 1,000 queries of a node whose bootstrap node is dead fails with `NoResponse`."""
        asker = self.node(ephemeral=True, bootstrap=[self.silent.address])
        queries = [asker.query(COMMAND, self.target()).collect() for _ in range(1000)]
        self.clock.runFor(1000 / QUERY_WINDOW * REQUEST_SECONDS)
        for query in queries:
            self.failureResultOf(query, NoResponse)


class ManyPutsTests(SynchronousTestCase):
    """
    More puts at once than there is room for their requests.
    """

    def test_eachPutOfThousandReachesTheClosest(self) -> None:
        """
        A node begins 1,000 puts at once. Each of the values is stored on exactly the 20 nodes
        closest to its key.
        """
        network = ValueNetwork(40)
        visitor = network.visitor()
        network.clock.runUntil(values.get(visitor, bytes(32)).addErrback(lambda _: None))
        puts = [values.put(visitor, b"value %d" % number) for number in range(1000)]
        for key in network.clock.runUntil(gatherResults(puts), limit=300):
            self.assertEqual(network.holders(key), set(network.closest(key)))
        self.assertEqual([member.counters.rateLimited for member in network.members], [0] * 40)
