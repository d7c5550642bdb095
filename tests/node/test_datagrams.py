"""
Datagrams between a node and its transport: failed sends, odd sources, faults and counters.
"""

from __future__ import annotations

from typing import Any, cast

from dwdht_twisted import DHTNode, RequestTimeout
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort
from tests.helpers.networks.nodes import COMMAND, NodeTestCase


class _RefusingTransport:
    """
    A transport on which every write raises ConnectionRefusedError.
    """

    def write(self, datagram: bytes, address: HostPort) -> None:
        """Raise the error that some systems raise after a datagram to a closed port."""
        raise ConnectionRefusedError

    def stopListening(self) -> None:
        pass


class DatagramTests(NodeTestCase):
    """
    A node and the transport below it.
    """

    def test_refusedSendsAreCounted(self) -> None:
        """
        The operating system refuses all four transmissions of a ping. Each one is counted, and the
        ping times out.
        """
        node = self.node(listens=False)
        node.listen(0, "127.0.0.1")
        with self.assertRaises(RequestTimeout):
            self.clock.runUntil(node.ping("10.9.9.9:9"))
        self.assertEqual(node.counters.sendFailures, 4)

    def test_closedPortOfAPeerIsNoSendFailure(self) -> None:
        """
        A ``ConnectionRefusedError`` on a write isn't counted as a send failure, because an earlier
        datagram to a closed port caused it.
        """
        node = self.node(listens=False)
        node.makeConnection(cast(Any, _RefusingTransport()))
        with self.assertRaises(RequestTimeout):
            self.clock.runUntil(node.ping("10.9.9.9:9"))
        self.assertEqual(node.counters.sendFailures, 0)

    def test_datagramFromPortZeroIsMalformed(self) -> None:
        """
        A datagram from port 0 is counted as malformed, because no answer can be sent to this port.
        """
        node = self.node()
        body = wire.requestBody(wire.PING, self.target())
        node.datagramReceived(wire.frameRequest(1, body), ("10.9.9.9", 0))
        self.assertEqual((node.counters.malformed, node.counters.requestsReceived), (1, 0))

    def test_eachRequestCountsOnce(self) -> None:
        """Three requests of one peer, with different commands, are counted as three."""
        node, peer = self.node(), self.peer(answers="pong")
        for command in (wire.PING, wire.FIND_NODE, COMMAND):
            peer.ask(self.addressOf(node), command, self.target())
        self.clock.runFor(1)
        self.assertEqual(node.counters.requestsReceived, 3)

    def test_countersStartAtZero(self) -> None:
        """All counters of a new node are 0."""
        counts = self.node().counters.asDict()
        self.assertIn("requestsReceived", counts)
        self.assertEqual(set(counts.values()), {0})

    def test_faultOfTheNodeCostsOneDatagram(self) -> None:
        """An exception in the node's own code is logged. The next datagram is answered."""

        class Faulty(DHTNode):
            def _takesUpdates(self, command: str) -> bool:
                raise ZeroDivisionError

        node = self.node(kind=Faulty)
        peer = self.peer(answers="pong")
        peer.ask(self.addressOf(node), COMMAND, self.target())
        self.clock.runFor(1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        peer.ask(self.addressOf(node), wire.PING)
        self.clock.runFor(1)
        self.assertEqual(len(peer.responses), 1)
