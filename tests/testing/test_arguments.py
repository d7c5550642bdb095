"""
The arguments of the simulated network and its clock: wrong ones are refused at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import inf, nan
from typing import Any

from twisted.internet import reactor as globalReactor
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted.testing import LogNormalLatency, MemoryNetwork, ServiceRecord, SimulatedClock

#: What is no number.
NO_NUMBERS: tuple[Any, ...] = ("1", None, True, [1], nan, 1j)

#: What is no number of seconds that a thing takes.
NO_SECONDS: tuple[Any, ...] = (*NO_NUMBERS, -1, inf)

#: What is no IPv4 address.
NO_ADDRESSES: tuple[Any, ...] = ("localhost", "10.0.0", "10.0.0.256", "::1", "", 5, b"10.0.0.1", [])


class ArgumentTests(SynchronousTestCase):
    """
    Each argument, with values of wrong types and beyond its edges.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=1)
        self.host = self.network.reactor("10.0.0.1")
        # A timer that repeats, so that a time that never comes would be waited for.
        self.rings = 0
        self.ring()

    def ring(self) -> None:
        """Ring each second, a bounded number of times."""
        self.rings += 1
        if self.rings > 1000:
            raise KeyboardInterrupt("the time never comes")
        self.clock.callLater(1, self.ring)

    def assertRefused(self, call: Callable[[Any], object], wrong: Iterable[Any]) -> None:
        """Require that each value raises a ValueError that shows it, and changes nothing."""
        before = self.clock.seconds()
        for value in wrong:
            with self.assertRaises(ValueError, msg=repr(value)) as raised:
                call(value)
            self.assertIn(f", not {value!r}", str(raised.exception))
        self.assertEqual(self.clock.seconds(), before)

    def test_options(self) -> None:
        """The options of a network, at the start and later."""
        options: dict[str, tuple[Any, ...]] = {
            "loss": (*NO_NUMBERS, -0.1, 1.1, inf),
            "duplication": (*NO_NUMBERS, -0.1, 1.1, inf),
            "reordering": (*NO_NUMBERS, -0.1, 1.1, inf),
            "latency": (*NO_SECONDS, (0.1, 0.2)),
            "reorderingDelay": NO_SECONDS,
            "nameLatency": NO_SECONDS,
        }
        for name, wrong in options.items():
            self.assertRefused(lambda value: MemoryNetwork(**{name: value}), wrong)  # noqa: B023
            self.assertRefused(lambda value: setattr(self.network, name, value), wrong)  # noqa: B023
        self.assertRefused(MemoryNetwork, (5, "clock", object()))
        self.assertRefused(LogNormalLatency, (*NO_SECONDS, 0))
        self.assertRefused(lambda sigma: LogNormalLatency(0.04, sigma), NO_SECONDS)

    def test_times(self) -> None:
        """The times of a clock."""
        self.assertRefused(self.clock.runFor, (*NO_NUMBERS, inf))
        self.assertRefused(self.clock.advance, NO_SECONDS)
        self.assertRefused(self.host.setClock, (*NO_NUMBERS, inf, -inf))
        limits = ("1", None, True, nan)
        self.assertRefused(lambda limit: self.clock.runUntil(lambda: False, limit), limits)

    def test_delays(self) -> None:
        """The delay of a call, which a real reactor refuses in the same way."""
        real: Any = globalReactor
        plain = MemoryNetwork(Clock()).reactor("10.0.0.1")
        wrong: tuple[tuple[Any, type[Exception]], ...] = (
            (-1, AssertionError),
            (-0.001, AssertionError),
            (-inf, AssertionError),
            (nan, AssertionError),
            ("1", TypeError),
            (None, TypeError),
            (1j, TypeError),
        )
        for delay, kind in wrong:
            for each in (self.host, self.clock, plain, real):
                before = each.getDelayedCalls()
                with self.assertRaises(kind, msg=(delay, each)):
                    each.callLater(delay, print)
                self.assertEqual(each.getDelayedCalls(), before)
        self.host.crash()
        with self.assertRaisesRegex(AssertionError, "^-1 is not greater than or equal to 0 sec"):
            self.host.callLater(-1, print)

    def test_noTimePasses(self) -> None:
        """No time passes until a moment that is past."""
        self.clock.runFor(-1)
        self.assertEqual(self.clock.seconds(), 0)

    def test_conditions(self) -> None:
        """What is no condition to wait for."""
        conditions: tuple[Any, ...] = (None, 3, "ready", [], True)
        for wrong in conditions:
            with self.assertRaisesRegex(TypeError, "a Deferred, a coroutine or a function, not "):
                self.clock.runUntil(wrong)

    def test_addresses(self) -> None:
        """The addresses of hosts."""
        unreachable = ("127.0.0.1", "0.0.0.0", self.clock)
        self.assertRefused(self.network.reactor, (*NO_ADDRESSES, *unreachable))
        self.assertRefused(
            lambda host: self.network.changeAddress(host, "10.0.0.2"),
            (*NO_ADDRESSES, *unreachable),
        )
        self.assertRefused(
            lambda host: self.network.changeAddress("10.0.0.1", host),
            (*NO_ADDRESSES, *unreachable),
        )
        self.assertRefused(
            lambda host: self.network.addName("example.org", host), (*NO_ADDRESSES, None, ["a"])
        )

    def test_services(self) -> None:
        """The records of a service."""
        self.assertRefused(
            lambda record: self.network.addService("_dht._udp.example.org", record),
            ("10.0.0.1:6620", ("10.0.0.1", 6620), None),
        )
        self.network.addService("_dht._udp.example.org", ServiceRecord("a.example", 6620))
