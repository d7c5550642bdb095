"""
Fuzzing, on a smaller scale than ``python -m fuzz``.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from fuzz.campaign import CORPUS, run
from fuzz.input import play
from fuzz.subject import QUERY_LIMIT, BrokenInvariant, Subject

#: The number of datagrams in one campaign, which takes a few seconds of real time.
DATAGRAMS = 20_000


class CampaignTests(SynchronousTestCase):
    """
    Mutated datagrams from forged sources, sent to a node with a full table and open queries.
    """

    def test_invariantsHold(self) -> None:
        """A campaign of 20,000 datagrams breaks no invariant."""
        outcome = run(seed=2024, datagrams=DATAGRAMS)
        self.assertEqual(outcome.failure, "")
        self.assertEqual(outcome.datagrams, DATAGRAMS)

    def test_datagramsReachEveryCounter(self) -> None:
        """
        The datagrams reach every part of the node: each counter rises, apart from seven that can't
        rise here.
        """
        counters = run(seed=2025, datagrams=DATAGRAMS).counters
        still = {name for name, count in counters.items() if not count}
        # In a campaign, handlers are fast and never fail, and new ids are too few for the limit on
        # claims. All hosts are private, so none has a limit on its contacts. The network in memory
        # accepts every datagram. The network is open, so it has no strangers.
        self.assertLessEqual(
            still,
            {
                "claimsRefused",
                "contactsRefused",
                "handlerFailures",
                "handlersRefused",
                "replaysRefused",
                "sendFailures",
                "strangersRefused",
            },
        )
        self.assertIn("sendFailures", still)

    def test_seedRepeatsACampaign(self) -> None:
        """Two campaigns of 1,000 datagrams with the same seed have the same outcome."""
        one, other = run(seed=7, datagrams=1000), run(seed=7, datagrams=1000)
        self.assertEqual(one.counters, other.counters)
        self.assertEqual(one.ended, other.ended)


class SubjectTests(SynchronousTestCase):
    """
    `Subject`, the fuzzed node and the checks of its invariants.
    """

    def setUp(self) -> None:
        self.subject = Subject(1)

    def test_tableIsFull(self) -> None:
        """More than 120 of 1,000 nodes are contacts, and queries are open."""
        self.assertGreater(len(self.subject.node.contacts()), 120)
        self.subject.run(0.005)
        self.assertGreater(len(self.subject.requests), 0)
        self.subject.finish()

    def test_warningIsFound(self) -> None:
        """A log event above the debug level breaks an invariant."""
        self.subject.node._log.warn("something {what}", what="odd")
        self.assertIn("something", str(self.assertRaises(BrokenInvariant, self.subject.check)))
        self.assertRaises(BrokenInvariant, self.subject.finish)

    def test_leftTimerIsFound(self) -> None:
        """A timer that is left after the node was destroyed breaks an invariant."""
        self.subject.network.reactor("1.2.3.4").callLater(1000, int)
        self.assertRaises(BrokenInvariant, self.subject.finish)

    def test_endlessQueryIsFound(self) -> None:
        """A query open for more than 60 seconds breaks an invariant."""
        self.subject.clock.rightNow += QUERY_LIMIT + 1
        self.assertIn("not ended", str(self.assertRaises(BrokenInvariant, self.subject.check)))
        self.subject.finish()


class CorpusTests(SynchronousTestCase):
    """
    The corpus of the coverage-guided search: its initial inputs and the inputs that it found.
    """

    def setUp(self) -> None:
        self.files = [path for path in CORPUS.iterdir() if path.is_file()]

    def test_corpusIsSmall(self) -> None:
        """The corpus has 20 to 200 inputs."""
        self.assertTrue(20 <= len(self.files) <= 200, len(self.files))

    def test_inputsBreakNoInvariant(self) -> None:
        """No input of the corpus breaks an invariant."""
        for path in self.files:
            play(path.read_bytes())
