"""
Searches that ask given addresses: `AskEach`, and `Commit`, which sends an update to the nodes of a
query.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.lookup import AskEach, Candidate, Commit, State
from dwdht_twisted._core.lookup.bounds import LOOKUP_WINDOW
from dwdht_twisted._core.wire import ID_BYTES, Address
from tests.helpers.core.lookup_network import LookupNetwork, answer
from tests.helpers.core.lookups import askAll

ID = b"i" * ID_BYTES
TOKEN = b"t" * 32
NEWER = b"n" * 32
NEWEST = b"m" * 32


def address(number: int) -> Address:
    """Return the address with this number, all of them at one public host."""
    return Address("192.0.2.7", 1000 + number)


class AskEachTests(SynchronousTestCase):
    """
    `AskEach`, a search that asks each of the given addresses.
    """

    def startSearch(self, count: int) -> AskEach:
        """Return a search of ``count`` addresses."""
        search = AskEach()
        search.addAddresses(address(number) for number in range(count))
        return search

    def test_searchWithoutAddressesIsOver(self) -> None:
        """A search without addresses is over at once and has no results."""
        search = AskEach()
        self.assertIsNone(search.next())
        self.assertTrue(search.isOver)
        self.assertEqual(search.closest(), [])

    def test_eachAddressIsAskedOnce(self) -> None:
        """Each address is asked once, in the given order, even if it is given twice."""
        search = AskEach()
        search.addAddresses([address(1), address(2), address(1)])
        search.addAddresses([address(2), address(3)])
        asked = askAll(search)
        self.assertEqual([each.address for each in asked], [address(1), address(2), address(3)])
        self.assertIsNone(asked[0].id)
        self.assertIsNone(asked[0].takeReferrer(1))

    def test_searchWaitsForExpectedAddresses(self) -> None:
        """
        A search that expects more addresses isn't over when its only known address has answered.
        """
        search = AskEach()
        search.expect()
        self.assertIsNone(search.next())
        self.assertFalse(search.isOver)
        search.addAddresses([address(1)])
        [candidate] = askAll(search)
        search.answered(candidate, answer(ID))
        self.assertFalse(search.isOver)
        search.complete()
        self.assertTrue(search.isOver)

    def test_requestsInFlightAreLimited(self) -> None:
        """
        At most 16 requests are in flight, as `LOOKUP_WINDOW` allows. When a request ends, a new one
        starts.
        """
        search = self.startSearch(LOOKUP_WINDOW + 3)
        asked = askAll(search)
        self.assertEqual(len(asked), LOOKUP_WINDOW)
        search.answered(asked[0], answer(ID))
        search.failed(asked[1])
        self.assertEqual(len(askAll(search)), 2)
        self.assertFalse(search.isOver)

    def test_lateAnswerIsTaken(self) -> None:
        """A search waits for a late answer, also during a hole punch, and accepts it."""
        search = self.startSearch(1)
        [candidate] = askAll(search)
        search.late(candidate, 1)
        search.punched(candidate)
        self.assertIsNone(search.next())
        self.assertFalse(search.isOver)
        self.assertTrue(search.answered(candidate, answer(ID)))
        self.assertTrue(search.isOver)

    def test_ephemeralNodeIsAResult(self) -> None:
        """An ephemeral node, whose answer has no id, is a result of a search by addresses."""
        search = self.startSearch(1)
        [candidate] = askAll(search)
        self.assertTrue(search.answered(candidate, answer(None, token=TOKEN)))
        self.assertEqual(search.closest(), [candidate])

    def test_tokenOfTheWrongSizeIsIgnored(self) -> None:
        """A node is sent no update if its token has 0, 31 or 60,000 bytes. A token has 32 bytes."""
        search = self.startSearch(3)
        for candidate, size in zip(askAll(search), (0, 31, 60_000), strict=True):
            search.answered(candidate, answer(ID, token=bytes(size)))
        self.assertIsNone(Commit(search.closest()).next())

    def test_namedNodesAreNotAsked(self) -> None:
        """A search by addresses doesn't ask a node that an answer names."""
        search = self.startSearch(1)
        [candidate] = askAll(search)
        other = LookupNetwork(Random(1)).newContact()
        search.answered(candidate, answer(ID, [other]))
        self.assertIsNone(search.next())
        self.assertTrue(search.isOver)

    def test_answersAreKept(self) -> None:
        """
        A node that answered is a result with its id and token. A node that failed is no result.
        """
        search = self.startSearch(2)
        first, second = askAll(search)
        search.answered(second, answer(ID, token=TOKEN))
        search.failed(first)
        self.assertEqual(search.closest(), [second])
        self.assertEqual((second.id, second.token), (ID, TOKEN))
        self.assertIs(second.state, State.ANSWERED)
        self.assertIs(first.state, State.FAILED)

    def test_moreThanKAddressesAreAsked(self) -> None:
        """
        All 31 addresses are asked, at most 16 at once. The 30 that answer are all results, although
        they are more than k.
        """
        network = LookupNetwork(Random(1))
        network.addHonest(30)
        for contact in network.honest:
            network.place(contact, lambda target: [])
        search = AskEach()
        search.addAddresses([*(each.address for each in network.honest), address(1)])
        tally = network.run(search, lateness=0.5)
        self.assertEqual(len(tally.asked), 31)
        self.assertTrue(tally.mostInFlight <= LOOKUP_WINDOW)
        self.assertEqual(len(search.closest()), 30)


class CommitTests(SynchronousTestCase):
    """
    `Commit`, which sends an update to the nodes that gave tokens.
    """

    def resultsWith(self, tokens: Iterable[bytes | None]) -> list[Candidate]:
        """
        Return the results of a query: one node for each token, and None for a node without a token.
        """
        search = AskEach()
        search.addAddresses(address(number) for number, _ in enumerate(tokens))
        for candidate, token in zip(askAll(search), tokens, strict=True):
            search.answered(candidate, answer(ID, token=token))
        return search.closest()

    def test_updateGoesToNodesWithTokens(self) -> None:
        """
        The update goes to each node that gave a token, together with this token. It goes to no
        other node.
        """
        candidates = self.resultsWith([TOKEN, None, NEWER])
        commit = Commit(candidates)
        asked = askAll(commit)
        self.assertEqual(asked, [candidates[0], candidates[2]])
        self.assertEqual([each.token for each in asked], [TOKEN, NEWER])

    def test_commitWithoutTokensIsOver(self) -> None:
        """A commit to nodes without tokens is over at once."""
        commit = Commit(self.resultsWith([None, None]))
        self.assertIsNone(commit.next())
        self.assertTrue(commit.isOver)

    def test_sameTokenMeansAccepted(self) -> None:
        """A node that answers with the same token has accepted the update."""
        commit = Commit(self.resultsWith([TOKEN]))
        [candidate] = askAll(commit)
        self.assertFalse(commit.isOver)
        self.assertTrue(commit.answered(candidate, answer(ID, token=TOKEN)))
        self.assertIsNone(commit.next())
        self.assertTrue(commit.isOver)

    def test_answerWithoutATokenIsARefusal(self) -> None:
        """
        A node that answers without a token has refused the update. The update isn't sent again.
        """
        commit = Commit(self.resultsWith([TOKEN]))
        [candidate] = askAll(commit)
        self.assertFalse(commit.answered(candidate, answer(ID)))
        self.assertIsNone(commit.next())
        self.assertTrue(commit.isOver)

    def test_newerTokenIsSentBack(self) -> None:
        """
        If a node answers with a newer token, the update is sent to it again with the newer token.
        """
        commit = Commit(self.resultsWith([TOKEN]))
        [candidate] = askAll(commit)
        self.assertFalse(commit.answered(candidate, answer(ID, token=NEWER)))
        self.assertFalse(commit.isOver)
        self.assertEqual(askAll(commit), [candidate])
        self.assertEqual(candidate.token, NEWER)
        self.assertTrue(commit.answered(candidate, answer(ID, token=NEWER)))
        self.assertTrue(commit.isOver)

    def test_updateIsSentAtMostTwice(self) -> None:
        """An update is sent to a node at most twice, even if each answer has a newer token."""
        commit = Commit(self.resultsWith([TOKEN]))
        for token in (NEWER, NEWEST):
            [candidate] = askAll(commit)
            commit.answered(candidate, answer(ID, token=token))
        self.assertEqual(askAll(commit), [])
        self.assertTrue(commit.isOver)

    def test_secondUpdateMayBeRefused(self) -> None:
        """
        A node that answers the second transmission of the update without a token has refused it.
        """
        commit = Commit(self.resultsWith([TOKEN]))
        [candidate] = askAll(commit)
        commit.answered(candidate, answer(ID, token=NEWER))
        askAll(commit)
        self.assertFalse(commit.answered(candidate, answer(ID)))
        self.assertTrue(commit.isOver)

    def test_silenceEndsTheSecondUpdate(self) -> None:
        """
        The commit is over if its only node doesn't answer the second transmission of the update.
        """
        commit = Commit(self.resultsWith([TOKEN]))
        [candidate] = askAll(commit)
        commit.answered(candidate, answer(ID, token=NEWER))
        [candidate] = askAll(commit)
        commit.failed(candidate)
        self.assertTrue(commit.isOver)

    def test_namedNodesGetNoUpdate(self) -> None:
        """A node named by the answer to an update gets no update."""
        commit = Commit(self.resultsWith([TOKEN]))
        [candidate] = askAll(commit)
        other = LookupNetwork(Random(1)).newContact()
        commit.answered(candidate, answer(ID, [other], TOKEN))
        self.assertIsNone(commit.next())

    def test_thirdTokenIsARefusal(self) -> None:
        """
        A node that answers the second transmission of the update with a third token has refused it.
        """
        commit = Commit(self.resultsWith([TOKEN]))
        [candidate] = askAll(commit)
        commit.answered(candidate, answer(ID, token=NEWER))
        [candidate] = askAll(commit)
        self.assertFalse(commit.answered(candidate, answer(ID, token=NEWEST)))
