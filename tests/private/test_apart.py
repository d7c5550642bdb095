"""
Networks of all kinds, whose nodes know each other's addresses.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import NoResponse, ValueNotFound
from dwdht_twisted.values import COMMAND, get, put
from simulation.experiments.apart import Networks, apart
from simulation.private import KINDS, makeAdmission

#: The number of nodes of each network.
SIZE = 6


class ApartTests(SynchronousTestCase):
    """
    An open network, one by key, and one by certificate, on one network in memory.
    """

    def setUp(self) -> None:
        """
        Make the networks.  Each node has the first nodes of all networks as bootstrap nodes.
        """
        admissions = [makeAdmission(kind, 1) for kind in (None, *KINDS)]
        self.networks = Networks(admissions, SIZE, seed=1)
        self.clock, self.kinds = self.networks.clock, self.networks.nodes
        self.clock.runFor(120)

    def tearDown(self) -> None:
        """Destroy all nodes, and require that they believed no datagram of another network."""
        self.networks.close()
        self.assertGreater(self.networks.sentAcross, 100)
        self.assertEqual(self.networks.believed, 0)

    def test_noContactOfAnotherNetwork(self) -> None:
        """Each node lists all other nodes of its own network, and no others."""
        for nodes in self.kinds:
            ids = {node.id for node in nodes}
            for node in nodes:
                listed = {contact.id for contact in node.contacts()}
                self.assertEqual(listed, ids - {node.id})

    def test_noValueOfAnotherNetwork(self) -> None:
        """A value is found on the network that it was put on, and on no other."""
        for number, nodes in enumerate(self.kinds):
            key = self.clock.runUntil(put(nodes[0], b"value %d" % number), limit=120)
            for others in self.kinds:
                found = get(others[-1], key)
                if others is nodes:
                    self.assertEqual(self.clock.runUntil(found, limit=120), b"value %d" % number)
                else:
                    with self.assertRaises((ValueNotFound, NoResponse)):
                        self.clock.runUntil(found, limit=120)

    def test_noAnswerOfAnotherNetwork(self) -> None:
        """No node gets an answer from a node of another network that it asks."""
        for nodes in self.kinds:
            for place, others in enumerate(self.kinds):
                if others is not nodes:
                    address = self.networks.addressOf(place, 1)
                    asked = nodes[0].query(COMMAND, bytes(32), nodes=[address])
                    with self.assertRaises(NoResponse):
                        self.clock.runUntil(asked.collect(), limit=120)

    def test_strangersAreCounted(self) -> None:
        """Each node of a private network that others know has refused datagrams of strangers."""
        for nodes in self.kinds[1:]:
            self.assertGreater(nodes[0].counters.strangersRefused, 0)


class ExperimentTests(SynchronousTestCase):
    """
    The experiment `simulation.experiments.apart`; ``python -m simulation apart`` has 100 nodes of
    each kind.
    """

    def test_kindsStayApart(self) -> None:
        """Two minutes of 5 nodes of each kind: nothing of one network is believed by another."""
        figures = apart(nodes=5, minutes=2.0)
        self.assertTrue(figures.isMet, figures)
        self.assertGreater(min(figures.across, figures.asked), 100)

    def test_networksThatMixAreNoticed(self) -> None:
        """Two networks of the same kind, whose nodes hear each other, do not meet the promise."""
        for kind in (None, "key"):
            figures = apart(nodes=4, minutes=1.0, admissions=[makeAdmission(kind, 1)] * 2)
            self.assertFalse(figures.isMet)
            self.assertGreater(figures.foreign, 0)
            self.assertGreater(figures.foundAcross, 0)
            self.assertGreater(figures.answered, 0)
            self.assertGreater(figures.believed, 0)
