"""
How long to wait for an answer, learnt from the answers that came.

The estimator is that of RFC 6298: a smoothed round-trip time and its mean
deviation, and a time-out of the one plus four times the other.  There is one
for each address that answered lately, and one over all of them for addresses
that are new.  Pure: the clock is the caller's.
"""

from __future__ import annotations

from .contact import Address
from .limits import RecentMap

#: The time-out before anything was measured, in seconds.
INITIAL_TIMEOUT = 0.5

#: No time-out is shorter, in seconds: a peer's event loop may be busy.
MINIMUM_TIMEOUT = 0.2

#: No time-out of a first transmission is longer, in seconds.
MAXIMUM_TIMEOUT = 1.5

#: How many addresses are remembered, and for how long, in seconds.
REMEMBERED_ADDRESSES = 128
REMEMBERED_FOR = 1800.0

#: When so many requests in a row had no answer in time, it is our own line that is slow.
MISSED_IN_A_ROW = 8

# The gains of RFC 6298, section 2.3.
_ALPHA = 1 / 8
_BETA = 1 / 4


class Estimate:
    """
    A smoothed round-trip time.

    :ivar smoothed: seconds
    :ivar deviation: mean deviation, seconds
    """

    __slots__ = ("_atLeast", "deviation", "smoothed")

    def __init__(self, first: float) -> None:
        self.smoothed = first
        self.deviation = first / 2
        self._atLeast = MINIMUM_TIMEOUT

    def add(self, sample: float) -> None:
        """Learn from one more round trip, in seconds."""
        self.deviation += _BETA * (abs(self.smoothed - sample) - self.deviation)
        self.smoothed += _ALPHA * (sample - self.smoothed)
        self._atLeast = MINIMUM_TIMEOUT

    def backOff(self, waited: float) -> None:
        """
        Wait longer from now on, until there is a new sample.

        Else no sample would ever come of an address that has become slower than the time-out, for
        each answer would follow a second transmission (RFC 6298 section 5.5).

        :param waited: the seconds after which there was no answer
        """
        self._atLeast = max(self._atLeast, waited)

    def timeout(self) -> float:
        """How long an answer may take before it is missed, in seconds."""
        waiting = self.smoothed + 4 * self.deviation
        return min(max(waiting, self._atLeast), MAXIMUM_TIMEOUT)


class RoundTripTimes:
    """The estimates of one node."""

    __slots__ = ("_addresses", "_missedInARow", "_overall")

    def __init__(self) -> None:
        self._addresses: RecentMap[Address, Estimate] = RecentMap(
            REMEMBERED_ADDRESSES, REMEMBERED_FOR
        )
        self._overall: Estimate | None = None
        self._missedInARow = 0

    def measured(self, address: Address, seconds: float, now: float) -> None:
        """
        Learn from an answer.

        Only of a request that was sent once: else it is unknown which of the transmissions was
        answered (Karn's algorithm, RFC 6298 section 3).
        """
        self._missedInARow = 0
        if self._overall is None:
            self._overall = Estimate(seconds)
        else:
            self._overall.add(seconds)
        known = self._addresses.get(address, now)
        if known is None:
            self._addresses.put(address, Estimate(seconds), now)
        else:
            known.add(seconds)

    def missed(self, address: Address, waited: float, now: float) -> None:
        """No answer has come from this address within so many seconds."""
        known = self._addresses.get(address, now)
        if known is not None:
            known.backOff(waited)
        self._missedInARow += 1
        if self._missedInARow < MISSED_IN_A_ROW:
            return
        if self._overall is None:
            self._overall = Estimate(waited)
        self._overall.backOff(waited)

    def timeout(self, address: Address, now: float) -> float:
        """How long to wait for an answer from this address, in seconds."""
        known = self._addresses.get(address, now) or self._overall
        return INITIAL_TIMEOUT if known is None else known.timeout()
