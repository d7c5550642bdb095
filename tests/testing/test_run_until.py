"""
`SimulatedClock.runUntil`, which runs the clock until something has happened.
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
    """
    An exception that is not a subclass of ``Exception``.
    """


def raiseOdd() -> NoReturn:
    """Raise `Odd`."""
    raise Odd


class RunUntilTests(SynchronousTestCase):
    """
    `SimulatedClock.runUntil` with a Deferred, a coroutine or a function.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.ran: list[object] = []

    def note(self, label: object) -> None:
        """Record a call and its time."""
        self.ran.append((label, self.clock.seconds()))

    def test_runUntilReturnsResultOfDeferred(self) -> None:
        """
        ``runUntil`` returns the result of a Deferred. The clock stops at the time when the Deferred
        fired.
        """
        deferred: Deferred[str] = Deferred()
        self.clock.callLater(3, deferred.callback, "result")
        self.clock.callLater(4, self.note, "later")
        self.assertEqual(self.clock.runUntil(deferred, limit=10), "result")
        self.assertEqual((self.clock.seconds(), self.ran), (3, []))

    def test_runUntilRaisesFailureOfDeferred(self) -> None:
        """``runUntil`` raises the exception of a failed Deferred."""
        deferred: Deferred[None] = Deferred()
        self.clock.callLater(3, deferred.cancel)
        self.assertRaises(CancelledError, self.clock.runUntil, deferred)

    def test_runUntilReturnsResultOfCoroutine(self) -> None:
        """``runUntil`` runs a coroutine that takes 3 seconds, and returns its result."""

        async def work() -> str:
            await deferLater(self.clock, 1)
            await deferLater(self.clock, 2)
            return "result"

        result: str = self.clock.runUntil(work())
        self.assertEqual((result, self.clock.seconds()), ("result", 3))

    def test_runUntilRaisesExceptionOfCoroutine(self) -> None:
        """
        ``runUntil`` raises the exception of a coroutine, whether or not the coroutine waited first.
        """

        async def fail(seconds: float) -> None:
            if seconds:
                await deferLater(self.clock, seconds)
            raise Odd

        self.assertRaises(Odd, self.clock.runUntil, fail(0))
        self.assertRaises(Odd, self.clock.runUntil, fail(1))

    def test_runUntilAwaitsAwaitable(self) -> None:
        """``runUntil`` awaits any awaitable object, even if it is also callable."""
        clock = self.clock

        class Later:
            def __await__(self) -> Generator[Any, Any, str]:
                return deferLater(clock, 3, lambda: "result").__await__()

            def __call__(self) -> bool:
                return True

        self.assertEqual((clock.runUntil(Later()), clock.seconds()), ("result", 3))

    def test_runUntilCancelsCoroutineAtItsLimit(self) -> None:
        """
        A coroutine is cancelled at the limit of 2 seconds, or when no call is scheduled. No failure
        is logged.
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
        ``runUntil`` refuses a function that returns a coroutine or a Deferred, because such a
        result is always true.
        """

        async def work() -> None:
            raise AssertionError

        with self.assertRaisesRegex(TypeError, "work.*not the function"):
            self.clock.runUntil(work)
        with self.assertRaisesRegex(TypeError, "Deferred.*not the function"):
            self.clock.runUntil(lambda: Deferred())
        self.assertEqual(self.flushWarnings(), [])

    def test_runUntilStopsWhenFunctionIsTrue(self) -> None:
        """``runUntil`` stops right after the scheduled call that makes the function return True."""
        for label in range(10):
            self.clock.callLater(label, self.note, label)
        self.clock.runUntil(lambda: len(self.ran) == 4)
        self.assertEqual(self.clock.seconds(), 3)

    def test_runUntilRaisesAtItsLimit(self) -> None:
        """
        ``runUntil`` raises `LimitReached` after its limit of 2 seconds. The Deferred can still fire
        later.
        """
        deferred: Deferred[str] = Deferred()
        self.clock.callLater(3, deferred.callback, "late")
        error = self.assertRaises(LimitReached, self.clock.runUntil, deferred, limit=2)
        self.assertIn("2 simulated seconds", str(error))
        self.assertEqual(self.clock.seconds(), 2)
        self.clock.runFor(1)
        self.assertEqual(self.successResultOf(deferred), "late")

    def test_runUntilRaisesWhenNothingIsScheduled(self) -> None:
        """``runUntil`` raises `LimitReached` as soon as no call is scheduled, before its limit."""
        self.clock.callLater(3, self.note, "only")
        self.clock.callLater(4, self.note, "cancelled").cancel()
        error = self.assertRaises(LimitReached, self.clock.runUntil, Deferred())
        self.assertIn("nothing is scheduled", str(error))
        self.assertEqual(self.clock.seconds(), 3)

    def test_exceptionOfConditionIsRaised(self) -> None:
        """``runUntil`` raises the exception of the given function."""
        self.assertRaises(Odd, self.clock.runUntil, raiseOdd)
