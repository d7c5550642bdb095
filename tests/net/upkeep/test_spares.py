"""
Spares: contacts that answered when their bucket was full, and wait for a contact to fail.
"""

from __future__ import annotations

from dwdht_twisted import RequestTimeout
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.routing.bounds import SPARES_PER_BUCKET
from tests.helpers.core.tables import OWN, idOf
from tests.helpers.networks.nodes import REQUEST_SECONDS, NodeTestCase


class DeadSparesTests(NodeTestCase):
    """
    A node with a full bucket and spares, most of which are dead.
    """

    def test_liveSpareTakesThePlace(self) -> None:
        """A live spare takes the place of a dead contact after any number of dead spares."""
        for dead in range(SPARES_PER_BUCKET):
            node = self.node(id=OWN)
            peers = [self.peer(id=idOf(number)) for number in range(K + 1 + dead)]
            for peer in peers:
                peer.onRequest = peer.serve
                self.clock.runUntil(node.ping(peer.address))
            contacts, live, late = peers[:K], peers[K], peers[K + 1 :]
            for peer in [contacts[0], *late]:
                peer.onRequest = lambda *ignored: None
            with self.assertRaises(RequestTimeout):
                self.clock.runUntil(node.ping(contacts[0].address))
            self.clock.runFor((1 + dead) * REQUEST_SECONDS)
            expected = {peer.contact for peer in [live, *contacts[1:]]}
            self.assertEqual(set(node.contacts()), expected, f"{dead} dead spares")
