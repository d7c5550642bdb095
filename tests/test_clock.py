"""
`dwdht_twisted._clock`: a clock that goes on when the clock of the machine is set.
"""

from __future__ import annotations

import os
import sys
from random import Random
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from dwdht_twisted._clock import clockOf, reactorOf
from dwdht_twisted._clock.monotonic import MonotonicClock
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from tests.helpers.processes.programs import ROOT, ProgramTestCase


class MonotonicClockTests(SynchronousTestCase):
    """
    A `MonotonicClock` on a simulated host.
    """

    def setUp(self) -> None:
        self.time = SimulatedClock()
        self.reactor = MemoryNetwork(self.time).reactor()
        self.clock: Any = clockOf(self.reactor)

    def test_interface(self) -> None:
        """It provides ``IReactorTime``, and knows its reactor."""
        from twisted.internet.interfaces import IReactorTime

        self.assertIsInstance(self.clock, MonotonicClock)
        verifyObject(IReactorTime, self.clock)
        self.assertIs(reactorOf(self.clock), self.reactor)
        other = Clock()
        self.assertIs(clockOf(other), other)
        self.assertIs(reactorOf(other), other)

    def test_callsAreMadeLikeThoseOfTwisted(self) -> None:
        """
        Calls that are added, cancelled, reset and delayed are made at the same times as by a clock
        of Twisted, although the host's clock is set.
        """
        for seed in range(30):
            self.setUp()
            made, expected = self.compare(Random(seed))
            self.assertEqual(sorted(made), sorted(expected))
            for number, at in made.items():
                self.assertAlmostEqual(at, expected[number], places=5)

    def compare(self, random: Random) -> tuple[dict[int, float], dict[int, float]]:
        """
        Do the same with this clock and with one of Twisted.

        :return: the times of the calls, by their number, on each of them
        """
        model = Clock()
        made: dict[int, float] = {}
        pairs: list[tuple[Any, Any]] = []
        for number in range(200):
            delay = random.choice((0, random.random() * 50))
            real = self.clock.callLater(delay, self.note, number, made)
            pairs.append((real, model.callLater(delay, int)))
            active = [pair for pair in pairs if pair[0].active()]
            self.assertEqual(active, [pair for pair in pairs if pair[1].active()])
            self.assertEqual(len(self.clock.getDelayedCalls()), len(active))
            change = random.choice(("cancel", "reset", "delay", "active"))
            arguments = (random.random() * 20,) if change in ("reset", "delay") else ()
            for each in random.choice(active):
                getattr(each, change)(*arguments)
            if random.random() < 0.3:
                self.reactor.setClock(random.choice((-60.0, 60.0, 3600.0, -3600.0)))
                self.reactor._noticeStep()
            step = random.random() * 3
            self.time.runFor(step)
            model.advance(step)
        self.time.runFor(100)
        model.advance(100)
        due = {number: call.getTime() for number, (_, call) in enumerate(pairs) if call.called}
        return made, due

    def note(self, number: int, made: dict[int, float]) -> None:
        """Note the time of a call."""
        made[number] = self.time.seconds()

    def test_cancelledCallsLeaveNothing(self) -> None:
        """When all calls are cancelled, no timer is left, and no clock is watched."""
        calls = [self.clock.callLater(number, self.fail) for number in range(1, 500)]
        self.assertEqual(len(self.reactor.clockWatch), 1)
        Random(3).shuffle(calls)
        for number, call in enumerate(calls):
            self.assertLess(len(self.clock._heap), 2 * (len(calls) - number) + 66)
            call.cancel()
        self.assertEqual(self.time.getDelayedCalls(), [])
        self.assertEqual(len(self.reactor.clockWatch), 0)

    def test_exceptionHoldsUpNoOtherCall(self) -> None:
        """A call that raises an exception is logged, and later calls are made."""
        made: list[int] = []
        self.clock.callLater(1, lambda: 1 / 0)
        self.clock.callLater(1, made.append, 1)
        self.time.runFor(1)
        self.assertEqual(made, [1])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_callsWaitForTheNextTurn(self) -> None:
        """A call with no delay is made later, after calls that are due already."""
        made: list[str] = []

        def first() -> None:
            self.clock.callLater(0, made.append, "third")
            made.append("first")

        self.clock.callLater(0, first)
        self.clock.callLater(0, made.append, "second")
        self.assertEqual(made, [])
        self.time.runFor(0)
        self.assertEqual(made, ["first", "second", "third"])


class MachineClockTests(ProgramTestCase):
    """
    A node in a process whose reactor tells another time from one moment to the next.
    """

    async def test_requestsEndInTime(self) -> None:
        """A ping to a silent address fails at its time although the clock of the machine is set."""
        path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
        for step in ("-3600", "3600", "-5"):
            program = await self.finish(
                *(sys.executable, "-m", "tests.helpers.processes.clock_step", step),
                environment={"PYTHONPATH": path},
            )
            self.assertEqual(program.exitCode, 0, program.errorText)
            seconds = float(program.text)
            self.assertGreater(seconds, 2)
            self.assertLess(seconds, 15)
