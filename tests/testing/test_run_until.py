"""
Tests for `SimulatedClock.runUntil`.
"""

from __future__ import annotations

import gc
from collections.abc import Generator
from typing import Any, NoReturn

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted.testing import LimitReached, SimulatedClock


class Odd(BaseException):
    """An exception that isn't a kind of ``Exception``."""


def raiseOdd() -> NoReturn:
    """Raise `Odd`."""
    raise Odd


class RunUntilTests(SynchronousTestCase):
    """
    `SimulatedClock.runUntil` waits for a Deferred, a coroutine or a function.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.ran: list[object] = []

    def note(self, label: object) -> None:
        """Record that a call was made, and its time."""
        self.ran.append((label, self.clock.seconds()))

    def test_runUntilReturnsResultOfDeferred(self) -> None:
        """
        ``runUntil`` returns the result of a Deferred at the time when it fires.
        """
        deferred: Deferred[str] = Deferred()
        self.clock.callLater(3, deferred.callback, "result")
        self.clock.callLater(4, self.note, "later")
        self.assertEqual(self.clock.runUntil(deferred, limit=10), "result")
        self.assertEqual((self.clock.seconds(), self.ran), (3, []))

    def test_runUntilRaisesFailureOfDeferred(self) -> None:
        """
        ``runUntil`` raises the exception that a Deferred fails with.
        """
        deferred: Deferred[None] = Deferred()
        self.clock.callLater(3, deferred.cancel)
        self.assertRaises(CancelledError, self.clock.runUntil, deferred)

    def test_runUntilReturnsResultOfCoroutine(self) -> None:
        """
        ``runUntil`` runs a coroutine until it ends after 3 seconds, and returns its result.
        """

        async def work() -> str:
            await deferLater(self.clock, 1)
            await deferLater(self.clock, 2)
            return "result"

        result: str = self.clock.runUntil(work())
        self.assertEqual((result, self.clock.seconds()), ("result", 3))

    def test_runUntilRaisesExceptionOfCoroutine(self) -> None:
        """
        ``runUntil`` raises what a coroutine raises, before and after it has waited.
        """

        async def fail(seconds: float) -> None:
            if seconds:
                await deferLater(self.clock, seconds)
            raise Odd

        self.assertRaises(Odd, self.clock.runUntil, fail(0))
        self.assertRaises(Odd, self.clock.runUntil, fail(1))

    def test_runUntilAwaitsAwaitable(self) -> None:
        """
        ``runUntil`` awaits any object that can be awaited, even if it can be called too.
        """
        clock = self.clock

        class Later:
            def __await__(self) -> Generator[Any, Any, str]:
                return deferLater(clock, 3, lambda: "result").__await__()

            def __call__(self) -> bool:
                return True

        self.assertEqual((clock.runUntil(Later()), clock.seconds()), ("result", 3))

    def test_runUntilCancelsCoroutineAtItsLimit(self) -> None:
        """
        A coroutine that hasn't ended at the limit of 2 seconds, or for which nothing is scheduled,
        is cancelled, and no failure is logged.
        """

        async def work(deferred: Deferred[None]) -> None:
            try:
                await deferred
            except CancelledError:
                self.note("cancelled")
                raise

        error = self.assertRaises(
            LimitReached, self.clock.runUntil, work(deferLater(self.clock, 3)), limit=2
        )
        self.assertIn("work", str(error))
        self.assertEqual(self.ran, [("cancelled", 2)])
        self.assertRaises(LimitReached, self.clock.runUntil, work(Deferred()))
        self.assertEqual(self.ran, [("cancelled", 2)] * 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])
        gc.collect()
        self.assertEqual(self.flushLoggedErrors(), [])

    def test_runUntilRefusesFunctionOfAwaitable(self) -> None:
        """
        ``runUntil`` refuses a function that returns a coroutine or a Deferred, which would be true
        before it has a result.
        """

        async def work() -> None:
            raise AssertionError

        with self.assertRaisesRegex(TypeError, "work.*not the function"):
            self.clock.runUntil(work)
        with self.assertRaisesRegex(TypeError, "Deferred.*not the function"):
            self.clock.runUntil(lambda: Deferred())
        self.assertEqual(self.flushWarnings(), [])

    def test_runUntilStopsWhenFunctionIsTrue(self) -> None:
        """
        ``runUntil`` stops after the scheduled call that makes a function true.
        """
        for label in range(10):
            self.clock.callLater(label, self.note, label)
        self.clock.runUntil(lambda: len(self.ran) == 4)
        self.assertEqual(self.clock.seconds(), 3)

    def test_runUntilRaisesAtItsLimit(self) -> None:
        """
        ``runUntil`` raises after its limit of 2 seconds, and the Deferred fires later for others.
        """
        deferred: Deferred[str] = Deferred()
        self.clock.callLater(3, deferred.callback, "late")
        error = self.assertRaises(LimitReached, self.clock.runUntil, deferred, limit=2)
        self.assertIn("2 simulated seconds", str(error))
        self.assertEqual(self.clock.seconds(), 2)
        self.clock.runFor(1)
        self.assertEqual(self.successResultOf(deferred), "late")

    def test_runUntilRaisesWhenNothingIsScheduled(self) -> None:
        """
        ``runUntil`` raises as soon as no call is scheduled any more, before its limit.
        """
        self.clock.callLater(3, self.note, "only")
        self.clock.callLater(4, self.note, "cancelled").cancel()
        error = self.assertRaises(LimitReached, self.clock.runUntil, Deferred())
        self.assertIn("nothing is scheduled", str(error))
        self.assertEqual(self.clock.seconds(), 3)

    def test_exceptionOfConditionIsRaised(self) -> None:
        """
        ``runUntil`` raises what the function raises that it was given.
        """
        self.assertRaises(Odd, self.clock.runUntil, raiseOdd)
