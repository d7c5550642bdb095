"""
`Turns`: one update of a target at a time.
"""

from __future__ import annotations

from random import Random

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted.values.signed.turns import Turns


class TurnsTests(SynchronousTestCase):
    """
    Functions that end at once, later, with a failure or by a cancellation, in a drawn order.
    """

    def setUp(self) -> None:
        self.turns = Turns()
        self.running: dict[bytes, int] = {}
        self.waiting: list[Deferred[None]] = []
        self.results: list[tuple[int, Deferred[int]]] = []

    async def work(self, key: bytes, number: int, isLate: bool, isAgain: bool) -> int:
        """Return the number, perhaps later, perhaps after another function was begun."""
        self.assertNotIn(key, self.running)
        self.running[key] = number
        try:
            if isLate:
                waiting: Deferred[None] = Deferred()
                self.waiting.append(waiting)
                await waiting
            if isAgain:
                self.begin(key, number + 1000, isLate=not isLate)
            if number % 5 == 0:
                raise ValueError(number)
            return number
        finally:
            del self.running[key]

    def begin(self, key: bytes, number: int, *, isLate: bool, isAgain: bool = False) -> None:
        """Begin a function in its turn."""
        result = Deferred.fromCoroutine(
            self.turns.run(key, lambda: self.work(key, number, isLate, isAgain))
        )
        self.results.append((number, result))

    def test_eachHasItsOwnResult(self) -> None:
        """
        Each function runs alone for its key and has its own outcome, and no key is left at the end.
        """
        for seed in range(200):
            random = Random(seed)
            self.setUp()
            for number in range(random.randrange(1, 20)):
                key = random.choice([b"a", b"b"])
                late, again = random.random() < 0.5, random.random() < 0.2
                self.begin(key, number, isLate=late, isAgain=again)
                if random.random() < 0.3:
                    random.choice(self.results)[1].cancel()
                if self.waiting and random.random() < 0.4:
                    self.waiting.pop(random.randrange(len(self.waiting))).callback(None)
            while self.waiting:
                self.waiting.pop(0).callback(None)
            for number, result in self.results:
                outcome: list[object] = []
                result.addBoth(outcome.append)
                if outcome != [number]:
                    reason = getattr(outcome[0], "value", None)
                    self.assertIsInstance(reason, (CancelledError, ValueError), f"seed {seed}")
            self.assertEqual(len(self.turns), 0)
