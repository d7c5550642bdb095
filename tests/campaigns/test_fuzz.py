"""
Tests for fuzzing, with a small part of what ``python -m fuzz`` does at length.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fuzz.campaign import CORPUS, run
from fuzz.input import play
from fuzz.subject import QUERY_LIMIT, BrokenInvariant, Subject

#: The datagrams of one campaign: a few seconds of real time.
DATAGRAMS = 20_000


class CampaignTests(SynchronousTestCase):
    """A node with a full table and open queries receives mutated datagrams from forged sources."""

    def test_invariantsHold(self) -> None:
        """No invariant is broken by 20,000 datagrams."""
        outcome = run(seed=2024, datagrams=DATAGRAMS)
        self.assertEqual(outcome.failure, "")
        self.assertEqual(outcome.datagrams, DATAGRAMS)

    def test_datagramsReachEveryCounter(self) -> None:
        """The datagrams reach every part of the node: each counter of received datagrams rises."""
        counters = run(seed=2025, datagrams=DATAGRAMS).counters
        still = {name for name, count in counters.items() if not count}
        # The handlers of a campaign are fast and never fail.  It has too few new ids a second
        # for the limit on claims.  The network in memory accepts every datagram.
        self.assertLessEqual(
            still, {"claimsRefused", "handlerFailures", "handlersRefused", "sendFailures"}
        )
        self.assertIn("sendFailures", still)

    def test_seedRepeatsACampaign(self) -> None:
        """Two campaigns of 1,000 datagrams with the same seed have the same outcome."""
        one, other = run(seed=7, datagrams=1000), run(seed=7, datagrams=1000)
        self.assertEqual(one.counters, other.counters)
        self.assertEqual(one.ended, other.ended)


class SubjectTests(SynchronousTestCase):
    """Tests for the fuzzed node, and for the invariants that are checked on it."""

    def setUp(self) -> None:
        self.subject = Subject(1)

    def test_tableIsFull(self) -> None:
        """The table has over 120 of 1,000 contacts, and queries are open."""
        self.assertGreater(len(self.subject.node.contacts()), 120)
        self.subject.run(0.005)
        self.assertGreater(len(self.subject.requests), 0)
        self.subject.finish()

    def test_warningIsFound(self) -> None:
        """A log event above debug breaks an invariant."""
        self.subject.node._log.warn("something {what}", what="odd")
        self.assertIn("something", str(self.assertRaises(BrokenInvariant, self.subject.check)))
        self.assertRaises(BrokenInvariant, self.subject.finish)

    def test_leftTimerIsFound(self) -> None:
        """A timer that outlives the node breaks an invariant."""
        self.subject.network.reactor("1.2.3.4").callLater(1000, int)
        self.assertRaises(BrokenInvariant, self.subject.finish)

    def test_endlessQueryIsFound(self) -> None:
        """A query that is open for over 60 seconds breaks an invariant."""
        self.subject.clock.rightNow += QUERY_LIMIT + 1
        self.assertIn("not ended", str(self.assertRaises(BrokenInvariant, self.subject.check)))
        self.subject.finish()


class CorpusTests(SynchronousTestCase):
    """
    Tests with the inputs of the coverage-guided search: its first ones, and those that it found.
    """

    def setUp(self) -> None:
        self.files = [path for path in CORPUS.iterdir() if path.is_file()]

    def test_corpusIsSmall(self) -> None:
        """The corpus has from 20 to 200 inputs."""
        self.assertTrue(20 <= len(self.files) <= 200, len(self.files))

    def test_inputsBreakNoInvariant(self) -> None:
        """Each input of the corpus leaves the invariants of its node intact."""
        for path in self.files:
            play(path.read_bytes())
