"""
Tests for `dwdht_twisted.roundtrip`.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits.bounds import ESTIMATED_ADDRESSES, ESTIMATES_KEPT_FOR
from dwdht_twisted._core.timeouts import (
    INITIAL_TIMEOUT,
    MAXIMUM_TIMEOUT,
    MINIMUM_TIMEOUT,
    MISSED_IN_A_ROW,
    RoundTripTimes,
    backedOff,
    firstEstimate,
    refined,
    timeoutOf,
)
from dwdht_twisted._core.wire import Address
from tests.helpers.strategies import thorough

NEAR = Address("192.0.2.7", 80)
FAR = Address("198.51.100.7", 80)

samples = st.floats(0.0, 20.0)


class EstimateTests(SynchronousTestCase):
    """
    Tests for what a round trip tells.
    """

    def test_first(self) -> None:
        """The first measurement counts whole, with half of it as deviation (RFC 6298, 2.2)."""
        estimate = firstEstimate(0.2)
        self.assertAlmostEqual(estimate[0], 0.2)
        self.assertAlmostEqual(estimate[1], 0.1)
        self.assertAlmostEqual(timeoutOf(estimate), 0.6)

    def test_second(self) -> None:
        """The next weigh an eighth, and a quarter in the deviation (RFC 6298, 2.3)."""
        estimate = firstEstimate(0.2)
        estimate = refined(estimate, 0.4)
        # The deviation is taken from the former mean: 3/4 of 0.1 and 1/4 of 0.2.
        self.assertAlmostEqual(estimate[1], 0.125)
        self.assertAlmostEqual(estimate[0], 0.225)
        self.assertAlmostEqual(timeoutOf(estimate), 0.725)

    @thorough
    @given(samples, st.lists(samples, max_size=50))
    def test_bounds(self, first: float, more: list[float]) -> None:
        """No time-out is out of bounds, and the mean stays within what was measured."""
        estimate = firstEstimate(first)
        for sample in more:
            estimate = refined(estimate, sample)
            self.assertTrue(MINIMUM_TIMEOUT <= timeoutOf(estimate) <= MAXIMUM_TIMEOUT)
            self.assertTrue(min(first, *more) - 1e-9 <= estimate[0])
            self.assertTrue(estimate[0] <= max(first, *more) + 1e-9)
            self.assertTrue(estimate[1] >= 0)
            # Whoever answers as usual is waited for.
            self.assertTrue(timeoutOf(estimate) >= min(estimate[0], MAXIMUM_TIMEOUT))

    @given(st.floats(0.001, 1.4), st.floats(0.001, 1.4))
    def test_convergence(self, before: float, now: float) -> None:
        """After a change the time-out settles near the new round trip."""
        estimate = firstEstimate(before)
        for _ in range(100):
            estimate = refined(estimate, now)
        self.assertAlmostEqual(estimate[0], now, places=3)
        self.assertAlmostEqual(timeoutOf(estimate), max(now, MINIMUM_TIMEOUT), places=3)

    def test_backOff(self) -> None:
        """After a wait in vain none is shorter, until there is a measurement (RFC 6298, 5.5)."""
        estimate = firstEstimate(0.01)
        estimate = backedOff(estimate, 0.9)
        estimate = backedOff(estimate, 0.3)
        self.assertEqual(timeoutOf(estimate), 0.9)
        estimate = backedOff(estimate, 9.0)
        self.assertEqual(timeoutOf(estimate), MAXIMUM_TIMEOUT)
        estimate = refined(estimate, 0.01)
        self.assertEqual(timeoutOf(estimate), MINIMUM_TIMEOUT)

    @thorough
    @given(samples, st.lists(samples, max_size=10))
    def test_backOffBounds(self, first: float, waits: list[float]) -> None:
        """After waits in vain it is waited no shorter than those, but never out of bounds."""
        estimate = firstEstimate(first)
        before = timeoutOf(estimate)
        for waited in waits:
            estimate = backedOff(estimate, waited)
        longest = max(before, *waits, 0.0)
        self.assertEqual(timeoutOf(estimate), min(longest, MAXIMUM_TIMEOUT))


class RoundTripTimesTests(SynchronousTestCase):
    """
    Tests for `RoundTripTimes`.
    """

    def setUp(self) -> None:
        self.times = RoundTripTimes()

    def test_unmeasured(self) -> None:
        """Before anything was measured a fixed time-out holds."""
        self.assertEqual(self.times.timeout(NEAR, 0.0), INITIAL_TIMEOUT)

    def test_eachAddress(self) -> None:
        """Each address has the time-out that it has earned."""
        for _ in range(50):
            self.times.measured(NEAR, 0.01, 0.0)
            self.times.measured(FAR, 0.8, 0.0)
        self.assertAlmostEqual(self.times.timeout(NEAR, 0.0), MINIMUM_TIMEOUT, places=3)
        self.assertAlmostEqual(self.times.timeout(FAR, 0.0), 0.8, places=3)

    def test_otherPort(self) -> None:
        """Two ports of one host are two addresses."""
        self.times.measured(NEAR, 0.8, 0.0)
        for _ in range(50):
            self.times.measured(FAR, 0.1, 0.0)
        other = Address(NEAR.host, NEAR.port + 1)
        self.assertNotEqual(self.times.timeout(other, 0.0), self.times.timeout(NEAR, 0.0))

    def test_newAddress(self) -> None:
        """An address that is new is taken to be like the others."""
        for _ in range(50):
            self.times.measured(NEAR, 0.7, 0.0)
        self.assertAlmostEqual(self.times.timeout(FAR, 0.0), 0.7, places=3)

    def test_forgotten(self) -> None:
        """An address that hasn't been heard of for long is taken to be like the others again."""
        for _ in range(50):
            self.times.measured(NEAR, 0.9, 0.0)
        for _ in range(50):
            self.times.measured(FAR, 0.3, ESTIMATES_KEPT_FOR)
        self.assertEqual(
            self.times.timeout(NEAR, ESTIMATES_KEPT_FOR),
            self.times.timeout(Address("203.0.113.1", 1), ESTIMATES_KEPT_FOR),
        )

    def test_silenceIsNoNews(self) -> None:
        """An address that doesn't answer is remembered no longer for being asked."""
        self.times.measured(NEAR, 0.9, 0.0)
        self.times.missed(NEAR, 0.9, ESTIMATES_KEPT_FOR / 2)
        for _ in range(50):
            self.times.measured(FAR, 0.3, ESTIMATES_KEPT_FOR)
        self.assertAlmostEqual(self.times.timeout(NEAR, ESTIMATES_KEPT_FOR), 0.3, places=1)

    def test_bounded(self) -> None:
        """Of many addresses the first are forgotten, and the last remembered."""
        self.times.measured(NEAR, 1.4, 0.0)
        for number in range(ESTIMATED_ADDRESSES):
            self.times.measured(Address("198.51.100.7", number + 1), 0.01, 0.0)
        new = self.times.timeout(FAR._replace(host="203.0.113.1"), 0.0)
        self.assertEqual(self.times.timeout(NEAR, 0.0), new)
        last = Address("198.51.100.7", ESTIMATED_ADDRESSES)
        self.assertEqual(self.times.timeout(last, 0.0), MINIMUM_TIMEOUT)

    def test_missed(self) -> None:
        """What one address doesn't answer in time is waited for longer there until it answers."""
        for address in (NEAR, FAR):
            self.times.measured(address, 0.01, 0.0)
        self.times.missed(NEAR, 0.7, 0.0)
        self.assertEqual(self.times.timeout(NEAR, 0.0), 0.7)
        self.assertEqual(self.times.timeout(FAR, 0.0), MINIMUM_TIMEOUT)
        self.times.measured(NEAR, 0.01, 0.0)
        self.assertEqual(self.times.timeout(NEAR, 0.0), MINIMUM_TIMEOUT)

    def test_failed(self) -> None:
        """An address that answered no transmission is waited for twice as long the next time."""
        self.times.measured(NEAR, 0.01, 0.0)
        for waited in (0.2, 0.4, 0.8, 1.4):
            self.times.missed(NEAR, 4 * waited, 0.0)
            self.times.failed(NEAR, waited, 0.0)
            expected = min(2 * waited, MAXIMUM_TIMEOUT)
            self.assertAlmostEqual(self.times.timeout(NEAR, 0.0), expected)
        self.times.measured(NEAR, 0.01, 0.0)
        self.assertEqual(self.times.timeout(NEAR, 0.0), MINIMUM_TIMEOUT)

    def test_missedByAll(self) -> None:
        """When nobody answers in time, addresses that are new are waited for longer too."""
        self.times.measured(NEAR, 0.01, 0.0)
        new = Address("203.0.113.1", 1)
        for _ in range(MISSED_IN_A_ROW - 1):
            self.times.missed(FAR, 0.7, 0.0)
        self.assertEqual(self.times.timeout(new, 0.0), MINIMUM_TIMEOUT)
        self.times.missed(FAR, 0.7, 0.0)
        self.assertEqual(self.times.timeout(new, 0.0), 0.7)
        self.times.measured(NEAR, 0.01, 0.0)
        self.assertEqual(self.times.timeout(new, 0.0), MINIMUM_TIMEOUT)

    def test_missedByOther(self) -> None:
        """That one address was late changes nothing for others that are known."""
        self.times.measured(NEAR, 0.1, 0.0)
        self.times.measured(FAR, 0.1, 0.0)
        before = self.times.timeout(FAR, 0.0)
        self.times.missed(NEAR, 1.3, 0.0)
        self.assertEqual(self.times.timeout(FAR, 0.0), before)

    def test_missedAtFirst(self) -> None:
        """When nobody has ever answered in time, everybody is waited for longer."""
        for _ in range(MISSED_IN_A_ROW):
            self.times.missed(FAR, INITIAL_TIMEOUT, 0.0)
        self.assertGreater(self.times.timeout(NEAR, 0.0), INITIAL_TIMEOUT)
