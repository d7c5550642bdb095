"""
Searches that ask given addresses: `AskEach`, and `Commit`, which sends updates.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits.bounds import LOOKUP_WINDOW
from dwdht_twisted._core.lookup import AskEach, Candidate, Commit, State
from dwdht_twisted._core.wire import ID_BYTES, Address
from tests.helpers.core.lookup_network import LookupNetwork, answer
from tests.helpers.core.lookups import askAll

ID = b"i" * ID_BYTES
TOKEN = b"t" * 32
NEWER = b"n" * 32
NEWEST = b"m" * 32


def address(number: int) -> Address:
    """Return one of many addresses of a public host."""
    return Address("192.0.2.7", 1000 + number)


class AskEachTests(SynchronousTestCase):
    """
    A search that asks each of the given addresses.
    """

    def startSearch(self, count: int) -> AskEach:
        """Return a search of ``count`` addresses."""
        search = AskEach()
        search.addAddresses(address(number) for number in range(count))
        return search

    def test_searchWithoutAddressesIsOver(self) -> None:
        """A search without addresses is over at once, with no results."""
        search = AskEach()
        self.assertIsNone(search.next())
        self.assertTrue(search.isOver)
        self.assertEqual(search.closest(), [])

    def test_eachAddressIsAskedOnce(self) -> None:
        """Each address is asked once, in the order given, although two of them are given twice."""
        search = AskEach()
        search.addAddresses([address(1), address(2), address(1)])
        search.addAddresses([address(2), address(3)])
        asked = askAll(search)
        self.assertEqual([each.address for each in asked], [address(1), address(2), address(3)])
        self.assertIsNone(asked[0].id)
        self.assertIsNone(asked[0].referrer(1))

    def test_searchWaitsForExpectedAddresses(self) -> None:
        """A search that expects more addresses isn't over, although the known one has answered."""
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
        At most `LOOKUP_WINDOW`, 16, requests are in flight, and each one that ends makes room for
        another.
        """
        search = self.startSearch(LOOKUP_WINDOW + 3)
        asked = askAll(search)
        self.assertEqual(len(asked), LOOKUP_WINDOW)
        search.answered(asked[0], answer(ID))
        search.failed(asked[1])
        self.assertEqual(len(askAll(search)), 2)
        self.assertFalse(search.isOver)

    def test_lateAnswerIsTaken(self) -> None:
        """A late answer is waited for through a hole punch, and taken."""
        search = self.startSearch(1)
        [candidate] = askAll(search)
        search.late(candidate, 1)
        search.punched(candidate)
        self.assertIsNone(search.next())
        self.assertFalse(search.isOver)
        self.assertTrue(search.answered(candidate, answer(ID)))
        self.assertTrue(search.isOver)

    def test_ephemeralNodeIsAResult(self) -> None:
        """An ephemeral node that answers is a result, because it was asked by its address."""
        search = self.startSearch(1)
        [candidate] = askAll(search)
        self.assertTrue(search.answered(candidate, answer(None, token=TOKEN)))
        self.assertEqual(search.closest(), [candidate])

    def test_tokenOfTheWrongSizeIsIgnored(self) -> None:
        """A node whose token isn't 32 bytes is sent no update."""
        search = self.startSearch(3)
        for candidate, size in zip(askAll(search), (0, 31, 60_000), strict=True):
            search.answered(candidate, answer(ID, token=bytes(size)))
        self.assertIsNone(Commit(search.closest()).next())

    def test_namedNodesAreNotAsked(self) -> None:
        """A node that an answer names is not asked."""
        search = self.startSearch(1)
        [candidate] = askAll(search)
        other = LookupNetwork(Random(1)).newContact()
        search.answered(candidate, answer(ID, [other]))
        self.assertIsNone(search.next())
        self.assertTrue(search.isOver)

    def test_answersAreKept(self) -> None:
        """A node that answered is kept with its id and token, and one that failed is no result."""
        search = self.startSearch(2)
        first, second = askAll(search)
        search.answered(second, answer(ID, token=TOKEN))
        search.failed(first)
        self.assertEqual(search.closest(), [second])
        self.assertEqual((second.id, second.token), (ID, TOKEN))
        self.assertIs(second.state, State.ANSWERED)
        self.assertIs(first.state, State.FAILED)

    def test_moreThanKAddressesAreAsked(self) -> None:
        """All of 31 addresses are asked, at most 16 at once, and the 30 that answer are results."""
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
    The commit of an update to nodes that gave tokens.
    """

    def resultsWith(self, tokens: Iterable[bytes | None]) -> list[Candidate]:
        """Return the results of a query: a node for each of these tokens."""
        search = AskEach()
        search.addAddresses(address(number) for number, _ in enumerate(tokens))
        for candidate, token in zip(askAll(search), tokens, strict=True):
            search.answered(candidate, answer(ID, token=token))
        return search.closest()

    def test_updateGoesToNodesWithTokens(self) -> None:
        """
        The update goes to each node that gave a token, with its own token, and to no other node.
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

    def test_sameTokenMeansTaken(self) -> None:
        """A node that answers with the token that it was sent has taken the update."""
        commit = Commit(self.resultsWith([TOKEN]))
        [candidate] = askAll(commit)
        self.assertFalse(commit.isOver)
        self.assertTrue(commit.answered(candidate, answer(ID, token=TOKEN)))
        self.assertIsNone(commit.next())
        self.assertTrue(commit.isOver)

    def test_answerWithoutATokenIsARefusal(self) -> None:
        """
        A node that answers without a token has not taken the update, and is not sent it again.
        """
        commit = Commit(self.resultsWith([TOKEN]))
        [candidate] = askAll(commit)
        self.assertFalse(commit.answered(candidate, answer(ID)))
        self.assertIsNone(commit.next())
        self.assertTrue(commit.isOver)

    def test_newerTokenIsSentBack(self) -> None:
        """A node that answers with a newer token is sent the update again with that token."""
        commit = Commit(self.resultsWith([TOKEN]))
        [candidate] = askAll(commit)
        self.assertFalse(commit.answered(candidate, answer(ID, token=NEWER)))
        self.assertFalse(commit.isOver)
        self.assertEqual(askAll(commit), [candidate])
        self.assertEqual(candidate.token, NEWER)
        self.assertTrue(commit.answered(candidate, answer(ID, token=NEWER)))
        self.assertTrue(commit.isOver)

    def test_updateIsSentAtMostTwice(self) -> None:
        """A node that answers with ever newer tokens is sent the update twice."""
        commit = Commit(self.resultsWith([TOKEN]))
        for token in (NEWER, NEWEST):
            [candidate] = askAll(commit)
            commit.answered(candidate, answer(ID, token=token))
        self.assertEqual(askAll(commit), [])
        self.assertTrue(commit.isOver)

    def test_secondUpdateMayBeRefused(self) -> None:
        """A node that answers the second update without a token has not taken it."""
        commit = Commit(self.resultsWith([TOKEN]))
        [candidate] = askAll(commit)
        commit.answered(candidate, answer(ID, token=NEWER))
        askAll(commit)
        self.assertFalse(commit.answered(candidate, answer(ID)))
        self.assertTrue(commit.isOver)

    def test_silenceEndsTheSecondUpdate(self) -> None:
        """A node that is silent to the second update is given up."""
        commit = Commit(self.resultsWith([TOKEN]))
        [candidate] = askAll(commit)
        commit.answered(candidate, answer(ID, token=NEWER))
        [candidate] = askAll(commit)
        commit.failed(candidate)
        self.assertTrue(commit.isOver)

    def test_namedNodesGetNoUpdate(self) -> None:
        """A node that is named while an update is committed gets no update."""
        commit = Commit(self.resultsWith([TOKEN]))
        [candidate] = askAll(commit)
        other = LookupNetwork(Random(1)).newContact()
        commit.answered(candidate, answer(ID, [other], TOKEN))
        self.assertIsNone(commit.next())

    def test_thirdTokenIsARefusal(self) -> None:
        """A node that answers the second update with a third token has not taken it."""
        commit = Commit(self.resultsWith([TOKEN]))
        [candidate] = askAll(commit)
        commit.answered(candidate, answer(ID, token=NEWER))
        [candidate] = askAll(commit)
        self.assertFalse(commit.answered(candidate, answer(ID, token=NEWEST)))
