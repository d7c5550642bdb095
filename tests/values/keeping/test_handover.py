"""
The hand-over of values to nodes that join, and to others when holders leave.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random

from twisted.internet.defer import TimeoutError
from twisted.internet.task import LoopingCall

from dwdht_twisted import DHTNode, values
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits import FairRate
from dwdht_twisted.values.bounds import HAND_OVER_RATE, OFFER_RATE
from dwdht_twisted.values.keeping import neighbourhood, offers, receiving
from dwdht_twisted.values.keeping.handover import OFFER_AGAIN_AFTER, PASS_EVERY
from dwdht_twisted.values.keeping.payloads import (
    HAND_OVER,
)
from tests.helpers.networks.holders import BOOTSTRAP, SOON, Greedy, HandOverTestCase


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

    def test_forgedOffersKeepNoValueFromANewcomer(self) -> None:
        """
        A node that joins is handed all values, although it gets four times as many forged offers as
        it answers all the time.
        """
        self.patch(receiving, "OFFERS_ANSWERED", 5.0)
        self.join(4)
        self.put(*(b"%d" % number for number in range(40)))
        newcomer = self.join()
        offer = wire.requestBody(HAND_OVER, None, newcomer.node.id, value=bytes(32))

        def forge() -> None:
            source = (f"10.9.{self.random.randrange(256)}.{self.random.randrange(1, 255)}", 5000)
            datagram = wire.frameRequest(self.random.getrandbits(15), offer)
            newcomer.node.datagramReceived(datagram, source)

        flood = LoopingCall(forge)
        flood.clock = self.clock
        flood.start(1 / 20)
        self.clock.runFor(SOON)
        flood.stop()
        self.assertEqual(len(newcomer.store), 40)

    def test_refusalForWantOfRateIsNoLackOfTheCommand(self) -> None:
        """
        A node that answers no offers for ten minutes, because it gets too many, is handed all its
        values within the next pass, and not an hour later.
        """
        self.patch(receiving, "OFFERS_ANSWERED", 0.0)
        self.join(4)
        self.put(*(b"%d" % number for number in range(40)))
        newcomer = self.join()
        self.clock.runFor(600)
        self.assertEqual(len(newcomer.store), 0)
        handler = newcomer.service._handler
        handler._queried, handler._updated = FairRate(50.0), FairRate(50.0)
        self.clock.runFor(SOON)
        self.assertEqual(len(newcomer.store), 40)

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
