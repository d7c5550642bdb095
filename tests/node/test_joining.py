"""
Joining a network, through bootstrap nodes or contacts of an earlier run.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import LogLevel, capturedLogs, formatEvent

from dwdht_twisted import CannotListen, Contact, NoResponse
from dwdht_twisted._core.limits.bounds import MAXIMUM_RECALLED
from dwdht_twisted._core.routing import K
from dwdht_twisted._net.upkeep.retrying import FIRST_RETRY
from dwdht_twisted._net.upkeep.upkeep import INTERVAL
from tests.helpers.networks.nodes import REQUEST_SECONDS, NodeTestCase


class ReadyTests(NodeTestCase):
    """
    `DHTNode.ready` and `DHTNode.bootstrap`.
    """

    def test_nodeWithoutBootstrapNodesIsReadyAtOnce(self) -> None:
        """
        A node without bootstrap nodes is ready at once, and its ``bootstrap`` succeeds at once.
        """
        node = self.node()
        self.successResultOf(node.ready())
        self.successResultOf(node.bootstrap())

    def test_readyFiresOnceTheTableIsBuilt(self) -> None:
        """
        ``ready`` fires when the node's first table holds at least half of a bucket, and at once
        from then on.
        """
        nodes = self.swarm(30)
        node = self.node(bootstrap=[self.bootstrap])
        ready = node.ready()
        self.assertNoResult(ready)
        self.clock.runUntil(ready)
        self.assertGreaterEqual(len(node.contacts()), min(K, len(nodes)) // 2)
        self.successResultOf(node.ready())

    def test_cancelledReadyLeavesOthersWaiting(self) -> None:
        """
        A cancelled ``ready`` fails with ``CancelledError``, and a second one still fires.
        """
        self.swarm(2)
        node = self.node(bootstrap=[self.bootstrap])
        first, second = node.ready(), node.ready()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.clock.runUntil(second)

    def test_readySucceedsOnceABootstrapNodeCame(self) -> None:
        """
        ``ready`` fails while no bootstrap node answers, and succeeds within 60 seconds once one
        does.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        for _ in range(2):
            with self.assertRaises(NoResponse) as caught:
                self.clock.runUntil(node.ready(), limit=60)
        self.assertEqual(str(caught.exception), "no bootstrap node answered")
        ready = node.ready()
        self.node("10.1.1.1", port=7000)
        self.clock.runUntil(ready, limit=60)
        self.assertEqual(len(node.contacts()), 1)

    def test_readySucceedsOnceAnotherNodeCame(self) -> None:
        """
        A node whose bootstrap nodes are silent is ready within 60 seconds after another node has
        joined through it.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        with self.assertRaises(NoResponse):
            self.clock.runUntil(node.ready())
        ready = node.ready()
        other = self.node(bootstrap=[self.addressOf(node)])
        self.clock.runUntil(ready, limit=60)
        self.assertEqual(node.contacts(), [self.contactOf(other)])

    def test_successfulBootstrapMakesReady(self) -> None:
        """
        A node is ready at once after a ``bootstrap`` that succeeded.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        with self.assertRaises(NoResponse):
            self.clock.runUntil(node.ready())
        with self.assertRaises(NoResponse):
            self.clock.runUntil(node.bootstrap())
        self.node("10.1.1.1", port=7000)
        self.clock.runUntil(node.bootstrap())
        self.successResultOf(node.ready())

    def test_nodeJoinsOnceItsBootstrapNameResolves(self) -> None:
        """
        ``ready`` fails while the name of the bootstrap node has no address, and succeeds within 60
        seconds once it has one.
        """
        node = self.node(bootstrap=["dht.example:7000"])
        with self.assertRaises(NoResponse):
            self.clock.runUntil(node.ready())
        self.node("10.1.1.1", port=7000)
        self.network.addName("dht.example", "10.1.1.1")
        self.clock.runUntil(node.ready(), limit=60)

    def test_isolationIsLoggedOnce(self) -> None:
        """
        An isolated node logs two warnings in 1,800 seconds: that it is alone, and which name has no
        address.
        """
        with capturedLogs() as events:
            self.node(bootstrap=["10.9.9.9:1", "nowhere.example:2"])
            self.clock.runFor(1800.0)
        warnings = [formatEvent(event) for event in events if event["log_level"] is LogLevel.warn]
        self.assertEqual(len(warnings), 2)
        self.assertEqual(len(set(warnings)), 2)

    def test_oneAnsweringBootstrapNodeIsEnough(self) -> None:
        """
        A node joins if one of three bootstrap nodes answers.
        """
        self.node("10.1.1.1", port=7000)
        node = self.node(bootstrap=["nowhere:1", "10.9.9.9:9", "10.1.1.1:7000"])
        self.clock.runUntil(node.ready())
        self.assertEqual(len(node.contacts()), 1)

    def test_readyFailsWithoutAPort(self) -> None:
        """
        ``ready`` and ``bootstrap`` fail with `CannotListen` if the node gets no port.
        """
        node = self.node(reactor=_NoPorts(), listens=False)
        self.failureResultOf(node.ready(), CannotListen)
        self.failureResultOf(node.bootstrap(), CannotListen)

    def test_nodeJoinsThroughRecalledContacts(self) -> None:
        """
        A node with contacts of an earlier run joins through them while no bootstrap node is there.
        """
        nodes = self.swarm(10)
        for node in self._nodes[:1]:
            self.clock.runUntil(node.destroy())
        dead = Contact(self.target(), "10.9.9.9", 9)
        node = self.node(contacts=[dead, self.contactOf(nodes[0])])
        self.clock.runUntil(node.ready(), limit=30)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual({c.id for c in node.contacts()}, {each.id for each in nodes})

    def test_recalledContactsAreLimited(self) -> None:
        """
        Of 1,000 contacts of an earlier run the first `MAXIMUM_RECALLED` are asked.
        """
        other = self.node()
        dead = [Contact(self.target(), "10.9.9.9", port) for port in range(1, 1000)]
        node = self.node(contacts=[self.contactOf(other), *dead])
        self.clock.runUntil(node.ready(), limit=30)
        self.assertIn(self.contactOf(other), node.contacts())
        asked = {to for _, to, _ in self.sent if to[0] == "10.9.9.9"}
        self.assertEqual(len(asked), MAXIMUM_RECALLED - 1)

    def test_recalledContactsAreAskedAgain(self) -> None:
        """
        A node whose contacts of an earlier run were out of reach at its start asks them again, and
        lists one that is back.
        """
        other = self.node()
        reactor = self.network.reactor()
        self.network.partition([reactor.host])
        node = self.node(reactor=reactor, contacts=[self.contactOf(other)])
        node.ready().addErrback(lambda _: None)
        self.clock.runFor(REQUEST_SECONDS)
        self.network.heal()
        self.clock.runFor(2 * FIRST_RETRY + INTERVAL)
        self.assertEqual(node.contacts(), [self.contactOf(other)])

    def test_bootstrapListsNewNodes(self) -> None:
        """
        ``bootstrap`` lists a node that joined after the last one.
        """
        first, *_ = self.swarm(3)
        late = self.node(bootstrap=[self.bootstrap])
        self.clock.runUntil(late.ready())
        self.clock.runUntil(first.bootstrap())
        self.assertIn(self.contactOf(late), first.contacts())


class _NoPorts:
    """A reactor without a free port."""

    host = "10.7.7.7"

    def seconds(self) -> float:
        return 0.0

    def listenUDP(self, port: int, protocol: DatagramProtocol, *more: Any) -> None:
        raise CannotListenError("", port, OSError("no port is free"))
