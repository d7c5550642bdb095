"""
Joining a network through bootstrap nodes or through contacts of an earlier run.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, TimeoutError
from twisted.internet.error import CannotListenError
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import LogLevel, capturedLogs, formatEvent

from dwdht_twisted import CannotListen, Contact, NodeDestroyed, NoResponse
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
        """Without bootstrap nodes, ``ready`` and ``bootstrap`` succeed at once."""
        node = self.node()
        self.successResultOf(node.ready())
        self.successResultOf(node.bootstrap())

    def test_readyFiresOnceTheTableIsBuilt(self) -> None:
        """
        ``ready`` fires when the node has filled at least half of a bucket. A later call of
        ``ready`` succeeds at once.
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
        A cancelled Deferred of ``ready`` fails with ``CancelledError``. A second one still fires.
        """
        self.swarm(2)
        node = self.node(bootstrap=[self.bootstrap])
        first, second = node.ready(), node.ready()
        first.cancel()
        self.failureResultOf(first, CancelledError)
        self.clock.runUntil(second)

    def test_readyWaitsForABootstrapNode(self) -> None:
        """
        ``ready`` waits for 6 hours while the bootstrap node is silent. It fires within 60 seconds
        after the bootstrap node starts.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        ready = node.ready()
        self.clock.runFor(6 * 3600)
        self.assertNoResult(ready)
        later = node.ready()
        self.node("10.1.1.1", port=7000)
        self.clock.runUntil(ready, limit=60)
        self.successResultOf(later)
        self.assertEqual(len(node.contacts()), 1)

    def test_bootstrapTellsHowOneTryWent(self) -> None:
        """
        ``bootstrap`` fails with `NoResponse` within 15 seconds if no bootstrap node answers. It
        succeeds within a second if a bootstrap node answers.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        for _ in range(2):
            with self.assertRaises(NoResponse) as caught:
                self.clock.runUntil(node.bootstrap(), limit=REQUEST_SECONDS)
        self.assertEqual(str(caught.exception), "no node answered")
        self.node("10.1.1.1", port=7000)
        self.clock.runUntil(node.bootstrap(), limit=1)

    def test_timeoutBoundsReady(self) -> None:
        """
        With ``addTimeout``, a Deferred of ``ready`` fails after 20 seconds with ``TimeoutError``.
        Another Deferred of ``ready`` still fires later.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        bounded, other = node.ready().addTimeout(20, self.clock), node.ready()
        self.clock.runFor(19)
        self.assertNoResult(bounded)
        self.clock.runFor(1)
        self.failureResultOf(bounded, TimeoutError)
        self.assertNoResult(other)
        self.node("10.1.1.1", port=7000)
        self.clock.runUntil(other, limit=60)

    def test_destroyedNodeIsNeverReady(self) -> None:
        """
        ``destroy`` fails waiting Deferreds of ``ready`` with `NodeDestroyed`. Later calls of
        ``ready`` fail at once.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        ready = [node.ready(), node.ready()]
        self.clock.runFor(100)
        node.destroy()
        for each in (*ready, node.ready()):
            self.failureResultOf(each, NodeDestroyed)

    def test_readySucceedsOnceAnotherNodeCame(self) -> None:
        """
        A node with a silent bootstrap node is ready within 60 seconds after another node has joined
        through it.
        """
        node = self.node(bootstrap=["10.1.1.1:7000"])
        ready = node.ready()
        self.clock.runFor(REQUEST_SECONDS)
        self.assertNoResult(ready)
        other = self.node(bootstrap=[self.addressOf(node)])
        self.clock.runUntil(ready, limit=60)
        self.assertEqual(node.contacts(), [self.contactOf(other)])

    def test_successfulBootstrapMakesReady(self) -> None:
        """A node is ready as soon as a call of ``bootstrap`` has succeeded."""
        node = self.node(bootstrap=["10.1.1.1:7000"])
        ready = node.ready()
        with self.assertRaises(NoResponse):
            self.clock.runUntil(node.bootstrap())
        self.assertNoResult(ready)
        self.node("10.1.1.1", port=7000)
        self.clock.runUntil(node.bootstrap())
        self.successResultOf(ready)
        self.successResultOf(node.ready())

    def test_nodeJoinsOnceItsBootstrapNameResolves(self) -> None:
        """
        ``ready`` waits while the bootstrap node's name has no address. It fires within 60 seconds
        after the name gets one.
        """
        node = self.node(bootstrap=["dht.example:7000"])
        ready = node.ready()
        self.clock.runFor(60)
        self.assertNoResult(ready)
        self.node("10.1.1.1", port=7000)
        self.network.addName("dht.example", "10.1.1.1")
        self.clock.runUntil(ready, limit=60)

    def test_isolationIsLoggedOnce(self) -> None:
        """
        In 1,800 seconds, an isolated node logs two warnings: it is alone, and one bootstrap name
        has no address.
        """
        with capturedLogs() as events:
            self.node(bootstrap=["10.9.9.9:1", "nowhere.example:2"])
            self.clock.runFor(1800.0)
        warnings = [formatEvent(event) for event in events if event["log_level"] is LogLevel.warn]
        self.assertEqual(len(warnings), 2)
        self.assertEqual(len(set(warnings)), 2)

    def joinedLogs(self, **options: Any) -> list[str]:
        """Return what a new node logs about joining in its first 60 seconds."""
        with capturedLogs() as events:
            self.node(**options)
            self.clock.runFor(60)
        texts = [formatEvent(event) for event in events if event["log_level"] is LogLevel.info]
        return [text for text in texts if "network" in text]

    def test_joiningIsLoggedWithTheNumberOfContacts(self) -> None:
        """A node that joins a network with 3 members logs the number of its contacts once."""
        self.swarm(3)
        texts = self.joinedLogs(bootstrap=[self.bootstrap])
        self.assertEqual(texts, ["joined the network, with 3 contacts"])

    def test_firstMemberLogsThatThereIsNoOther(self) -> None:
        """
        The first member joins through an ephemeral bootstrap node. It logs that there is no other
        member yet.
        """
        bootstrap = self.addressOf(self.node(ephemeral=True))
        texts = self.joinedLogs(bootstrap=[bootstrap])
        self.assertEqual(texts, ["no other member is in the network yet"])

    def test_loneNodeLogsNothing(self) -> None:
        """
        A node without bootstrap nodes logs nothing about joining. A node whose bootstrap node is
        silent logs nothing either.
        """
        self.assertEqual(self.joinedLogs(), [])
        self.assertEqual(self.joinedLogs(bootstrap=["10.9.9.9:9"]), [])

    def test_oneAnsweringBootstrapNodeIsEnough(self) -> None:
        """A node joins if one of its three bootstrap nodes answers."""
        self.node("10.1.1.1", port=7000)
        node = self.node(bootstrap=["nowhere:1", "10.9.9.9:9", "10.1.1.1:7000"])
        self.clock.runUntil(node.ready())
        self.assertEqual(len(node.contacts()), 1)

    def test_readyFailsWithoutAPort(self) -> None:
        """``ready`` and ``bootstrap`` fail with `CannotListen` if no port is free."""
        node = self.node(reactor=_NoPorts(), listens=False)
        self.failureResultOf(node.ready(), CannotListen)
        self.failureResultOf(node.bootstrap(), CannotListen)

    def test_nodeJoinsThroughRecalledContacts(self) -> None:
        """A node joins through contacts of an earlier run, without a bootstrap node."""
        nodes = self.swarm(10)
        for node in self._nodes[:1]:
            self.clock.runUntil(node.destroy())
        dead = Contact(self.target(), "10.9.9.9", 9)
        node = self.node(contacts=[dead, self.contactOf(nodes[0])])
        self.clock.runUntil(node.ready(), limit=30)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual({c.id for c in node.contacts()}, {each.id for each in nodes})

    def test_recalledContactsAreLimited(self) -> None:
        """Of 1,000 contacts of an earlier run, the first `MAXIMUM_RECALLED` are asked."""
        other = self.node()
        dead = [Contact(self.target(), "10.9.9.9", port) for port in range(1, 1000)]
        node = self.node(contacts=[self.contactOf(other), *dead])
        self.clock.runUntil(node.ready(), limit=30)
        self.assertIn(self.contactOf(other), node.contacts())
        asked = {to for _, to, _ in self.sent if to[0] == "10.9.9.9"}
        self.assertEqual(len(asked), MAXIMUM_RECALLED - 1)

    def test_recalledContactsAreAskedAgain(self) -> None:
        """
        A node starts without a connection, so its contacts of an earlier run are silent. It asks
        them again later and lists one that answers.
        """
        other = self.node()
        reactor = self.network.reactor()
        self.network.partition([reactor.host])
        node = self.node(reactor=reactor, contacts=[self.contactOf(other)])
        ready = node.ready()
        self.clock.runFor(REQUEST_SECONDS)
        self.assertNoResult(ready)
        self.network.heal()
        self.clock.runFor(4 * FIRST_RETRY + INTERVAL)
        self.assertEqual(node.contacts(), [self.contactOf(other)])
        self.successResultOf(ready)

    def test_bootstrapListsNewNodes(self) -> None:
        """A repeated ``bootstrap`` lists a node that has joined since the first ``bootstrap``."""
        first, *_ = self.swarm(3)
        late = self.node(bootstrap=[self.bootstrap])
        self.clock.runUntil(late.ready())
        self.clock.runUntil(first.bootstrap())
        self.assertIn(self.contactOf(late), first.contacts())


class _NoPorts:
    """
    A reactor of a host without a free port.
    """

    host = "10.7.7.7"

    def seconds(self) -> float:
        return 0.0

    def listenUDP(self, port: int, protocol: DatagramProtocol, *more: Any) -> None:
        raise CannotListenError("", port, OSError("no port is free"))
