"""
How long to wait for an answer, learnt from the answers that came.

The estimator is that of RFC 6298: a smoothed round-trip time and its mean
deviation, and a time-out of the one plus four times the other.  There is one
for each address that answered lately, and one over all of them for addresses
that are new.  Pure: the clock is the caller's.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

from .limits import RecentMap
from .limits.bounds import ESTIMATED_ADDRESSES, ESTIMATES_KEPT_FOR
from .wire import HostPort

#: The time-out before anything was measured, in seconds.
INITIAL_TIMEOUT = 0.5

#: No time-out is shorter, in seconds: a peer's event loop may be busy.
MINIMUM_TIMEOUT = 0.2

#: No time-out of a first transmission is longer, in seconds.
MAXIMUM_TIMEOUT = 1.5


#: When so many requests in a row had no answer in time, it is our own line that is slow.
MISSED_IN_A_ROW = 8

# The gains of RFC 6298, section 2.3.
_ALPHA = 1 / 8
_BETA = 1 / 4


#: A smoothed round-trip time, its mean deviation, and what is waited at least; all in seconds.  A
#: plain tuple of numbers, which the garbage collector passes over.
Estimate: TypeAlias = tuple[float, float, float]


def firstEstimate(sample: float) -> Estimate:
    """What one round trip tells."""
    return sample, sample / 2, MINIMUM_TIMEOUT


def refined(estimate: Estimate | None, sample: float) -> Estimate:
    """What one more round trip tells."""
    if estimate is None:
        return firstEstimate(sample)
    smoothed, deviation, _ = estimate
    deviation += _BETA * (abs(smoothed - sample) - deviation)
    return smoothed + _ALPHA * (sample - smoothed), deviation, MINIMUM_TIMEOUT


def backedOff(estimate: Estimate, waited: float) -> Estimate:
    """
    Wait longer from now on, until there is a new sample.

    Else no sample would ever come of an address that has become slower than the time-out, for each
    answer would follow a second transmission (RFC 6298 section 5.5).

    :param waited: the seconds after which there was no answer
    """
    smoothed, deviation, atLeast = estimate
    return smoothed, deviation, max(atLeast, waited)


def timeoutOf(estimate: Estimate) -> float:
    """How long an answer may take before it is missed, in seconds."""
    smoothed, deviation, atLeast = estimate
    return min(max(smoothed + 4 * deviation, atLeast), MAXIMUM_TIMEOUT)


class Timeouts(Protocol):
    """How long to wait for an answer, and what tells."""

    def measured(self, address: HostPort, seconds: float, now: float) -> None:
        """An answer has come after so many seconds."""

    def missed(self, address: HostPort, waited: float, now: float) -> None:
        """No answer has come from this address within so many seconds."""

    def failed(self, address: HostPort, waited: float, now: float) -> None:
        """No answer has come to any transmission, though the first was waited for so long."""

    def forget(self, address: HostPort) -> None:
        """The node at this address is gone."""

    def timeout(self, address: HostPort, now: float) -> float:
        """How long to wait for an answer from this address, in seconds."""


class FixedTimeout:
    """
    The same for everybody, whatever comes.

    :param seconds: how long
    """

    __slots__ = ("_seconds",)

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def measured(self, address: HostPort, seconds: float, now: float) -> None:
        """See `Timeouts`."""

    def missed(self, address: HostPort, waited: float, now: float) -> None:
        """See `Timeouts`."""

    def failed(self, address: HostPort, waited: float, now: float) -> None:
        """See `Timeouts`."""

    def forget(self, address: HostPort) -> None:
        """See `Timeouts`."""

    def timeout(self, address: HostPort, now: float) -> float:
        """See `Timeouts`."""
        return self._seconds


class RoundTripTimes:
    """The estimates of one node; see `Timeouts`."""

    __slots__ = ("_addresses", "_missedInARow", "_overall")

    def __init__(self) -> None:
        self._addresses: RecentMap[HostPort, Estimate] = RecentMap(
            ESTIMATED_ADDRESSES, ESTIMATES_KEPT_FOR
        )
        self._overall: Estimate | None = None
        self._missedInARow = 0

    def measured(self, address: HostPort, seconds: float, now: float) -> None:
        """
        Learn from an answer.

        Only of a request that was sent once: else it is unknown which of the transmissions was
        answered (Karn's algorithm, RFC 6298 section 3).
        """
        self._missedInARow = 0
        self._overall = refined(self._overall, seconds)
        known = self._addresses.get(address, now)
        self._addresses.put(address, refined(known, seconds), now)

    def missed(self, address: HostPort, waited: float, now: float) -> None:
        """No answer has come from this address within so many seconds."""
        known = self._addresses.get(address, now)
        if known is not None:
            self._addresses.replace(address, backedOff(known, waited))
        self._missedInARow += 1
        if self._missedInARow >= MISSED_IN_A_ROW:
            self._overall = backedOff(self._overall or firstEstimate(waited), waited)

    def failed(self, address: HostPort, waited: float, now: float) -> None:
        """
        No answer has come to any transmission, though the first was waited for so long, in seconds.

        The next time wait twice as long from the first on, and not as long as for the last: most
        such addresses are dead, and few have become that slow.
        """
        known = self._addresses.get(address, now)
        if known is not None:
            smoothed, deviation, _ = known
            self._addresses.replace(address, (smoothed, deviation, 2 * waited))

    def forget(self, address: HostPort) -> None:
        """The node at this address is gone: nothing that was learnt of it holds any more."""
        self._addresses.discard(address)

    def timeout(self, address: HostPort, now: float) -> float:
        """How long to wait for an answer from this address, in seconds."""
        known = self._addresses.get(address, now) or self._overall
        return INITIAL_TIMEOUT if known is None else timeoutOf(known)
