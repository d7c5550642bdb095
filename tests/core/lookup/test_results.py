"""
The results of a lookup, and ids that are known at several addresses.
"""

from __future__ import annotations

from dwdht_twisted._core.lookup import Lookup
from dwdht_twisted._core.lookup.bounds import LOOKUP_ADDRESSES_PER_ID
from dwdht_twisted._core.wire import Contact
from tests.helpers.core.contacts import near
from tests.helpers.core.lookup_network import answer
from tests.helpers.core.lookups import (
    BOOTSTRAP,
    OWN,
    TARGET,
    LookupTestCase,
    askAll,
    contactOf,
    node,
    startLookup,
)


class ResultTests(LookupTestCase):
    """
    The nodes that a lookup returns.
    """

    def test_bootstrapNodeIsFoundUnderItsId(self) -> None:
        """
        A bootstrap node is asked by its address. It is a result under the id that it answers with.
        """
        lookup = Lookup(TARGET, OWN)
        lookup.addBootstrap([BOOTSTRAP, BOOTSTRAP])
        [candidate] = askAll(lookup)
        self.assertEqual((candidate.address, candidate.id), (BOOTSTRAP, None))
        self.assertTrue(lookup.answered(candidate, answer(near(TARGET, 9))))
        self.assertEqual(contactOf(lookup.closest()[0]), Contact(near(TARGET, 9), *BOOTSTRAP))

    def test_ephemeralNodeIsNoResult(self) -> None:
        """
        An ephemeral node, whose answer has no id, is no result. A node that it names is asked and
        becomes a result.
        """
        lookup = Lookup(TARGET, OWN)
        lookup.addBootstrap([BOOTSTRAP])
        [candidate] = askAll(lookup)
        self.assertFalse(lookup.answered(candidate, answer(None, [node(5)])))
        self.assertEqual(self.finish(lookup), [node(5)])
        self.assertEqual([contactOf(each) for each in lookup.closest()], [node(5)])

    def test_answerUnderAnotherIdCountsUnderThatId(self) -> None:
        """
        A node that answers under another id than expected is a result under the id of its answer. A
        node named by this answer is asked.
        """
        lookup = startLookup([node(5), node(6)])
        first, second = askAll(lookup)
        self.assertTrue(lookup.answered(first, answer(near(TARGET, 7), [node(1)])))
        self.assertTrue(lookup.answered(second, answer(second.id)))
        self.assertEqual(list(map(contactOf, askAll(lookup))), [node(1)])
        self.assertEqual([each.id for each in lookup.closest()], [near(TARGET, 6), near(TARGET, 7)])

    def test_idIsAskedAtFewAddresses(self) -> None:
        """Of 6 known addresses of one id, 3 are asked, as `LOOKUP_ADDRESSES_PER_ID` allows."""
        hosts = [f"20.0.{number}.1" for number in range(LOOKUP_ADDRESSES_PER_ID + 3)]
        lookup = startLookup([node(5, host) for host in hosts])
        asked = askAll(lookup)
        self.assertEqual(len(asked), LOOKUP_ADDRESSES_PER_ID)
        for candidate in asked:
            lookup.answered(candidate, answer(candidate.id))
        self.assertEqual(askAll(lookup), [])

    def test_falseAddressesOfAnIdAreReplaced(self) -> None:
        """
        When an address of an id is late or answers under another id, the next known address of the
        id is asked.
        """
        hosts = [f"20.0.{number}.1" for number in range(LOOKUP_ADDRESSES_PER_ID + 2)]
        lookup = startLookup([node(5, host) for host in hosts])
        late, denying, *_ = askAll(lookup)
        lookup.late(late, 1)
        [fourth] = askAll(lookup)
        self.assertEqual(fourth.address.host, hosts[-2])
        lookup.answered(denying, answer(near(TARGET, 7)))
        [fifth] = askAll(lookup)
        self.assertEqual(fifth.address.host, hosts[-1])

    def test_idIsAskedAtOnePortOfAHost(self) -> None:
        """
        For one id, a host is asked at one port. If its answer is late, a second port is asked, and
        never a third one.
        """
        ports = [Contact(near(TARGET, 5), "10.0.0.1", port) for port in (1, 2, 3)]
        lookup = startLookup(ports)
        [first] = askAll(lookup)
        self.assertEqual(contactOf(first), ports[0])
        lookup.late(first, 1)
        [second] = askAll(lookup)
        lookup.failed(first)
        self.assertEqual(askAll(lookup), [])
        lookup.answered(second, answer(second.id))
        self.assertEqual(askAll(lookup), [])

    def test_answerUnderAnotherNodesIdHidesNoNode(self) -> None:
        """
        A liar answers under the id of an honest node before that node does. The liar is an extra,
        and the honest node takes the place.
        """
        lookup = startLookup([node(3), node(5), node(6)], k=2)
        liar, honest = askAll(lookup)
        self.assertTrue(lookup.answered(liar, answer(honest.id)))
        [third] = askAll(lookup)
        for each in (honest, third):
            self.assertTrue(lookup.answered(each, answer(each.id)))
        self.assertTrue(liar.isExtra)
        self.assertEqual(
            [contactOf(each) for each in lookup.closest() if each is not liar], [node(5), node(6)]
        )

    def test_nodeNamedWithAnotherNodesIdHidesNoNode(self) -> None:
        """
        A liar is known under the id of an honest node and answers under it. The honest node is
        still a result.
        """
        lookup = startLookup([node(5, "20.0.0.200"), node(6)])
        liar, referrer = askAll(lookup)
        self.assertTrue(lookup.answered(liar, answer(liar.id)))
        self.assertTrue(lookup.answered(referrer, answer(referrer.id, [node(5)])))
        [honest] = askAll(lookup)
        self.assertTrue(lookup.answered(honest, answer(honest.id)))
        self.assertIn(node(5), [contactOf(each) for each in lookup.closest()])

    def test_silentAddressOfAnIdIsReplaced(self) -> None:
        """A node is found at the second address of its id if the first address is silent."""
        lookup = startLookup([node(5), node(5, "20.0.0.200")])
        first, second = askAll(lookup)
        lookup.failed(first)
        self.assertTrue(lookup.answered(second, answer(second.id)))
        self.assertEqual(lookup.closest(), [second])

    def test_resultsAreTheKClosest(self) -> None:
        """
        With k = 2, the results are the 2 closest of 5 nodes, although the closest answered last.
        """
        lookup = startLookup([node(number) for number in range(1, 6)], k=2)
        asked = askAll(lookup)
        for each in asked:
            lookup.late(each, 1)
        asked += askAll(lookup)
        for each in reversed(asked):
            lookup.answered(each, answer(each.id))
        self.assertEqual([each.distance for each in lookup.closest()], [1, 2])
