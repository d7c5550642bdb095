"""
The schedule of kept values.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted.values.keeping.kept import Record
from dwdht_twisted.values.keeping.schedule import (
    DRAW,
    FIRST_PAUSE,
    LONGEST_PAUSE,
    LONGEST_RETRY,
    OUTDATED_ENTRIES,
    SHORTEST_PAUSE,
    Entry,
    Schedule,
)

AGE = 86400.0


def entry(number: int = 0) -> Entry:
    """Return a new entry."""
    return Entry(Record("values", number.to_bytes(32, "big"), b""), AGE)


class EntryTests(SynchronousTestCase):
    """
    The pauses between the puts of one entry.
    """

    def assertPause(self, pause: float, expected: float) -> None:
        """Require a pause that was drawn around an expected one."""
        self.assertGreaterEqual(pause, expected * DRAW[0])
        self.assertLessEqual(pause, expected * DRAW[1])

    def test_pauseGrowsWhileHoldersStay(self) -> None:
        """The pause doubles with each put that finds the holders, up to a part of the age."""
        subject, random = entry(), Random(1)
        pause = AGE * FIRST_PAUSE
        self.assertPause(subject.taken(20, 0, AGE, random), pause)
        for _ in range(8):
            pause = min(2 * pause, AGE * LONGEST_PAUSE)
            self.assertPause(subject.taken(20, 15, AGE, random), pause)
        self.assertLess(LONGEST_PAUSE * DRAW[1], 1)

    def test_pauseShrinksWhileHoldersLeave(self) -> None:
        """The pause halves with each put that finds few holders, down to a part of the age."""
        subject, random = entry(), Random(1)
        pause = AGE * FIRST_PAUSE
        subject.taken(20, 0, AGE, random)
        for _ in range(8):
            pause = max(pause / 2, AGE * SHORTEST_PAUSE)
            self.assertPause(subject.taken(20, 9, AGE, random), pause)
        self.assertPause(subject.taken(20, 12, AGE, random), pause)

    def test_retriesNeverEnd(self) -> None:
        """The pause after failures is bounded, however many there were."""
        subject, random = entry(), Random(1)
        for _ in range(3000):
            last = subject.failed(0, random)
        self.assertPause(last, LONGEST_RETRY)


class ScheduleTests(SynchronousTestCase):
    """
    The order of the entries.
    """

    def test_entriesAreInTheOrderOfTheirTimes(self) -> None:
        """
        Of entries whose times are set, moved and removed at random, the first is the one with the
        earliest time, and outdated places don't add up.
        """
        random, schedule = Random(3), Schedule()
        entries = [entry(number) for number in range(20)]
        for _ in range(5000):
            schedule.set(
                random.choice(entries), None if random.random() < 0.3 else random.uniform(0, 100)
            )
            times = [each.due for each in entries if each.due is not None]
            first = schedule.first()
            self.assertEqual(None if first is None else first.due, min(times, default=None))
            self.assertLessEqual(len(schedule._heap), 2 * 20 + OUTDATED_ENTRIES + 1)
