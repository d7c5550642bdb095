"""
Values of other implementations that are larger than those of `values.put`.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import NoCloseNodes, values
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.values.stores.bounds import MAXIMUM_KEPT_BYTES
from tests.helpers.networks.values import ValueNetwork

#: The largest payload of a datagram with such a value, in bytes.
LARGEST_DATAGRAM = 1400


class LargerValueTests(SynchronousTestCase):
    """
    A network of 30 nodes that keep values. A visitor stores values there as other implementations
    do, by an update without a limit on the size.
    """

    def setUp(self) -> None:
        self.network = ValueNetwork(30)
        self.visitor = self.network.visitor()
        self.nodes = [self.visitor]
        self.addCleanup(self.destroyVisitors)

    def destroyVisitors(self) -> None:
        for node in self.nodes:
            self.network.clock.runUntil(node.destroy())

    def test_largestUpdateOfAnOriginalFitsADatagram(self) -> None:
        """
        A member of another implementation sends an update with a value of 1,285 bytes in a datagram
        of 1,400 bytes.
        """
        body = wire.requestBody(
            values.COMMAND,
            bytes(32),
            bytes(32),
            roundtripToken=bytes(32),
            value=bytes(MAXIMUM_KEPT_BYTES),
        )
        self.assertEqual(len(wire.frameRequest(1, body)), LARGEST_DATAGRAM)

    def test_largerValueIsKeptByAllClosestNodesAndFound(self) -> None:
        """
        Values of 1,001 to 1,285 bytes are kept by all 20 closest nodes. A new ephemeral visitor
        gets them. No answer has more than 1,400 bytes.
        """
        sizes: list[int] = []

        def note(source: HostPort, destination: HostPort, datagram: bytes) -> None:
            if not wire.isRequest(datagram):
                sizes.append(len(datagram))

        self.network.network.onDatagram = note
        reader = self.network.visitor()
        self.nodes.append(reader)
        for size in (1001, 1150, MAXIMUM_KEPT_BYTES):
            value = bytes([size % 256]) * size
            key = values.keyOf(value)
            stream = self.visitor.update(values.COMMAND, key, value)
            self.network.clock.runUntil(stream.collect())
            self.assertEqual(stream.commits, 20)
            self.assertEqual(self.network.holders(key), set(self.network.closest(key)))
            self.assertEqual(self.network.clock.runUntil(values.get(reader, key)), value)
        self.assertLessEqual(max(sizes), LARGEST_DATAGRAM)

    def test_valueOver1285BytesIsKeptByNone(self) -> None:
        """An update with a value of 1,286 bytes is refused by all 20 closest nodes."""
        value = bytes(MAXIMUM_KEPT_BYTES + 1)
        stream = self.visitor.update(values.COMMAND, values.keyOf(value), value)
        with self.assertRaises(NoCloseNodes):
            self.network.clock.runUntil(stream.collect())
        self.assertEqual(self.network.holders(values.keyOf(value)), set())
