"""
The choice of the values that a node offers to its contacts.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Contact
from dwdht_twisted._core.wire import distance
from dwdht_twisted.values.keeping.neighbourhood import OFFERING_HOLDERS, Neighbourhood

RANDOM = Random(7)
NODES = [Contact(RANDOM.randbytes(32), f"20.0.{number}.1", 6620) for number in range(60)]
KEYS = [RANDOM.randbytes(32) for _ in range(50)]


def ranked(key: bytes) -> list[Contact]:
    """Return all nodes, those closest to the key first."""
    return sorted(NODES, key=lambda node: distance(node.id or b"", key))


def offers(key: bytes, node: Contact) -> list[Contact]:
    """Return the contacts to which a node that knows all others offers a value."""
    others = [other for other in NODES if other != node]
    assert node.id is not None
    return Neighbourhood(node.id, others, due=others).offered(key)


class NeighbourhoodTests(SynchronousTestCase):
    """
    `Neighbourhood` on a node that knows all others.
    """

    def test_threeHoldersOfferToTheClosest(self) -> None:
        """Each of the three nodes closest to a key offers the value to the others of the 20."""
        for key in KEYS:
            closest = ranked(key)
            for rank, node in enumerate(closest):
                expected = set(closest[:20]) - {node} if rank < OFFERING_HOLDERS else set()
                self.assertEqual(set(offers(key, node)), expected)

    def test_holdersThatAreReliedOnAreAskedOnce(self) -> None:
        """
        A node farther from the key offers the value only to holders that it relies on and has not
        asked yet, once to each.
        """
        key = KEYS[0]
        first, second, _, *others = ranked(key)
        node = others[5]
        assert node.id is not None
        contacts = [other for other in NODES if other != node]
        unknown = [first, second, others[0]]
        neighbourhood = Neighbourhood(node.id, contacts, due=contacts, unknown=unknown)
        self.assertEqual(set(neighbourhood.offered(key)), {first, second})
        self.assertEqual(neighbourhood.offered(key), [])

    def test_smallNetworkIsOfferedAll(self) -> None:
        """With fewer than 20 contacts, a value is offered to all."""
        few = NODES[:10]
        node = min(few, key=lambda node: distance(node.id or b"", KEYS[0]))
        assert node.id is not None
        others = [other for other in few if other != node]
        self.assertEqual(Neighbourhood(node.id, others, due=others).offered(KEYS[0]), others)
