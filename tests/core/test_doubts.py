"""
Contacts whose silence may be due to the node's own line.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.doubts import LONGEST_DOUBT, LONGEST_PAUSE, NOBODY, Doubts

SILENT = ("52.0.0.1", 1000)
ALSO_SILENT = ("52.0.0.2", 1000)
ANSWERING = ("52.0.1.1", 1000)
PRIVATE = ("10.0.0.1", 1000)
LOOPBACK = ("127.0.0.1", 1000)


class DoubtsTests(SynchronousTestCase):
    """
    Silences and answers in one order or another.
    """

    def setUp(self) -> None:
        self.doubts = Doubts()

    def contacts(self) -> list[tuple[str, int]]:
        """Return the addresses of the contacts: many public ones."""
        return [("52.0.0.1", port) for port in range(1, 100)]

    def test_silenceBetweenTwoAnswersCounts(self) -> None:
        """A silence counts if it lies between two answers that are `LONGEST_PAUSE` apart."""
        self.doubts.heard(ANSWERING, 0.0)
        self.doubts.add(SILENT, 0.0)
        self.assertIn(SILENT, self.doubts)
        self.assertEqual(self.doubts.heard(ANSWERING, LONGEST_PAUSE), ([SILENT], []))
        self.assertEqual(len(self.doubts), 0)

    def test_silenceInALongPauseIsAskedAgain(self) -> None:
        """A silence doesn't count if nobody answered for longer than `LONGEST_PAUSE`."""
        self.doubts.heard(ANSWERING, 0.0)
        self.doubts.add(SILENT, 0.0)
        self.doubts.add(ALSO_SILENT, 0.0)
        heard = self.doubts.heard(ANSWERING, LONGEST_PAUSE + 1)
        self.assertEqual(heard, ([], [SILENT, ALSO_SILENT]))

    def test_firstAnswerOfAllSaysNothingOfTheTimeBefore(self) -> None:
        """A silence before the first answer of all doesn't count."""
        self.doubts.add(SILENT, 0.0)
        self.assertEqual(self.doubts.heard(ANSWERING, 1.0), ([], [SILENT]))

    def test_ownAnswerEndsTheDoubt(self) -> None:
        """A contact that answers by itself is not in doubt any more."""
        self.doubts.heard(ANSWERING, 0.0)
        self.doubts.add(SILENT, 0.0)
        self.assertEqual(self.doubts.heard(SILENT, 1.0), ([], []))
        self.assertEqual(self.doubts.heard(ANSWERING, 2.0), ([], []))

    def test_answersOfOtherLinesSayNothing(self) -> None:
        """An answer from a private or loopback address leaves a public contact in doubt."""
        self.doubts.heard(ANSWERING, 0.0)
        self.doubts.add(SILENT, 0.0)
        for address in (PRIVATE, LOOPBACK):
            self.assertEqual(self.doubts.heard(address, 1.0), ([], []))
            self.assertFalse(self.doubts.reaches(address, SILENT))
        self.assertEqual(self.doubts.heard(ANSWERING, 2.0), ([SILENT], []))

    def test_lineIsDownAfterAPause(self) -> None:
        """
        A line is down once nobody has answered for longer than `LONGEST_PAUSE` and somebody was
        silent.
        """
        self.doubts.heard(ANSWERING, 0.0)
        self.assertFalse(self.doubts.isDown(LONGEST_PAUSE + 1))
        self.doubts.add(SILENT, 0.0)
        self.assertFalse(self.doubts.isDown(LONGEST_PAUSE))
        self.assertTrue(self.doubts.isDown(LONGEST_PAUSE + 1))
        self.doubts.heard(ANSWERING, LONGEST_PAUSE + 2)
        self.assertFalse(self.doubts.isDown(LONGEST_PAUSE + 3))

    def test_nobodyAnswersSinceTheLastOfEnoughTransmissions(self) -> None:
        """
        With `NOBODY` contacts in doubt, nobody has answered what was sent since the earliest of the
        latest `NOBODY` transmissions.  With fewer, this is not known.
        """
        for number in range(NOBODY):
            self.assertEqual(self.doubts.silentSince(self.contacts), float("-inf"))
            self.doubts.add(("52.0.0.1", number + 1), float(number))
        self.assertEqual(self.doubts.silentSince(self.contacts), 0.0)
        self.doubts.add(SILENT, 100.0)
        self.assertEqual(self.doubts.silentSince(self.contacts), 1.0)
        self.doubts.add(("52.0.0.1", 2), 101.0)
        self.assertEqual(self.doubts.silentSince(self.contacts), 2.0)

    def test_lineOfWhichSomeAreNotInDoubtMayAnswer(self) -> None:
        """
        With `NOBODY` private contacts in doubt, somebody may answer as long as there are public
        contacts of which one isn't in doubt.
        """
        public = [("52.0.0.1", port) for port in range(1, 4)]
        private = [("10.0.0.1", port) for port in range(1, NOBODY + 20)]
        for address in private[:NOBODY]:
            self.doubts.add(address, 1.0)
        self.assertEqual(self.doubts.silentSince(lambda: private), 1.0)
        self.doubts.heard(PRIVATE, 2.0)
        for address in private[:NOBODY]:
            self.doubts.add(address, 3.0)
        for address in public:
            self.assertEqual(self.doubts.silentSince(lambda: private + public), float("-inf"))
            self.doubts.add(address, 3.0)
        self.assertEqual(self.doubts.silentSince(lambda: private + public), 3.0)

    def test_privateContactsAreInDoubtForAnHour(self) -> None:
        """
        The silence of a private contact counts after `LONGEST_DOUBT` if public ones answer. That of
        a public contact doesn't, whoever answers: the machine may be off the Internet for longer.
        """
        for answering, silent in ((ANSWERING, PRIVATE), (PRIVATE, SILENT), (LOOPBACK, SILENT)):
            doubts = Doubts()
            doubts.heard(answering, 0.0)
            doubts.add(silent, 10.0)
            for now in range(0, int(LONGEST_DOUBT) + 1, 50):
                doubts.add(silent, float(max(now, 10)))
                self.assertEqual(doubts.heard(answering, float(now)), ([], []))
            settled = doubts.heard(answering, LONGEST_DOUBT + 11)
            self.assertEqual(settled, ([silent] if silent is PRIVATE else [], []))
