"""
Watching the lookups of a node: what each step tells.
"""

from __future__ import annotations

from dwdht_twisted import LookupStep
from dwdht_twisted._core.wire import distance
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nats import NattedReactor
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase


class StepTests(NodeTestCase):
    """
    A network of 30 nodes with a handler, and an ephemeral node whose lookups are watched.
    """

    def setUp(self) -> None:
        super().setUp()
        self.members = self.swarm(30)
        for each in self.members:
            each.register(COMMAND, Handler(lambda _: b"hello"))
        self.asker = self.node(bootstrap=[self.bootstrap], ephemeral=True)
        self.steps: list[LookupStep] = []
        self.asker.watchLookups(self.add)

    def add(self, step: LookupStep) -> None:
        """Keep the steps of the command of these tests."""
        if step.command == COMMAND:
            self.steps.append(step)

    def of(self, kind: str) -> list[LookupStep]:
        """Return the steps of a kind."""
        return [each for each in self.steps if each.kind == kind]

    def test_askedNodesWereNamed(self) -> None:
        """Each node but the bootstrap node is asked because of a node that answered before."""
        self.collect(self.asker, self.target())
        answered = set()
        for step in self.steps:
            assert step.node is not None or step.kind in ("started", "ended")
            if step.kind == "answered" and step.node is not None:
                answered.add(step.node)
                self.assertEqual(step.size, None if step.node.id is None else 5)
                self.assertGreater(step.named, 0)
            elif step.kind == "asked" and step.node and step.node.address != self.bootstrap:
                self.assertIn(step.referrer, answered)
                self.assertGreater(step.hops, 0)
        self.assertGreater(len(answered), 20)

    def test_endTellsTheClosest(self) -> None:
        """The last step of a query has the 20 members closest to the target, closest first."""
        target = self.target()
        self.collect(self.asker, target)
        members = sorted(self.members, key=lambda node: distance(node.id, target))
        [ended] = self.of("ended")
        self.assertEqual(list(ended.found), [self.contactOf(each) for each in members[:20]])

    def test_endOfAnUpdateTellsItsNodes(self) -> None:
        """The last step of an update has the 20 nodes that got the update."""
        replies = self.commit(self.asker, self.target(), b"x")
        [ended] = self.of("ended")
        self.assertEqual(set(ended.found), {reply.node for reply in replies})
        self.assertEqual(len(ended.found), 20)

    def test_stoppedQueryTellsTheClosestSoFar(self) -> None:
        """The last step of a query that was stopped has the nodes that had answered until then."""
        stream = self.asker.query(COMMAND, self.target())
        done = stream.collect()
        self.clock.runFor(0.1)
        stream.stopProducing()
        self.successResultOf(done)
        [ended] = self.of("ended")
        ids = {step.node.id for step in self.of("answered") if step.node} - {None}
        self.assertEqual({node.id for node in ended.found}, ids)
        self.assertEqual(ended.reason, "stopped")

    def test_holePunchIsTold(self) -> None:
        """The steps of a node behind a NAT tell who was asked to relay a ping to it."""
        self.clock.runUntil(self.asker.ready())
        reactor = NattedReactor(self.network.reactor())
        hidden = self.node(reactor=reactor, bootstrap=[self.bootstrap])
        self.clock.runUntil(hidden.ready())
        self.clock.runFor(2)
        hidden.register(COMMAND, Handler(lambda _: b"hello"))
        self.collect(self.asker, hidden.id)
        about = [each for each in self.steps if each.node and each.node.id == hidden.id]
        kinds = [each.kind for each in about]
        self.assertEqual(kinds[:3] + kinds[-1:], ["asked", "late", "punched", "answered"])
        answered = {step.node.address for step in self.of("answered") if step.node}
        referrer = about[2].referrer
        assert referrer is not None
        self.assertIn(referrer.address, answered)

    def test_deadNodeIsLateAtEachTransmission(self) -> None:
        """A node that is gone is late after each of 3 retries, and failed at the end."""
        gone = self.members.pop()
        address = self.addressOf(gone)
        self.clock.runUntil(gone.destroy())
        stream = self.asker.query(COMMAND, gone.id, nodes=[address, self.bootstrap])
        self.clock.runUntil(stream.collect(), limit=REQUEST_SECONDS)
        kinds = [each.kind for each in self.steps if each.node and each.node.address == address]
        self.assertEqual(kinds, ["asked", "late", "late", "late", "failed"])

    def test_stepIsAnObjectOfJSON(self) -> None:
        """As JSON, a step has the fields that have no default, with bytes in hexadecimal."""
        target = self.target()
        self.collect(self.asker, target)
        started = self.steps[0].asDict()
        self.assertEqual(
            started,
            {
                "lookup": self.steps[0].lookup,
                "kind": "started",
                "time": self.steps[0].time,
                "command": COMMAND,
                "target": target.hex(),
            },
        )
        host, port = self.bootstrap
        self.assertEqual(
            self.steps[1].asDict(),
            {
                **started,
                "kind": "asked",
                "time": self.steps[1].time,
                "node": {"id": None, "host": host, "port": port},
            },
        )
        self.assertEqual(len(self.steps[-1].asDict()["found"]), 20)  # type: ignore[arg-type]
