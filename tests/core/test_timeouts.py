"""
Time-outs: estimates of round trips, and the time-outs of addresses that follow from them.
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
    The estimate of one round-trip time, and its time-out.
    """

    def test_firstSampleSetsMeanAndDeviation(self) -> None:
        """
        The first sample becomes the mean, and half of the sample becomes the deviation (RFC 6298,
        2.2).
        """
        estimate = firstEstimate(0.2)
        self.assertAlmostEqual(estimate[0], 0.2)
        self.assertAlmostEqual(estimate[1], 0.1)
        self.assertAlmostEqual(timeoutOf(estimate), 0.6)

    def test_laterSamplesAreWeighted(self) -> None:
        """
        A later sample has a weight of 1/8 in the mean and of 1/4 in the deviation (RFC 6298, 2.3).
        """
        estimate = firstEstimate(0.2)
        estimate = refined(estimate, 0.4)
        # The new sample deviates from the former mean by 0.2. The deviation is 3/4 of 0.1 plus 1/4
        # of 0.2.
        self.assertAlmostEqual(estimate[1], 0.125)
        self.assertAlmostEqual(estimate[0], 0.225)
        self.assertAlmostEqual(timeoutOf(estimate), 0.725)

    @thorough
    @given(samples, st.lists(samples, max_size=50))
    def test_estimateStaysWithinItsSamples(self, first: float, more: list[float]) -> None:
        """
        The time-out stays between `MINIMUM_TIMEOUT` and `MAXIMUM_TIMEOUT`. The mean stays between
        the smallest and the largest sample.
        """
        estimate = firstEstimate(first)
        for sample in more:
            estimate = refined(estimate, sample)
            self.assertTrue(MINIMUM_TIMEOUT <= timeoutOf(estimate) <= MAXIMUM_TIMEOUT)
            self.assertTrue(min(first, *more) - 1e-9 <= estimate[0])
            self.assertTrue(estimate[0] <= max(first, *more) + 1e-9)
            self.assertTrue(estimate[1] >= 0)
            # With a shorter time-out, an answer after the mean round-trip time would come too late.
            self.assertTrue(timeoutOf(estimate) >= min(estimate[0], MAXIMUM_TIMEOUT))

    @given(st.floats(0.001, 1.4), st.floats(0.001, 1.4))
    def test_timeoutConvergesToANewRoundTrip(self, before: float, now: float) -> None:
        """
        After 100 samples of a new round-trip time, the time-out differs from it by less than 0.0005
        seconds.
        """
        estimate = firstEstimate(before)
        for _ in range(100):
            estimate = refined(estimate, now)
        self.assertAlmostEqual(estimate[0], now, places=3)
        self.assertAlmostEqual(timeoutOf(estimate), max(now, MINIMUM_TIMEOUT), places=3)

    def test_backOffHoldsUntilTheNextSample(self) -> None:
        """
        A wait without an answer prolongs the time-out. A later, shorter wait doesn't shorten the
        time-out again. The next sample does (RFC 6298, 5.5).
        """
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
    def test_backOffIsBounded(self, first: float, waits: list[float]) -> None:
        """
        The time-out becomes as long as the longest wait without an answer. It never becomes shorter
        than before, or longer than `MAXIMUM_TIMEOUT`.
        """
        estimate = firstEstimate(first)
        before = timeoutOf(estimate)
        for waited in waits:
            estimate = backedOff(estimate, waited)
        longest = max(before, *waits, 0.0)
        self.assertEqual(timeoutOf(estimate), min(longest, MAXIMUM_TIMEOUT))


class RoundTripTimesTests(SynchronousTestCase):
    """
    `RoundTripTimes`, which keeps the time-outs of many addresses.
    """

    def setUp(self) -> None:
        self.times = RoundTripTimes()

    def test_timeoutWithoutSamplesIsFixed(self) -> None:
        """Before the first sample, the time-out is `INITIAL_TIMEOUT`, 0.5 seconds."""
        self.assertEqual(self.times.timeout(NEAR, 0.0), INITIAL_TIMEOUT)

    def test_eachAddressHasItsOwnTimeout(self) -> None:
        """The time-outs of a near address and of a far address follow their own samples."""
        for _ in range(50):
            self.times.measured(NEAR, 0.01, 0.0)
            self.times.measured(FAR, 0.8, 0.0)
        self.assertAlmostEqual(self.times.timeout(NEAR, 0.0), MINIMUM_TIMEOUT, places=3)
        self.assertAlmostEqual(self.times.timeout(FAR, 0.0), 0.8, places=3)

    def test_eachPortOfAHostHasItsOwnTimeout(self) -> None:
        """Two ports of one host have different time-outs."""
        self.times.measured(NEAR, 0.8, 0.0)
        for _ in range(50):
            self.times.measured(FAR, 0.1, 0.0)
        other = Address(NEAR.host, NEAR.port + 1)
        self.assertNotEqual(self.times.timeout(other, 0.0), self.times.timeout(NEAR, 0.0))

    def test_newAddressHasTheTimeoutOfOthers(self) -> None:
        """
        An address without samples has the time-out that follows from the samples of all addresses.
        """
        for _ in range(50):
            self.times.measured(NEAR, 0.7, 0.0)
        self.assertAlmostEqual(self.times.timeout(FAR, 0.0), 0.7, places=3)

    def test_oldEstimateIsForgotten(self) -> None:
        """
        An address without a sample for `ESTIMATES_KEPT_FOR`, 1,800 seconds, has the time-out of a
        new address.
        """
        for _ in range(50):
            self.times.measured(NEAR, 0.9, 0.0)
        for _ in range(50):
            self.times.measured(FAR, 0.3, ESTIMATES_KEPT_FOR)
        self.assertEqual(
            self.times.timeout(NEAR, ESTIMATES_KEPT_FOR),
            self.times.timeout(Address("203.0.113.1", 1), ESTIMATES_KEPT_FOR),
        )

    def test_silenceProlongsNoEstimate(self) -> None:
        """
        An unanswered request doesn't extend the time for which the estimate of its address is kept.
        """
        self.times.measured(NEAR, 0.9, 0.0)
        self.times.missed(NEAR, 0.9, ESTIMATES_KEPT_FOR / 2)
        for _ in range(50):
            self.times.measured(FAR, 0.3, ESTIMATES_KEPT_FOR)
        self.assertAlmostEqual(self.times.timeout(NEAR, ESTIMATES_KEPT_FOR), 0.3, places=1)

    def test_estimatesAreBounded(self) -> None:
        """
        The oldest estimate is forgotten after samples of 128 other addresses, the number
        `ESTIMATED_ADDRESSES`. The latest estimate is kept.
        """
        self.times.measured(NEAR, 1.4, 0.0)
        for number in range(ESTIMATED_ADDRESSES):
            self.times.measured(Address("198.51.100.7", number + 1), 0.01, 0.0)
        new = self.times.timeout(FAR._replace(host="203.0.113.1"), 0.0)
        self.assertEqual(self.times.timeout(NEAR, 0.0), new)
        last = Address("198.51.100.7", ESTIMATED_ADDRESSES)
        self.assertEqual(self.times.timeout(last, 0.0), MINIMUM_TIMEOUT)

    def test_lateAnswerProlongsOneTimeout(self) -> None:
        """A late answer prolongs the time-out of its own address only, until the next sample."""
        for address in (NEAR, FAR):
            self.times.measured(address, 0.01, 0.0)
        self.times.missed(NEAR, 0.7, 0.0)
        self.assertEqual(self.times.timeout(NEAR, 0.0), 0.7)
        self.assertEqual(self.times.timeout(FAR, 0.0), MINIMUM_TIMEOUT)
        self.times.measured(NEAR, 0.01, 0.0)
        self.assertEqual(self.times.timeout(NEAR, 0.0), MINIMUM_TIMEOUT)

    def test_failureDoublesTheTimeout(self) -> None:
        """
        A request without any answer doubles the time-out of its address, up to `MAXIMUM_TIMEOUT`.
        The next sample ends the increase.
        """
        self.times.measured(NEAR, 0.01, 0.0)
        for waited in (0.2, 0.4, 0.8, 1.4):
            self.times.missed(NEAR, 4 * waited, 0.0)
            self.times.failed(NEAR, waited, 0.0)
            expected = min(2 * waited, MAXIMUM_TIMEOUT)
            self.assertAlmostEqual(self.times.timeout(NEAR, 0.0), expected)
        self.times.measured(NEAR, 0.01, 0.0)
        self.assertEqual(self.times.timeout(NEAR, 0.0), MINIMUM_TIMEOUT)

    def test_lateAnswersInARowProlongAllTimeouts(self) -> None:
        """
        After 8 late answers in a row from one address, `MISSED_IN_A_ROW`, the time-out of a new
        address is longer. After 7 it isn't.
        """
        self.times.measured(NEAR, 0.01, 0.0)
        new = Address("203.0.113.1", 1)
        for _ in range(MISSED_IN_A_ROW - 1):
            self.times.missed(FAR, 0.7, 0.0)
        self.assertEqual(self.times.timeout(new, 0.0), MINIMUM_TIMEOUT)
        self.times.missed(FAR, 0.7, 0.0)
        self.assertEqual(self.times.timeout(new, 0.0), 0.7)
        self.times.measured(NEAR, 0.01, 0.0)
        self.assertEqual(self.times.timeout(new, 0.0), MINIMUM_TIMEOUT)

    def test_lateAnswerSparesKnownAddresses(self) -> None:
        """
        A late answer from one address doesn't change the time-out of another address with samples.
        """
        self.times.measured(NEAR, 0.1, 0.0)
        self.times.measured(FAR, 0.1, 0.0)
        before = self.times.timeout(FAR, 0.0)
        self.times.missed(NEAR, 1.3, 0.0)
        self.assertEqual(self.times.timeout(FAR, 0.0), before)

    def test_lateAnswersAtFirstProlongAllTimeouts(self) -> None:
        """
        Before the first sample, 8 late answers in a row prolong the time-out of all addresses.
        """
        for _ in range(MISSED_IN_A_ROW):
            self.times.missed(FAR, INITIAL_TIMEOUT, 0.0)
        self.assertGreater(self.times.timeout(NEAR, 0.0), INITIAL_TIMEOUT)
