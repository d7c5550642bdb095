"""
What a node takes of what others hand on, and how it answers offers.
"""

from __future__ import annotations

from random import Random

from dwdht_twisted import DHTNode
from dwdht_twisted._core import wire
from dwdht_twisted.errors import NoCloseNodes, StoreFailed
from dwdht_twisted.values import keyOf
from dwdht_twisted.values.keeping import receiving
from dwdht_twisted.values.keeping.payloads import HAND_OVER, LATER, encodeLacking, encodeValue
from tests.helpers.networks.holders import HandOverTestCase


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

    def offer(self, keys: list[bytes], *, isUpdate: bool = False) -> bytes | None:
        """Offer keys to the receiver, by a query or by an update, and return its answer."""
        ask = self.sender.update if isUpdate else self.sender.query
        nodes = [(self.receiver.host, 6620)]
        stream = ask(HAND_OVER, self.receiver.node.id, b"".join(keys), nodes=nodes)
        (reply,) = self.clock.runUntil(stream.collect())
        return reply.value

    def test_offerMayBeAnUpdate(self) -> None:
        """An offer by an update is answered like one by a query."""
        self.hand(keyOf(b"value"), encodeValue(1000, b"value"))
        keys = [keyOf(b"value"), keyOf(b"other")]
        for isUpdate in (False, True):
            self.assertEqual(self.offer(keys, isUpdate=isUpdate), encodeLacking([False, True]))

    def test_offersByUpdatesHaveTheirOwnRate(self) -> None:
        """After a flood of offers in queries, only a further one in an update is answered."""
        self.patch(receiving, "OFFERS_ANSWERED", 1.0)
        self.receiver = self.join()
        offer = wire.requestBody(HAND_OVER, None, self.receiver.node.id, value=bytes(32))
        for number in range(20):
            source = (f"10.9.9.{number + 1}", 5000)
            self.receiver.node.datagramReceived(wire.frameRequest(number, offer), source)
        self.assertEqual(self.offer([bytes(32)]), LATER)
        self.assertEqual(self.offer([bytes(32)], isUpdate=True), encodeLacking([True]))

    def test_storeThatFailsPutsOffersOff(self) -> None:
        """A node whose store fails puts offers off, so that they are made again soon."""

        def fail(key: bytes) -> float:
            raise StoreFailed("the disk is gone")

        self.patch(self.receiver.store, "remaining", fail)
        self.assertEqual(self.offer([bytes(32)]), LATER)

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
