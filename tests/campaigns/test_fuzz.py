"""
A slice of the fuzzing that ``python -m fuzz`` does at length.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fuzz.campaign import CORPUS, run
from fuzz.input import play
from fuzz.subject import QUERY_LIMIT, Broken, Subject

#: A few seconds' worth.
DATAGRAMS = 20_000


class CampaignTests(SynchronousTestCase):
    """A node with a full table and open queries gets mutated datagrams from forged sources."""

    def test_slice(self) -> None:
        """No exception, nothing logged above debug, and every query ends."""
        outcome = run(seed=2024, datagrams=DATAGRAMS)
        self.assertEqual(outcome.broken, "")
        self.assertEqual(outcome.datagrams, DATAGRAMS)

    def test_reach(self) -> None:
        """The datagrams reach every part of the node: each of its counts of what it got moves."""
        counters = run(seed=2025, datagrams=DATAGRAMS).counters
        still = {name for name, count in counters.items() if not count}
        # The handlers of the campaign neither fail nor take long, its claims are too few a second,
        # and nothing is ever sent to where nothing can be.
        self.assertLessEqual(
            still, {"claimsRefused", "handlerFailures", "handlersRefused", "sendFailures"}
        )
        self.assertIn("sendFailures", still)

    def test_reproducible(self) -> None:
        """A seed makes the same campaign again."""
        one, other = run(seed=7, datagrams=1000), run(seed=7, datagrams=1000)
        self.assertEqual(one.counters, other.counters)
        self.assertEqual(one.ended, other.ended)


class SubjectTests(SynchronousTestCase):
    """What is fuzzed, and what is found wrong with it."""

    def setUp(self) -> None:
        self.subject = Subject(1)

    def test_full(self) -> None:
        """The table has taken what it can of 1,000 contacts, and queries are open."""
        self.assertGreater(len(self.subject.node.contacts()), 120)
        self.subject.run(0.005)
        self.assertGreater(len(self.subject.asked), 0)
        self.subject.finish()

    def test_logged(self) -> None:
        """An event above debug is found."""
        self.subject.node._log.warn("something {what}", what="odd")
        self.assertIn("something", str(self.assertRaises(Broken, self.subject.check)))
        self.assertRaises(Broken, self.subject.finish)

    def test_leftTimer(self) -> None:
        """A timer that outlives the node is found."""
        self.subject.network.reactor("1.2.3.4").callLater(1000, int)
        self.assertRaises(Broken, self.subject.finish)

    def test_endlessQuery(self) -> None:
        """A query that doesn't end is found."""
        self.subject.clock.rightNow += QUERY_LIMIT + 1
        self.assertIn("not ended", str(self.assertRaises(Broken, self.subject.check)))
        self.subject.finish()


class CorpusTests(SynchronousTestCase):
    """The inputs that a coverage-guided search began with, and those that it has found."""

    def setUp(self) -> None:
        self.files = [path for path in CORPUS.iterdir() if path.is_file()]

    def test_small(self) -> None:
        """There are some, but not many."""
        self.assertTrue(20 <= len(self.files) <= 200, len(self.files))

    def test_play(self) -> None:
        """Each leaves its node in order."""
        for path in self.files:
            play(path.read_bytes())
