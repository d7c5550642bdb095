"""
`dwdht_twisted.testing.clock`: a simulated clock.
"""

from __future__ import annotations

from asyncio import CancelledError as CancelledByAsyncio
from collections.abc import Callable
from typing import NoReturn

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.errors import UnsatisfiedAssumption
from twisted.internet.base import DelayedCall
from twisted.internet.error import AlreadyCalled, AlreadyCancelled
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from dwdht_twisted.testing import LimitReached, SimulatedClock

_operation = st.one_of(
    st.tuples(st.just("callLater"), st.integers(0, 20), st.just(0)),
    st.tuples(st.just("cancel"), st.integers(0, 30), st.just(0)),
    st.tuples(st.just("reset"), st.integers(0, 30), st.integers(0, 20)),
    st.tuples(st.just("delay"), st.integers(0, 30), st.integers(-5, 20)),
    st.tuples(st.just("advance"), st.integers(0, 15), st.just(0)),
)


class Odd(BaseException):
    """
    An exception that is not a subclass of ``Exception``.
    """


def raiseError(error: type[BaseException]) -> NoReturn:
    """Raise an exception of this class."""
    raise error


def pending(clock: Clock) -> list[DelayedCall]:
    """Return the pending delayed calls of a clock."""
    return [call for call in clock.getDelayedCalls() if isinstance(call, DelayedCall)]


class ClockTests(SynchronousTestCase):
    """
    `SimulatedClock`, a `Clock` that schedules faster and can jump from call to call.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.ran: list[object] = []

    def note(self, label: object) -> None:
        """Record a call and its time."""
        self.ran.append((label, self.clock.seconds()))

    def test_clockProvidesInterface(self) -> None:
        """A `SimulatedClock` provides ``IReactorTime``."""
        self.assertTrue(verifyObject(IReactorTime, self.clock))

    @staticmethod
    def _trace(clock: Clock, operations: list[tuple[str, int, int]]) -> list[object]:
        """Apply the operations to a clock. Return everything that can be observed."""
        trace: list[object] = []
        batch: list[tuple[float, int]] = []
        calls: list[DelayedCall] = []

        def schedule(delay: int) -> None:
            label = len(calls)
            call = clock.callLater(delay, lambda: run(label))
            assert isinstance(call, DelayedCall)
            calls.append(call)

        def run(label: int) -> None:
            batch.append((calls[label].getTime(), label))
            if label % 3 == 1:
                schedule(label % 4)

        for name, first, second in operations:
            if name == "callLater":
                schedule(first)
            elif name == "advance":
                clock.advance(first)
                # ``Clock`` doesn't define the order of calls that were moved to the same time.
                assert [time for time, _ in batch] == sorted(time for time, _ in batch)
                trace.append((clock.seconds(), sorted(batch)))
                batch.clear()
            elif calls:
                arguments = () if name == "cancel" else (second,)
                try:
                    getattr(calls[first % len(calls)], name)(*arguments)
                except (AlreadyCalled, AlreadyCancelled) as error:
                    trace.append(type(error))
            trace.append(sorted((call.getTime(), calls.index(call)) for call in pending(clock)))
            trace.append([call.active() for call in calls])
        return trace

    @settings(deadline=None, max_examples=300)
    @given(st.lists(_operation, max_size=40))
    def test_behavesAsClock(self, operations: list[tuple[str, int, int]]) -> None:
        """
        After any operations, a `SimulatedClock` has run the same calls at the same times as
        ``Clock``. It has the same calls pending, and the same calls refuse to be cancelled or
        moved.
        """
        self.assertEqual(
            self._trace(SimulatedClock(), operations), self._trace(Clock(), operations)
        )

    def test_callsOfOneTimeRunInOrder(self) -> None:
        """
        Two hundred calls scheduled for the same time run in the order in which they were scheduled.
        """
        for label in range(100):
            self.clock.callLater(1, self.note, label)
            self.clock.schedule(1, self.note, -label)
        self.clock.advance(1)
        expected = [(sign * label, 1.0) for label in range(100) for sign in (1, -1)]
        self.assertEqual(self.ran, expected)

    def test_movedCallKeepsItsOrder(self) -> None:
        """
        Calls of the same time run in the order in which they were first scheduled. This also holds
        for calls that were moved to this time from an earlier or a later one.
        """
        early, late = (self.clock.callLater(when, self.note, when) for when in (1, 9))
        self.clock.callLater(5, self.note, "other")
        late.reset(5)
        early.reset(5)
        self.clock.runFor(10)
        self.assertEqual(self.ran, [(1, 5), (9, 5), ("other", 5)])

    def test_callGetsItsArguments(self) -> None:
        """
        A delayed call gets its positional and keyword arguments.
        """
        self.clock.callLater(0, lambda *args, **kw: self.ran.append((args, kw)), 1, two=2)
        self.clock.pump([0])
        self.assertEqual(self.ran, [((1,), {"two": 2})])

    def test_delayedCallsAreListedByTime(self) -> None:
        """
        The pending delayed calls are listed by time. Calls made with ``schedule`` are not listed.
        """
        second = self.clock.callLater(2, self.note, "second")
        first = self.clock.callLater(1, self.note, "first")
        third = self.clock.callLater(0.5, self.note, "third")
        third.delay(5)
        self.clock.callLater(1.5, self.note, "cancelled").cancel()
        self.clock.schedule(1, self.note, "datagram")
        self.assertEqual(list(self.clock.getDelayedCalls()), [first, second, third])
        self.assertEqual(self.clock.calls, [first, second, third])

    def test_advanceJumpsToItsEnd(self) -> None:
        """``advance`` sets the time to its end before it runs the calls, as ``Clock`` does."""
        self.clock.callLater(1, self.note, "call")
        self.clock.advance(10)
        self.assertEqual(self.ran, [("call", 10)])

    def test_exceptionOfCallIsLogged(self) -> None:
        """
        ``advance``, ``runFor`` and ``runUntil`` log every exception of a call, even SystemExit.
        Then they run the next calls.
        """
        errors = [ZeroDivisionError, SystemExit, GeneratorExit, CancelledByAsyncio, Odd]
        runs: list[Callable[[], object]] = [
            lambda: self.clock.advance(1),
            lambda: self.clock.runFor(1),
            lambda: self.clock.runUntil(lambda: self.ran),
        ]
        for run in runs:
            self.ran.clear()
            for error in errors:
                self.clock.callLater(1, raiseError, error)
                self.clock.schedule(1, raiseError, error)
            self.clock.callLater(1, self.note, "after")
            run()
            self.assertEqual(self.ran, [("after", self.clock.seconds())])
            for error in errors:
                self.assertEqual(len(self.flushLoggedErrors(error)), 2)

    def test_loggedExceptionNamesItsCall(self) -> None:
        """
        The log event of an exception contains the function and the time of the call. Its level is
        critical, as with a real reactor.
        """
        with capturedLogs() as events:
            self.clock.callLater(1.5, raiseError, ZeroDivisionError)
            self.clock.runFor(2)
        self.flushLoggedErrors(ZeroDivisionError)
        [event] = events
        self.assertEqual(event["log_level"], LogLevel.critical)
        self.assertIn("raiseError", formatEvent(event))
        self.assertIn("1.5 s", formatEvent(event))

    def test_exceptionForTestIsRaised(self) -> None:
        """
        ``advance`` raises KeyboardInterrupt, `LimitReached` and the exceptions by which pytest and
        Hypothesis end a test. The next ``advance`` runs the remaining calls.
        """
        ofPytest = type("Failed", (BaseException,), {"__module__": "_pytest.outcomes"})
        shownAsBuiltin = type("Skipped", (ofPytest,), {"__module__": "builtins"})
        errors = [KeyboardInterrupt, LimitReached, ofPytest, shownAsBuiltin, UnsatisfiedAssumption]
        for error in errors:
            self.ran.clear()
            self.clock.callLater(1, raiseError, error)
            self.clock.callLater(1, self.note, "after")
            self.assertRaises(error, self.clock.advance, 1)
            self.clock.advance(0)
            self.assertEqual(self.ran, [("after", self.clock.seconds())])

    def test_runForShowsEachCallItsTime(self) -> None:
        """
        During ``runFor(5)``, each call sees the time for which it was scheduled. At the end,
        exactly 5 seconds have passed.
        """
        self.clock.callLater(1, lambda: self.clock.callLater(2, self.note, "nested"))
        self.clock.callLater(7, self.note, "later")
        self.clock.runFor(5)
        self.assertEqual(self.ran, [("nested", 3)])
        self.assertEqual(self.clock.seconds(), 5)

    def test_outdatedEntriesAreRemoved(self) -> None:
        """
        After 1,000 cancelled and 1,000 moved calls, the heap has fewer than 200 entries. The
        remaining calls run in order.
        """
        for when in range(20):
            self.clock.callLater(1000 + when * 7 % 20, self.note, "kept")
        moved = self.clock.callLater(1000, self.note, "moved")
        for number in range(1000):
            self.clock.callLater(number * 7 % 5000, self.note, "never").cancel()
            moved.reset(999 - number / 2)
        self.assertLess(len(self.clock._heap), 200)
        self.clock.runFor(5000)
        kept = [("kept", 1000.0 + when) for when in range(20)]
        self.assertEqual(self.ran, [("moved", 499.5), *kept])

    def test_callScheduledDuringCleaningRuns(self) -> None:
        """
        A call scheduled during the removal of outdated entries runs once, as do all others. An
        object's finalizer could schedule such a call.
        """
        clock = self.clock

        class Scheduling(DelayedCall):
            def isDue(call, when: float) -> bool:
                if not call.cancelled:
                    clock.schedule(1, self.note, "meanwhile")
                    call.cancelled = 1
                return False

        for label in range(100):
            clock.callLater(2, self.note, label)
        late = Scheduling(3, int, (), {}, clock._cancelled, clock._moved, clock.seconds)
        clock._heap.append((3.0, 1000, late, None))
        for _ in range(300):
            clock.callLater(5, self.note, "never").cancel()
        clock.runFor(10)
        self.assertEqual(self.ran, [("meanwhile", 1), *((label, 2) for label in range(100))])
