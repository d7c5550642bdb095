"""
Tests for what a node tells of itself: statistics, its table, and the steps of its lookups.
"""

from __future__ import annotations

from copy import deepcopy
from pickle import dumps, loads

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Contact, DHTNode, LookupStep
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock

TARGET = b"t" * 32


class StatisticsTestCase(SynchronousTestCase):
    """
    A base for tests with a network of six nodes.

    :ivar node: the last of them
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=1, latency=0.01)
        self.nodes: list[DHTNode] = []
        for number in range(1, 7):
            reactor = self.network.reactor(f"10.0.0.{number}")
            bootstrap = [self.nodes[0].address()] if self.nodes else []
            node = DHTNode(reactor, bootstrap=bootstrap)
            node.listen(6620, f"10.0.0.{number}")
            self.nodes.append(node)
            self.clock.runUntil(node.ready())
            self.addCleanup(self.destroy, node)
        self.clock.runFor(1)
        self.node = self.nodes[-1]

    def destroy(self, node: DHTNode) -> None:
        """Destroy a node."""
        self.clock.runUntil(node.destroy())


class StatisticsTests(StatisticsTestCase):
    """
    `DHTNode.statistics`.
    """

    def test_datagramsAreCountedByKind(self) -> None:
        """Each datagram that one node sends is counted by it and by the node that gets it."""
        other = self.nodes[0]
        before = self.node.statistics().counters, other.statistics().counters
        self.clock.runUntil(self.node.ping(other.address()))
        after = self.node.statistics().counters, other.statistics().counters
        mine, its = (
            {name: new[name] - old[name] for name in old}
            for old, new in zip(before, after, strict=True)
        )
        self.assertEqual((mine["requestsSent"], its["requestsReceived"]), (1, 1))
        self.assertEqual((its["responsesSent"], mine["responsesReceived"]), (1, 1))
        self.assertGreater(mine["requestBytesSent"], 0)
        self.assertEqual(mine["requestBytesSent"], its["requestBytesReceived"])
        self.assertEqual(mine["responseBytesReceived"], its["responseBytesSent"])

    def test_silenceIsCountedAsRetriesAndTimeouts(self) -> None:
        """A ping that nobody answers is sent four times, and each time the answer is late."""
        before = self.node.statistics().counters
        self.clock.runUntil(self.node.ping("10.0.0.99:1").addErrback(lambda _: None))
        after = self.node.statistics().counters
        found = {name: after[name] - before[name] for name in before}
        self.assertEqual(found["retriesSent"], 3)
        self.assertEqual(found["answersLate"], 4)
        self.assertEqual(found["requestsUnanswered"], 1)

    def test_lookupsAreMeasured(self) -> None:
        """A lookup counts once, with its time, its requests and its hops."""
        before = self.node.statistics()
        self.clock.runUntil(self.node.query("any", TARGET).collect())
        after = self.node.statistics()
        self.assertEqual(after.lookupTimes.size, before.lookupTimes.size + 1)
        self.assertEqual(after.lookupRequests.total - before.lookupRequests.total, 5)
        self.assertAlmostEqual(after.lookupTimes.total - before.lookupTimes.total, 0.02, 2)

    def test_queryOfGivenNodesIsNoLookup(self) -> None:
        """A query of nodes that are given is not measured as a lookup."""
        before = self.node.statistics().lookupTimes.size
        query = self.node.query("any", TARGET, nodes=[self.nodes[0].address()])
        self.clock.runUntil(query.collect())
        self.assertEqual(self.node.statistics().lookupTimes.size, before)

    def test_handlersAreMeasured(self) -> None:
        """A handler counts with the time until its result, also one that failed."""
        waiting: list[Deferred[bytes | None]] = []

        def answer(_: object) -> Deferred[bytes | None]:
            waiting.append(Deferred())
            return waiting[-1]

        self.node.register("slow", query=answer)
        asked = self.nodes[0].query("slow", TARGET, nodes=[self.node.address()]).collect()
        self.clock.runFor(0.1)
        self.assertEqual(self.node.statistics().handlers, 1)
        self.clock.runFor(0.05)
        waiting[0].callback(b"done")
        self.clock.runUntil(asked)
        found = self.node.statistics()
        self.assertEqual((found.handlers, found.handlerTimes.size), (0, 1))
        self.assertAlmostEqual(found.handlerTimes.total, 0.14, 2)

    def test_statisticsDoNotChange(self) -> None:
        """Statistics stay as they were when they were given, and can be copied and pickled."""
        found = self.node.statistics()
        sent = found.counters["requestsSent"]
        self.clock.runUntil(self.node.ping(self.nodes[0].address()))
        self.assertEqual(found.counters["requestsSent"], sent)
        for again in (deepcopy(found), loads(dumps(found))):
            self.assertEqual(again, found)


class TableTests(StatisticsTestCase):
    """
    `DHTNode.table`.
    """

    def test_entryTellsWhenItsContactWasHeard(self) -> None:
        """The silence of a contact begins anew when it answers."""
        self.clock.runFor(50)
        contact = Contact(self.nodes[0].id, *self.nodes[0].address())
        self.clock.runUntil(self.node.ping(contact))
        found = {entry.contact: entry for entry in self.node.table()}
        self.assertEqual(set(found), set(self.node.contacts()))
        self.assertLess(found[contact].silence, 0.1)
        self.assertFalse(found[contact].isLate)


class WatchTests(StatisticsTestCase):
    """
    `DHTNode.watchLookups`.
    """

    def test_eachStepIsTold(self) -> None:
        """A lookup starts, asks each node, gets each answer, and ends."""
        steps: list[LookupStep] = []
        self.node.watchLookups(steps.append)
        stream = self.node.query("any", TARGET)
        self.clock.runUntil(stream.collect())
        self.assertEqual({step.lookup for step in steps}, {stream.number})
        self.assertEqual((steps[0].kind, steps[-1].kind), ("started", "ended"))
        self.assertEqual(steps[-1].reason, "")
        others = {node.address() for node in self.nodes[:-1]}
        for kind in ("asked", "answered"):
            told = {step.node.address for step in steps if step.kind == kind and step.node}
            self.assertEqual(told, others)

    def test_silentNodeIsLateAndFails(self) -> None:
        """A node that is gone is asked, late, and failed in the end."""
        gone = self.nodes.pop(0)
        address = gone.address()
        self.clock.runUntil(gone.destroy())
        steps: list[LookupStep] = []
        self.node.watchLookups(steps.append)
        self.clock.runUntil(self.node.query("any", gone.id).collect())
        kinds = [step.kind for step in steps if step.node and step.node.address == address]
        self.assertEqual((kinds[0], kinds[1], kinds[-1]), ("asked", "late", "failed"))

    def test_stoppedLookupSaysSo(self) -> None:
        """A query that is stopped ends with the reason "stopped"."""
        steps: list[LookupStep] = []
        self.node.watchLookups(steps.append)
        stream = self.node.query("any", TARGET)
        done = stream.collect()
        stream.stopProducing()
        self.clock.runUntil(done)
        self.assertEqual((steps[-1].kind, steps[-1].reason), ("ended", "stopped"))

    def test_endedWatchIsTold(self) -> None:
        """After the end of a watch, its function is not called, and another watch of it goes on."""
        steps: list[LookupStep] = []
        end = self.node.watchLookups(steps.append)
        self.node.watchLookups(steps.append)
        end()
        self.clock.runUntil(self.node.query("any", TARGET).collect())
        self.assertEqual(len([step for step in steps if step.kind == "started"]), 1)

    def test_failureOfAWatcherHarmsNothing(self) -> None:
        """What a watcher raises is logged, and the lookup and the other watchers go on."""
        steps: list[LookupStep] = []
        self.node.watchLookups(lambda step: 1 / 0)
        self.node.watchLookups(steps.append)
        self.clock.runUntil(self.node.query("any", TARGET).collect())
        self.assertEqual(steps[-1].kind, "ended")
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
