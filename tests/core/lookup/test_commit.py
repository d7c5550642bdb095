"""
Tests for `dwdht_twisted.commit`.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits.bounds import LOOKUP_WINDOW
from dwdht_twisted._core.lookup import AskEach, Candidate, Commit, Search, State
from dwdht_twisted._core.wire import ID_BYTES, Address
from tests.helpers.core.lookup_network import LookupNetwork, answer

ID = b"i" * ID_BYTES
TOKEN = b"t" * 32
NEWER = b"n" * 32
NEWEST = b"m" * 32


def address(number: int) -> Address:
    """One of many addresses."""
    return Address("192.0.2.7", 1000 + number)


def askAll(search: Search) -> list[Candidate]:
    """Ask whomever a search names, until it names nobody."""
    asked = []
    while (candidate := search.next()) is not None:
        asked.append(candidate)
    return asked


class AskEachTests(SynchronousTestCase):
    """
    Tests for `AskEach`.
    """

    def asking(self, count: int) -> AskEach:
        """A search that asks so many addresses."""
        search = AskEach()
        search.addAddresses(address(number) for number in range(count))
        return search

    def test_nobody(self) -> None:
        """Without anyone to ask it is over at once."""
        search = AskEach()
        self.assertIsNone(search.next())
        self.assertTrue(search.isOver)
        self.assertEqual(search.closest(), [])

    def test_each(self) -> None:
        """Each address is asked once, in the order given, at once or bit by bit."""
        search = AskEach()
        search.addAddresses([address(1), address(2), address(1)])
        search.addAddresses([address(2), address(3)])
        asked = askAll(search)
        self.assertEqual([each.address for each in asked], [address(1), address(2), address(3)])
        self.assertIsNone(asked[0].id)
        self.assertIsNone(asked[0].referrer(1))

    def test_expected(self) -> None:
        """While addresses are expected it isn't over, whoever has answered."""
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

    def test_window(self) -> None:
        """No more than a window of requests is in flight, and each end of one makes room."""
        search = self.asking(LOOKUP_WINDOW + 3)
        asked = askAll(search)
        self.assertEqual(len(asked), LOOKUP_WINDOW)
        search.answered(asked[0], answer(ID))
        search.failed(asked[1])
        self.assertEqual(len(askAll(search)), 2)
        self.assertFalse(search.isOver)

    def test_lateIsWaitedFor(self) -> None:
        """A late answer is waited for, through hole punches and repetitions."""
        search = self.asking(1)
        [candidate] = askAll(search)
        search.late(candidate, 1)
        search.punched(candidate)
        self.assertIsNone(search.next())
        self.assertFalse(search.isOver)
        self.assertTrue(search.answered(candidate, answer(ID)))
        self.assertTrue(search.isOver)

    def test_ephemeral(self) -> None:
        """The answer of an ephemeral node is a result too: it was asked for by address."""
        search = self.asking(1)
        [candidate] = askAll(search)
        self.assertTrue(search.answered(candidate, answer(None, token=TOKEN)))
        self.assertEqual(search.closest(), [candidate])

    def test_sizeOfToken(self) -> None:
        """A token of another size than 32 bytes is none, and is not sent back."""
        search = self.asking(3)
        for candidate, size in zip(askAll(search), (0, 31, 60_000), strict=True):
            search.answered(candidate, answer(ID, token=bytes(size)))
        self.assertIsNone(Commit(search.closest()).next())

    def test_noFurther(self) -> None:
        """Nodes named in answers aren't asked."""
        search = self.asking(1)
        [candidate] = askAll(search)
        other = LookupNetwork(Random(1)).newContact()
        search.answered(candidate, answer(ID, [other]))
        self.assertIsNone(search.next())
        self.assertTrue(search.isOver)

    def test_whatCame(self) -> None:
        """Those that answered are kept with their id and token, and the silent left out."""
        search = self.asking(2)
        first, second = askAll(search)
        search.answered(second, answer(ID, token=TOKEN))
        search.failed(first)
        self.assertEqual(search.closest(), [second])
        self.assertEqual((second.id, second.token), (ID, TOKEN))
        self.assertIs(second.state, State.ANSWERED)
        self.assertIs(first.state, State.FAILED)

    def test_many(self) -> None:
        """However many addresses a caller names, all are asked."""
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
    Tests for `Commit`.
    """

    def found(self, tokens: Iterable[bytes | None]) -> list[Candidate]:
        """What a query has found: a node for each of these tokens."""
        search = AskEach()
        search.addAddresses(address(number) for number, _ in enumerate(tokens))
        for candidate, token in zip(askAll(search), tokens, strict=True):
            search.answered(candidate, answer(ID, token=token))
        return search.closest()

    def test_tokens(self) -> None:
        """The update goes to each node that gave a token, with its own, and to no other."""
        candidates = self.found([TOKEN, None, NEWER])
        commit = Commit(candidates)
        asked = askAll(commit)
        self.assertEqual(asked, [candidates[0], candidates[2]])
        self.assertEqual([each.token for each in asked], [TOKEN, NEWER])

    def test_nobodyGaveOne(self) -> None:
        """When no node gave a token it is over at once."""
        commit = Commit(self.found([None, None]))
        self.assertIsNone(commit.next())
        self.assertTrue(commit.isOver)

    def test_taken(self) -> None:
        """Who answers with the token that it was sent has taken the update."""
        commit = Commit(self.found([TOKEN]))
        [candidate] = askAll(commit)
        self.assertFalse(commit.isOver)
        self.assertTrue(commit.answered(candidate, answer(ID, token=TOKEN)))
        self.assertIsNone(commit.next())
        self.assertTrue(commit.isOver)

    def test_refused(self) -> None:
        """Who answers without a token has not taken it, and isn't asked again."""
        commit = Commit(self.found([TOKEN]))
        [candidate] = askAll(commit)
        self.assertFalse(commit.answered(candidate, answer(ID)))
        self.assertIsNone(commit.next())
        self.assertTrue(commit.isOver)

    def test_retried(self) -> None:
        """Who answers with a newer token is sent the update again with that."""
        commit = Commit(self.found([TOKEN]))
        [candidate] = askAll(commit)
        self.assertFalse(commit.answered(candidate, answer(ID, token=NEWER)))
        self.assertFalse(commit.isOver)
        self.assertEqual(askAll(commit), [candidate])
        self.assertEqual(candidate.token, NEWER)
        self.assertTrue(commit.answered(candidate, answer(ID, token=NEWER)))
        self.assertTrue(commit.isOver)

    def test_retriedOnce(self) -> None:
        """Who answers with ever newer tokens is sent the update twice, and no more."""
        commit = Commit(self.found([TOKEN]))
        for token in (NEWER, NEWEST):
            [candidate] = askAll(commit)
            commit.answered(candidate, answer(ID, token=token))
        self.assertEqual(askAll(commit), [])
        self.assertTrue(commit.isOver)

    def test_retryRefused(self) -> None:
        """Who doesn't take the second update either has not taken it."""
        commit = Commit(self.found([TOKEN]))
        [candidate] = askAll(commit)
        commit.answered(candidate, answer(ID, token=NEWER))
        askAll(commit)
        self.assertFalse(commit.answered(candidate, answer(ID)))
        self.assertTrue(commit.isOver)

    def test_retryFails(self) -> None:
        """Who falls silent after the first update is given up."""
        commit = Commit(self.found([TOKEN]))
        [candidate] = askAll(commit)
        commit.answered(candidate, answer(ID, token=NEWER))
        [candidate] = askAll(commit)
        commit.failed(candidate)
        self.assertTrue(commit.isOver)

    def test_fixed(self) -> None:
        """While committing the set of nodes doesn't grow, whomever they name."""
        commit = Commit(self.found([TOKEN]))
        [candidate] = askAll(commit)
        other = LookupNetwork(Random(1)).newContact()
        commit.answered(candidate, answer(ID, [other], TOKEN))
        self.assertIsNone(commit.next())

    def test_secondRefusal(self) -> None:
        """Who answers the second update with yet another token has not taken it."""
        commit = Commit(self.found([TOKEN]))
        [candidate] = askAll(commit)
        commit.answered(candidate, answer(ID, token=NEWER))
        [candidate] = askAll(commit)
        self.assertFalse(commit.answered(candidate, answer(ID, token=NEWEST)))
