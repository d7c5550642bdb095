"""
The end of every lookup, whatever its answers are.
"""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.lookup import Lookup
from dwdht_twisted._core.lookup.bounds import LOOKUP_BUDGET
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BYTES, Contact, ResponseMessage
from tests.core.lookup.test_networks import MOST_DATAGRAMS
from tests.helpers.core.contacts import compact
from tests.helpers.core.lookup_network import LookupNetwork
from tests.helpers.strategies import contacts, ids, patient

#: A small set of contacts, which hostile nodes name again and again.
_few = st.lists(contacts, min_size=1, max_size=30)


class TerminationTests(SynchronousTestCase):
    """
    The end of every lookup, for any answers.
    """

    @patient
    @given(
        ids,
        ids,
        st.lists(contacts, max_size=30),
        _few,
        st.lists(st.binary(max_size=100), max_size=5),
        st.randoms(use_true_random=False),
    )
    def test_lookupEndsWithinItsBudget(
        self,
        target: bytes,
        own: bytes,
        start: list[Contact],
        pool: list[Contact],
        junk: list[bytes],
        random: Random,
    ) -> None:
        """
        For all answers of hostile nodes, a lookup ends within its budget. It returns at most 40
        different nodes in the order of distance: up to 20 results and up to 20 extras.
        """
        lookup = Lookup(target, own)
        lookup.addContacts(compact(start))
        if random.random() < 0.5:
            lookup.addBootstrap(contact.address for contact in pool[:3])
        claimed = [None, own, target, *(contact.id for contact in (*start, *pool))]

        def hostile(_: bytes) -> ResponseMessage:
            nodes = compact(random.choices(pool, k=random.randrange(30))) + b"".join(junk)
            id = random.choice([*claimed, random.randbytes(ID_BYTES)])
            return ResponseMessage(0, id, nodes)

        network = LookupNetwork(random)
        for contact in (*start, *pool):
            network.answerAt(contact.address, hostile)
        tally = network.run(lookup, lateness=random.random() * 0.9)
        self.assertTrue(len(tally.asked) <= LOOKUP_BUDGET)
        self.assertTrue(tally.datagrams <= MOST_DATAGRAMS)
        self.assertEqual(len(set(tally.asked)), len(tally.asked))
        result = lookup.closest()
        self.assertTrue(len(result) <= 2 * K)
        self.assertEqual(len({candidate.address for candidate in result}), len(result))
        self.assertNotIn(own, {candidate.id for candidate in result})
        distances = [candidate.distance for candidate in result]
        self.assertEqual(distances, sorted(distances))
