"""
The hand-over of values to nodes that join, and to others when holders leave.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random

from twisted.internet.defer import Deferred, TimeoutError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from dwdht_twisted import Address, DHTNode, values
from dwdht_twisted._core import wire
from dwdht_twisted.errors import NoCloseNodes
from dwdht_twisted.interfaces import ICommandHandler, Request
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.values import HandOver, MemoryStore, keyOf
from dwdht_twisted.values.bounds import HAND_OVER_RATE, OFFER_RATE
from dwdht_twisted.values.keeping import neighbourhood, offers
from dwdht_twisted.values.keeping.handover import OFFER_AGAIN_AFTER, PASS_EVERY
from dwdht_twisted.values.keeping.payloads import HAND_OVER, decodeOffer, encodeLacking, encodeValue

BOOTSTRAP = Address("10.0.0.1", 6620)

#: The seconds in which every node has made a pass after a node has joined.
SOON = 1.5 * PASS_EVERY


class Holder:
    """
    A node that keeps values and hands them on.

    :param isOriginal: whether it lacks the hand-over command, like a node of ``dht-rpc``
    """

    def __init__(self, network: MemoryNetwork, seed: int, *, isOriginal: bool = False) -> None:
        reactor = network.reactor()
        self.host = reactor.host
        self.node = DHTNode(reactor, bootstrap=[BOOTSTRAP], random=Random(seed))
        self.store = MemoryStore(network.clock)
        self.node.register(values.COMMAND, values.ValueHandler(self.store))
        self.service = HandOver(self.node, self.store, reactor, random=Random(-seed))
        if not isOriginal:
            self.service.startService()
        self.node.listen(6620)

    def lifetime(self, key: bytes) -> float:
        """Return the remaining lifetime of a value in seconds, 0 when it is not there."""
        return self.store.remaining(key) or 0.0


@implementer(ICommandHandler)
class Greedy:
    """Claims to lack each value that it is offered, and takes none."""

    def queryReceived(self, request: Request) -> bytes | None:
        """Claim to lack everything."""
        keys = decodeOffer(request.value)
        return encodeLacking([True] * len(keys)) if keys else None

    def updateReceived(self, request: Request) -> Deferred[None]:
        """Never answer."""
        return Deferred()


class HandOverTestCase(SynchronousTestCase):
    """
    A base for tests with holders on a network in memory.

    :ivar holders: the holders that are up
    :ivar joined: the number of holders that have joined so far
    :ivar requests: of each request of the hand-over command: the time, the hosts of its sender and
        its receiver, its bytes, and whether it is an update
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=4, latency=0.02)
        self.bootstrap = DHTNode(self.network.reactor(), ephemeral=True, random=Random(0))
        self.bootstrap.listen(6620)
        self.holders: list[Holder] = []
        self.joined = 0
        self.random = Random(12)
        self.requests: list[tuple[float, str, str, int, bool]] = []
        self.network.onDatagram = self.sent
        self.addCleanup(self.leaveAll)

    def sent(self, source: tuple[str, int], to: tuple[str, int], datagram: bytes) -> None:
        """Note a request of the hand-over command."""
        message = wire.decode(datagram)
        if isinstance(message, wire.RequestMessage) and message.command == HAND_OVER:
            self.requests.append(
                (
                    self.clock.seconds(),
                    source[0],
                    to[0],
                    len(datagram),
                    message.roundtripToken is not None,
                )
            )

    def handedTo(self, host: str) -> int:
        """Return how many values were handed to a host."""
        return sum(isUpdate and to == host for _, _, to, _, isUpdate in self.requests)

    def join(self, count: int = 1, *, isOriginal: bool = False) -> Holder:
        """Add holders, and return the last."""
        for _ in range(count):
            self.joined += 1
            holder = Holder(self.network, self.joined, isOriginal=isOriginal)
            self.clock.runUntil(holder.node.ready())
            self.holders.append(holder)
        return holder

    def leave(self, holder: Holder) -> None:
        """End a holder without a notice to the others."""
        self.holders.remove(holder)
        self.clock.runUntil(holder.service.stopService())
        self.clock.runUntil(holder.node.destroy())

    def leaveAll(self) -> None:
        """End all nodes, and require that no timer is left."""
        for holder in list(self.holders):
            self.leave(holder)
        self.clock.runUntil(self.bootstrap.destroy())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def put(self, *contents: bytes) -> list[bytes]:
        """Put values through a holder, and return their keys."""
        node = self.holders[0].node
        return [self.clock.runUntil(values.put(node, content)) for content in contents]

    def holding(self, key: bytes) -> list[Holder]:
        """Return the holders of a value."""
        return [holder for holder in self.holders if holder.lifetime(key)]


class JoiningTests(HandOverTestCase):
    """
    Nodes that join.
    """

    def test_newcomerGetsItsValuesOnce(self) -> None:
        """
        A node that joins is handed each value for which it is among the 20 closest, once, with the
        remaining lifetime.
        """
        self.join(12)
        keys = self.put(*(b"%d" % number for number in range(40)))
        self.clock.runFor(SOON)
        self.assertEqual([len(self.holding(key)) for key in keys], [12] * 40)
        before = [self.holders[0].lifetime(key) for key in keys]
        newcomer = self.join()
        self.clock.runFor(SOON)
        self.assertEqual([len(self.holding(key)) for key in keys], [13] * 40)
        self.assertEqual(self.handedTo(newcomer.host), 40)
        for key, lifetime in zip(keys, before, strict=True):
            self.assertLess(newcomer.lifetime(key), lifetime - SOON)
            self.assertGreater(newcomer.lifetime(key), lifetime - SOON - 60)
        self.clock.runFor(2 * OFFER_AGAIN_AFTER)
        self.assertEqual(sum(isUpdate for *_, isUpdate in self.requests), 40)

    def test_onlyTheClosestGetAValue(self) -> None:
        """
        In a larger network, a value is handed to all of the 20 nodes closest to its key, and to
        hardly any others.
        """
        self.join(30)
        keys = self.put(*(b"%d" % number for number in range(20)))
        self.clock.runFor(SOON)
        for _ in range(5):
            self.join()
            self.clock.runFor(SOON)
        count = 0
        for key in keys:
            ranked = sorted(self.holders, key=lambda each: wire.distance(each.node.id, key))
            self.assertLessEqual(set(ranked[:20]), set(self.holding(key)))
            count += len(self.holding(key))
        # With five newcomers, up to five nodes are no more among the closest.
        self.assertLess(count / len(keys), 26)

    def test_originalGetsNothing(self) -> None:
        """A node without the command, like the original's, is handed nothing, and asked seldom."""
        self.join(12)
        self.put(*(b"%d" % number for number in range(40)))
        original = self.join(isOriginal=True)
        self.requests.clear()
        self.clock.runFor(2 * OFFER_AGAIN_AFTER)
        self.assertEqual(self.handedTo(original.host), 0)
        self.assertEqual(len(original.store), 0)
        asked = sum(to == original.host for _, _, to, _, _ in self.requests)
        self.assertLessEqual(asked, 12 * 4)

    def test_trafficIsBounded(self) -> None:
        """However many values a newcomer lacks, a node sends it values at the stated rate."""
        self.join(2)
        self.put(*(bytes([number]) * 1000 for number in range(200)))
        self.clock.runFor(SOON)
        newcomer = self.join()
        self.clock.runFor(2 * SOON)
        self.assertEqual(len(newcomer.store), 200)
        for holder in self.holders:
            sent = [when for when, host, *_ in self.requests if host == holder.host]
            for start in sent:
                within = sum(start <= when < start + 10 for when in sent)
                self.assertLessEqual(within, 10 * (2 * HAND_OVER_RATE + OFFER_RATE) + 2)

    def test_largeStoreIsHandedOnInSeveralPasses(self) -> None:
        """A newcomer that lacks more values than it is handed in one pass gets the others later."""
        self.patch(offers, "HANDED_ON_PER_CONTACT", 10)
        self.join(1)
        self.put(*(b"%d" % number for number in range(25)))
        self.clock.runFor(SOON)
        newcomer = self.join()
        counts = []
        for _ in range(5):
            self.clock.runFor(PASS_EVERY)
            counts.append(len(newcomer.store))
        self.assertEqual(counts[-1], 25)
        self.assertLessEqual(max(after - before for before, after in pairwise(counts)), 20)

    def test_nobodyHoldsUpTheOthers(self) -> None:
        """Nodes that claim to lack all values, and then take none, don't delay those that do."""
        self.join(1)
        self.put(*(b"%d" % number for number in range(200)))
        for seed in range(3):
            idle = DHTNode(self.network.reactor(), bootstrap=[BOOTSTRAP], random=Random(50 + seed))
            idle.register(HAND_OVER, Greedy())
            self.addCleanup(lambda node: self.clock.runUntil(node.destroy()), idle)
            idle.listen(6620)
            self.clock.runUntil(idle.ready())
        # A holder would rely on three nodes that are closer to a value.
        self.patch(neighbourhood, "OFFERING_HOLDERS", 5)
        newcomer = self.join()
        self.clock.runFor(2 * SOON)
        self.assertEqual(len(newcomer.store), 200)
        self.flushLoggedErrors(TimeoutError)

    def test_stopEndsAtOnce(self) -> None:
        """A hand-over is stopped at any moment, at once, and leaves no timer."""
        self.join(4)
        self.put(*(b"%d" % number for number in range(40)))
        newcomer = self.join()
        self.clock.runFor(0.7 * PASS_EVERY)
        for holder in self.holders[:4]:
            self.clock.runFor(self.random.uniform(0, 0.4 * PASS_EVERY))
            self.assertTrue(holder.service.stopService().called)
            requests = sum(source == holder.host for _, source, *_ in self.requests)
            self.clock.runFor(SOON)
            again = sum(source == holder.host for _, source, *_ in self.requests)
            self.assertEqual(again, requests)
        self.assertGreater(len(newcomer.store), 0)


class LeavingTests(HandOverTestCase):
    """
    Holders that leave.
    """

    def test_othersTakeThePlaceOfThoseThatLeave(self) -> None:
        """When holders leave one after the other, others get their values, so 20 hold a value."""
        self.join(26)
        keys = self.put(*(b"%d" % number for number in range(20)))
        self.clock.runFor(SOON)
        for _ in range(5):
            self.leave(self.holding(keys[0])[0])
        self.clock.runFor(2 * OFFER_AGAIN_AFTER)
        for key in keys:
            ranked = sorted(self.holders, key=lambda each: wire.distance(each.node.id, key))
            self.assertLessEqual(set(ranked[:20]), set(self.holding(key)))

    def test_valuesOutliveTheirFirstHolders(self) -> None:
        """A value has holders after all of its first ones have left, while new nodes have come."""
        self.join(12)
        (key,) = self.put(b"value")
        first = list(self.holders)
        for holder in first:
            self.join()
            self.clock.runFor(SOON)
            self.leave(holder)
        self.assertGreaterEqual(len(self.holding(key)), 11)
        found = values.get(self.holders[3].node, key)
        self.assertEqual(self.clock.runUntil(found), b"value")

    def test_nothingOutlivesItsTime(self) -> None:
        """
        A value that nobody puts again expires at all nodes a day after its put, however often it
        was handed on.
        """
        self.join(8)
        (key,) = self.put(b"value")
        end = self.clock.seconds() + 86400
        for _ in range(12):
            self.join()
            self.clock.runFor(SOON)
            self.leave(self.holders[0])
        self.assertEqual(len(self.holding(key)), 8)
        for holder in self.holders:
            self.assertLessEqual(self.clock.seconds() + holder.lifetime(key), end)


class ReceivingTests(HandOverTestCase):
    """
    What a node takes from others.
    """

    def setUp(self) -> None:
        super().setUp()
        self.receiver = self.join()
        self.sender = DHTNode(self.network.reactor(), random=Random(99))
        self.addCleanup(lambda: self.clock.runUntil(self.sender.destroy()))

    def hand(self, key: bytes, payload: bytes) -> bool:
        """Hand a payload to the receiver, and return whether it was taken."""
        stream = self.sender.update(HAND_OVER, key, payload, nodes=[(self.receiver.host, 6620)])
        try:
            self.clock.runUntil(stream.collect())
        except NoCloseNodes:
            return False
        return True

    def test_lifetimeIsBounded(self) -> None:
        """A value is kept for as long as it was handed on with, but at most for the store's age."""
        for told, kept in ((100, 100), (86400, 86400), (1 << 31, 86400)):
            content = b"%d" % told
            self.assertTrue(self.hand(keyOf(content), encodeValue(told, content)))
            self.assertLessEqual(abs(self.receiver.lifetime(keyOf(content)) - kept), 1)

    def test_heldValueStaysAsItIs(self) -> None:
        """
        A hand-over neither prolongs nor shortens the lifetime of a value that the node holds. A
        put prolongs it.
        """
        key = keyOf(b"value")
        self.hand(key, encodeValue(1000, b"value"))
        for lifetime in (10, 5000):
            self.assertTrue(self.hand(key, encodeValue(lifetime, b"value")))
            self.assertLessEqual(abs(self.receiver.lifetime(key) - 1000), 2)
        self.put(b"value")
        self.assertLessEqual(abs(self.receiver.lifetime(key) - 86400), 2)

    def test_sharesCountForTheSender(self) -> None:
        """A value that was handed on counts for the host that handed it on."""
        self.hand(keyOf(b"value"), encodeValue(1000, b"value"))
        (entry,) = self.receiver.store.entries()
        self.assertEqual(entry.publisher, self.network.reactor(self.senderHost()).host)

    def senderHost(self) -> str:
        """Return the host of the sender."""
        (host,) = {source for _, source, to, _, _ in self.requests if to == self.receiver.host}
        return host

    def test_wrongValuesAreRefused(self) -> None:
        """
        A value under another key, without a lifetime, or too large is refused, and so is anything
        that is no value.
        """
        large = bytes(1286)
        for key, payload in (
            (keyOf(b"other"), encodeValue(1000, b"value")),
            (keyOf(b"value"), encodeValue(0, b"value")),
            (keyOf(large), encodeValue(1000, large)),
            (keyOf(b""), b"\0\0\1"),
        ):
            self.assertFalse(self.hand(key, payload))
        self.assertEqual(len(self.receiver.store), 0)

    def test_queryChangesNothing(self) -> None:
        """A query with the payload of an update changes nothing, as its address may be forged."""
        stream = self.sender.query(
            HAND_OVER,
            keyOf(b"value"),
            encodeValue(1000, b"value"),
            nodes=[(self.receiver.host, 6620)],
        )
        (reply,) = self.clock.runUntil(stream.collect())
        self.assertIsNone(reply.value)
        self.assertEqual(len(self.receiver.store), 0)

    def test_floodOfOffersIsBounded(self) -> None:
        """Of many offers at once, only few are answered."""
        payload = bytes(32 * 32)
        asked = [
            self.sender.query(
                HAND_OVER, self.receiver.node.id, payload, nodes=[(self.receiver.host, 6620)]
            ).collect()
            for _ in range(200)
        ]
        replies = [self.clock.runUntil(each)[0].value for each in asked]
        self.assertLess(len([each for each in replies if each]), 120)
        self.assertIn(b"\xff" * 4, replies)
