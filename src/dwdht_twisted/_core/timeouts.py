"""
Time-outs: how long to wait for an answer, learnt from the answers that came.

The estimator is that of RFC 6298: a smoothed round-trip time and its mean deviation, and a time-out
of the first plus four times the second.  There is one estimate for each address that answered
lately, and one over all of them for addresses that are new.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

from .limits import RecentMap
from .limits.bounds import ESTIMATED_ADDRESSES, ESTIMATES_KEPT_FOR
from .wire import HostPort

#: Seconds of a time-out before any answer was measured.  Larger: the first lookup waits longer for
#: dead nodes.  Smaller: slow lines send everything twice.
INITIAL_TIMEOUT = 0.5

#: Seconds of the shortest time-out.  Smaller: a peer whose event loop is busy counts as late.
MINIMUM_TIMEOUT = 0.2

#: Seconds of the longest time-out of a first transmission: what the original waits at most.
MAXIMUM_TIMEOUT = 1.5

#: Requests in a row without an answer in time after which the node's own line counts as slow.
#: Smaller: a few dead nodes lengthen the time-out of all.
MISSED_IN_A_ROW = 8

# The gains of RFC 6298, section 2.3.
_ALPHA = 1 / 8
_BETA = 1 / 4

#: A smoothed round-trip time, its mean deviation, and the shortest time-out; all in seconds.  A
#: plain tuple of numbers, which the garbage collector need not follow.
Estimate: TypeAlias = tuple[float, float, float]


def firstEstimate(sample: float) -> Estimate:
    """The estimate from one round trip, in seconds."""
    return sample, sample / 2, MINIMUM_TIMEOUT


def refined(estimate: Estimate | None, sample: float) -> Estimate:
    """An estimate with one more round trip, in seconds."""
    if estimate is None:
        return firstEstimate(sample)
    smoothed, deviation, _ = estimate
    deviation += _BETA * (abs(smoothed - sample) - deviation)
    return smoothed + _ALPHA * (sample - smoothed), deviation, MINIMUM_TIMEOUT


def backedOff(estimate: Estimate, waited: float) -> Estimate:
    """
    An estimate with a longer time-out, which holds until there is a new sample.

    Without it, an address that has become slower than its time-out would never give a sample,
    because each of its answers would follow a second transmission (RFC 6298 section 5.5).

    :param waited: the seconds after which there was no answer
    """
    smoothed, deviation, shortest = estimate
    return smoothed, deviation, max(shortest, waited)


def timeoutOf(estimate: Estimate) -> float:
    """The seconds after which an answer counts as missed."""
    smoothed, deviation, shortest = estimate
    return min(max(smoothed + 4 * deviation, shortest), MAXIMUM_TIMEOUT)


class Timeouts(Protocol):
    """Tells how long to wait for an answer, and learns from what comes."""

    def measured(self, address: HostPort, seconds: float, now: float) -> None:
        """Note that an answer came after ``seconds``."""

    def missed(self, address: HostPort, waited: float, now: float) -> None:
        """Note that an address did not answer a transmission within ``waited`` seconds."""

    def failed(self, address: HostPort, waited: float, now: float) -> None:
        """
        Note that an address answered no transmission.

        :param waited: how long the first transmission was waited for, in seconds
        """

    def forget(self, address: HostPort) -> None:
        """Forget an address, because its node is gone."""

    def timeout(self, address: HostPort, now: float) -> float:
        """How long to wait for an answer from an address, in seconds."""


class FixedTimeout:
    """
    The same time-out for every address, whatever comes; a `Timeouts`.

    :param seconds: the time-out
    """

    __slots__ = ("_seconds",)

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def measured(self, address: HostPort, seconds: float, now: float) -> None:
        """Do nothing."""

    def missed(self, address: HostPort, waited: float, now: float) -> None:
        """Do nothing."""

    def failed(self, address: HostPort, waited: float, now: float) -> None:
        """Do nothing."""

    def forget(self, address: HostPort) -> None:
        """Do nothing."""

    def timeout(self, address: HostPort, now: float) -> float:
        """See `Timeouts.timeout`."""
        return self._seconds


class RoundTripTimes:
    """The estimates of one node; a `Timeouts`."""

    __slots__ = ("_addresses", "_missedInARow", "_overall")

    def __init__(self) -> None:
        self._addresses: RecentMap[HostPort, Estimate] = RecentMap(
            ESTIMATED_ADDRESSES, ESTIMATES_KEPT_FOR
        )
        self._overall: Estimate | None = None
        self._missedInARow = 0

    def measured(self, address: HostPort, seconds: float, now: float) -> None:
        """
        See `Timeouts.measured`.

        Call this only for a request that was sent once: of one that was sent twice it is unknown
        which transmission was answered (Karn's algorithm, RFC 6298 section 3).
        """
        self._missedInARow = 0
        self._overall = refined(self._overall, seconds)
        known = self._addresses.get(address, now)
        self._addresses.put(address, refined(known, seconds), now)

    def missed(self, address: HostPort, waited: float, now: float) -> None:
        """See `Timeouts.missed`."""
        known = self._addresses.get(address, now)
        if known is not None:
            self._addresses.replace(address, backedOff(known, waited))
        self._missedInARow += 1
        if self._missedInARow >= MISSED_IN_A_ROW:
            self._overall = backedOff(self._overall or firstEstimate(waited), waited)

    def failed(self, address: HostPort, waited: float, now: float) -> None:
        """
        See `Timeouts.failed`.

        The next request waits twice as long as the first transmission, and not as long as the last
        one: most such addresses are dead, and few have become that slow.
        """
        known = self._addresses.get(address, now)
        if known is not None:
            smoothed, deviation, _ = known
            self._addresses.replace(address, (smoothed, deviation, 2 * waited))

    def forget(self, address: HostPort) -> None:
        """See `Timeouts.forget`."""
        self._addresses.discard(address)

    def timeout(self, address: HostPort, now: float) -> float:
        """See `Timeouts.timeout`."""
        known = self._addresses.get(address, now) or self._overall
        return INITIAL_TIMEOUT if known is None else timeoutOf(known)
