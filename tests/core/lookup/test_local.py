"""
Lookups by a member, with the searching member itself, the searcher, as a candidate.
"""

from __future__ import annotations

from dwdht_twisted._core.lookup import Candidate, Lookup, State
from dwdht_twisted._core.lookup.bounds import LOOKUP_BUDGET
from dwdht_twisted._core.wire import ID_BYTES, Contact, packAddress
from tests.helpers.core.contacts import compact, near
from tests.helpers.core.lookup_network import answer
from tests.helpers.core.lookups import (
    BOOTSTRAP,
    TARGET,
    LookupTestCase,
    askAll,
    contactOf,
    node,
)

TOKEN = b"t" * 32


class LocalTests(LookupTestCase):
    """
    A lookup whose searcher is a candidate.
    """

    def start(self, contacts: list[Contact], own: int = 50, k: int = 3, spacing: int = 0) -> Lookup:
        """
        Return a lookup that starts from these contacts and from the searcher.

        :param own: the distance of the searcher's id from the target
        """
        self.own = near(TARGET, own)
        lookup = Lookup(TARGET, self.own, k=k, spacing=spacing)
        lookup.addContacts(compact(contacts))
        lookup.addLocal()
        return lookup

    def localOf(self, candidates: list[Candidate]) -> Candidate:
        """Return the searcher, which must be among the candidates exactly once."""
        [local] = [each for each in candidates if each.isLocal]
        return local

    def test_searcherAloneIsAskedAndFound(self) -> None:
        """
        Without contacts, a lookup asks only the searcher, waits for its answer and returns it.
        """
        lookup = self.start([])
        [local] = askAll(lookup)
        self.assertTrue(local.isLocal)
        self.assertEqual((local.id, local.distance, local.state), (self.own, 50, State.ASKED))
        self.assertFalse(lookup.isOver)
        self.assertTrue(lookup.answered(local, answer(self.own, token=TOKEN)))
        self.assertEqual(askAll(lookup), [])
        self.assertTrue(lookup.isOver)
        self.assertEqual(lookup.closest(), [local])
        self.assertEqual(local.token, TOKEN)

    def test_searcherIsAskedInItsTurn(self) -> None:
        """The searcher is asked after closer candidates and before farther ones."""
        lookup = self.start([node(60), node(10), node(40)], own=50, k=20)
        asked = askAll(lookup)
        self.assertEqual([each.distance for each in asked], [10, 40, 50, 60])
        self.assertEqual([each.isLocal for each in asked], [False, False, True, False])

    def test_searcherIsNeverAskedBeyondTheKClosest(self) -> None:
        """The searcher is not asked if k closer nodes are known and answer."""
        lookup = self.start([node(10), node(20), node(30)], own=50, k=3)
        asked = self.finish(lookup)
        self.assertEqual(asked, [node(10), node(20), node(30)])

    def test_searcherIsNotReturnedBehindKCloserNodes(self) -> None:
        """A searcher that has answered is not returned if k closer nodes answer afterwards."""
        lookup = self.start([node(60)], own=50, k=3)
        asked = askAll(lookup)
        local = self.localOf(asked)
        lookup.answered(local, answer(self.own))
        [other] = [each for each in asked if not each.isLocal]
        lookup.answered(other, answer(other.id, [node(10), node(20), node(30)]))
        self.finish(lookup)
        self.assertEqual([each.distance for each in lookup.closest()], [10, 20, 30])

    def test_searcherIsReplacedWhenItFails(self) -> None:
        """If the searcher fails, the next closest node is asked in its place."""
        lookup = self.start([node(10), node(20), node(60)], own=15, k=2)
        asked = askAll(lookup)
        self.assertEqual([each.distance for each in asked], [10, 15])
        lookup.failed(self.localOf(asked))
        lookup.answered(asked[0], answer(asked[0].id))
        [third] = askAll(lookup)
        self.assertEqual(contactOf(third), node(20))

    def test_searcherCostsNoDatagram(self) -> None:
        """
        The searcher doesn't count towards the budget of datagrams. It is asked in addition to
        `LOOKUP_BUDGET` nodes.
        """
        lookup = self.start([node(number) for number in range(1, 300)], own=0, k=300)
        asked: list[Candidate] = []
        while batch := askAll(lookup):
            asked += batch
            for each in batch:
                lookup.answered(each, answer(each.id))
        self.assertEqual(len(asked), LOOKUP_BUDGET + 1)
        self.localOf(asked)

    def test_answerOfTheSearcherDoesNotEndTheWaitForBootstrapNodes(self) -> None:
        """
        If only the searcher has answered, a lookup waits for expected bootstrap nodes and asks
        them.
        """
        lookup = self.start([])
        lookup.expect()
        [local] = askAll(lookup)
        lookup.answered(local, answer(self.own))
        self.assertEqual(askAll(lookup), [])
        self.assertFalse(lookup.isOver)
        lookup.addBootstrap([BOOTSTRAP])
        lookup.complete()
        [bootstrap] = askAll(lookup)
        self.assertEqual(bootstrap.address, BOOTSTRAP)

    def test_silentNodeIsWaitedForAlthoughTheSearcherHasAnswered(self) -> None:
        """
        While only the searcher has answered, a recently silent node is waited for to the end of its
        request. After another node has answered, the silent node is waited for during two
        transmissions only.
        """
        for other in (False, True):
            self.own = near(TARGET, 50)
            lookup = Lookup(TARGET, self.own, k=20, isSilent=lambda address: address.port == 1010)
            lookup.addContacts(compact([node(10), node(20)]))
            lookup.addLocal()
            second, local = askAll(lookup)
            lookup.answered(local, answer(self.own))
            if other:
                lookup.answered(second, answer(second.id))
            else:
                lookup.failed(second)
            [silent] = askAll(lookup)
            self.assertEqual(contactOf(silent), node(10))
            for transmissions in range(1, 4):
                lookup.late(silent, transmissions)
            self.assertEqual(askAll(lookup), [])
            self.assertEqual(lookup.isOver, other)

    def test_ownIdOfOthersIsNeitherAskedNorFound(self) -> None:
        """
        No address is asked for a node with the searcher's id. An answer from an address under this
        id is no result. The only result under this id is the searcher itself.
        """
        lookup = self.start([Contact(near(TARGET, 50), "20.0.0.9", 9), node(60)], own=50, k=20)
        lookup.addBootstrap([BOOTSTRAP])
        asked = askAll(lookup)
        self.assertEqual([each.distance for each in asked], [-1, 50, 60])
        bootstrap, local, other = asked
        named = [Contact(self.own, f"20.0.{number}.9", 9) for number in range(5)]
        lookup.answered(other, answer(other.id, named))
        self.assertFalse(lookup.answered(bootstrap, answer(self.own)))
        self.assertTrue(lookup.answered(local, answer(self.own)))
        self.assertEqual(askAll(lookup), [])
        self.assertEqual(lookup.closest(), [local, other])

    def test_ownIdWithoutAnAddressIsNoContact(self) -> None:
        """An incomplete entry with only the searcher's id causes no request."""
        lookup = self.start([node(60)], own=50, k=20)
        local, other = askAll(lookup)
        message = answer(other.id)._replace(nodes=self.own + packAddress("20.0.0.9", 9) + self.own)
        lookup.answered(other, message)
        lookup.answered(local, answer(self.own))
        self.assertEqual(askAll(lookup), [])
        self.assertTrue(lookup.isOver)

    def test_searcherThatIsTheTargetIsTheClosest(self) -> None:
        """If the searcher's id is the target, the searcher is asked first and returned first."""
        lookup = self.start([node(10), node(20), node(30)], own=0, k=3, spacing=1 << 250)
        self.assertEqual(self.own, bytes(ID_BYTES))
        asked = askAll(lookup)
        self.assertTrue(asked[0].isLocal)
        for each in asked:
            lookup.answered(each, answer(each.id))
        self.finish(lookup)
        self.assertIs(lookup.closest()[0], asked[0])

    def test_searcherNextToTheTargetIsReturnedBesideTheKClosest(self) -> None:
        """
        A searcher with an id implausibly close to the target is returned beside the k closest
        nodes.
        """
        contacts = [node(1 << 249), node(1 << 250), node(1 << 251)]
        lookup = self.start(contacts, own=1, k=3, spacing=1 << 250)
        self.finish(lookup)
        found = lookup.closest()
        self.assertEqual(len(found), 4)
        self.assertTrue(found[0].isLocal)
