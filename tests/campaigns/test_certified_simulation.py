"""
The simulation on networks by certificate: a slice of its faults, and invariants of associations.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core import wire
from dwdht_twisted.private.certified.layer import CertifiedLayer
from dwdht_twisted.private.certified.link import Link
from simulation import invariants
from simulation.invariants import checkClosed, checkStep
from simulation.liars import Liar, nextTo
from simulation.run import run
from simulation.swarm import Swarm


class CertifiedSimulationTests(SynchronousTestCase):
    """
    A run on a network by certificate.
    """

    def test_faultsBreakNoInvariant(self) -> None:
        """
        A run of 15 members and 60 seconds of faults, in which liars are members that lie, breaks no
        invariant.
        """
        outcome = run(1, nodes=15, duration=60.0, private="certificate")
        self.assertEqual(outcome.troubles, [])
        self.assertGreater(outcome.tally.retrievals.total, 10)


class AssociationTests(SynchronousTestCase):
    """
    The invariants of associations.  Each test breaks one of them.
    """

    def setUp(self) -> None:
        """Make a network of eight members."""
        self.swarm = Swarm(1, "certificate")
        self.swarm.build(8)
        self.swarm.clock.runFor(30)
        node = self.swarm.members[3].node
        assert node is not None
        assert isinstance(node._layer, CertifiedLayer)
        self.layer = node._layer

    def tearDown(self) -> None:
        """Destroy all nodes, and require that nothing is left of their associations."""
        self.swarm.close()
        self.swarm.record.troubles.clear()
        checkClosed(self.swarm)
        self.assertEqual(self.swarm.record.troubles, [])

    def assertTrouble(self, text: str) -> None:
        """Require that an invariant is broken, and that its message has this text."""
        checkStep(self.swarm, None)  # type: ignore[arg-type]
        self.assertTrue(self.swarm.record.troubles)
        self.assertIn(text, "\n".join(self.swarm.record.troubles))

    def link(self) -> Link:
        """A link with an association."""
        return next(link for link in self.layer.links.values() if link.current is not None)

    def test_undisturbedNetworkIsSound(self) -> None:
        """A network without faults breaks no invariant."""
        checkStep(self.swarm, None)  # type: ignore[arg-type]
        self.assertEqual(self.swarm.record.troubles, [])

    def test_restartKeepsCertificateAndNewIdHasAnother(self) -> None:
        """A member that is started again keeps its certificate, and gets another with a new id."""
        member = self.swarm.members[2]
        before = member.id, member.security
        member.crash()
        self.swarm.clock.runFor(1)
        member.start()
        self.assertEqual((member.id, member.security), before)
        member.crash()
        self.swarm.clock.runFor(1)
        member.start(isNew=True)
        self.assertNotEqual(member.id, before[0])
        assert member.security is not None
        self.assertEqual(member.security.id, member.id)

    def test_seedDecidesIds(self) -> None:
        """The ids of the members follow from the seed, although they are those of certificates."""
        ids = []
        for seed in (1, 1, 2):
            admission = Swarm(seed, "certificate").admission
            ids.append(getattr(admission.makeSecurity(), "id", None))
        self.assertEqual(ids[0], ids[1])
        self.assertNotEqual(ids[0], ids[2])

    def test_falseIdInTableIsNoticed(self) -> None:
        """An invariant is broken if a table lists a member under an id that isn't its own."""
        member, other = self.swarm.members[3], self.swarm.members[4]
        self.swarm.hostsOf[other.id].clear()
        self.assertIn(other.contact, member.node.contacts() if member.node else [])
        self.assertTrouble("nobody's certificate")

    def test_liarUnderFalseIdIsInNoTable(self) -> None:
        """A liar that announces itself under an id near another is cut off, and in no table."""
        liar = Liar(self.swarm, nextTo(self.swarm.members[3].id, 1))
        self.swarm.clock.runFor(30)
        checkStep(self.swarm, None)  # type: ignore[arg-type]
        self.assertEqual(self.swarm.record.troubles, [])
        for member in self.swarm.members:
            assert member.node is not None
            self.assertNotIn(liar.host, {each.host for each in member.node.contacts()})

    def test_liarUnderItsOwnIdIsInTables(self) -> None:
        """A liar that announces itself under the id of its certificate gets into tables."""
        liar = Liar(self.swarm)
        self.swarm.clock.runFor(30)
        for member in self.swarm.members:
            assert member.node is not None
            self.assertIn(liar.id, {each.id for each in member.node.contacts()})

    def test_excessIsNoticed(self) -> None:
        """An invariant is broken if there are more associations or handshakes than are allowed."""
        for bound in ("ASSOCIATIONS", "ASSOCIATIONS_OF_MEMBER"):
            with self.subTest(bound):
                patch = self.patch(invariants, bound, 0)
                self.assertTrouble("0 are allowed")
                patch.restore()
                self.swarm.record.troubles.clear()

    def test_droppedHandshakeIsNoticed(self) -> None:
        """An invariant is broken if the handshake of a link goes on that was dropped."""
        link = Link(("9.9.9.9", 1), self.layer)
        self.layer._turns.opening.add(link)
        self.layer._accepting[link] = None
        self.assertTrouble("of a dropped link")
        self.assertEqual(len(self.swarm.record.troubles), 2)
        self.layer._accepting.clear()

    def test_emptyLinkIsNoticed(self) -> None:
        """An invariant is broken if a layer keeps a link that nothing is done on."""
        self.layer.links["9.9.9.9", 1] = Link(("9.9.9.9", 1), self.layer)
        self.assertTrouble("empty link")

    def test_dataThatWaitsInVainIsNoticed(self) -> None:
        """An invariant is broken if data waits for an association that is there already."""
        self.layer._waiting.add(wire.frameRequest(1, b""), self.link().address, 0.0)
        self.assertTrouble("wait for nothing")

    def test_leakedTimersAreNoticed(self) -> None:
        """An invariant is broken if there are more timers than nodes and handshakes need."""
        for _ in range(100):
            self.swarm.clock.callLater(1, int)
        self.assertTrouble("timers for 8 nodes")
        self.swarm.clock.runFor(1)
