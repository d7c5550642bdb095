"""
Time-outs: how long to wait for an answer, estimated from earlier answers.

The estimator is that of RFC 6298.  It keeps a smoothed round-trip time and its mean deviation.  The
time-out is the smoothed time plus four times the deviation.  Each address that answered lately has
an estimate of its own.  New addresses share one estimate over all addresses.
"""

from __future__ import annotations

from typing import Protocol, TypeAlias

from .limits import RecentMap
from .limits.bounds import ESTIMATED_ADDRESSES, ESTIMATES_KEPT_FOR
from .wire import HostPort

#: The time-out that applies until the node has got its first answer, in seconds.  Larger: the first
#: lookup waits longer for dead nodes.  Smaller: a node with a slow link sends everything twice.
INITIAL_TIMEOUT = 0.5

#: The shortest time-out, in seconds.  Smaller: a peer with a busy event loop counts as late.
MINIMUM_TIMEOUT = 0.2

#: The longest time-out of a first transmission, in seconds.  ``dht-rpc`` never waits longer.
MAXIMUM_TIMEOUT = 1.5

#: The node's own link counts as slow after this many transmissions in a row without an answer in
#: time.  Then the time-out of new addresses grows.  Smaller: a few dead nodes make that time-out
#: grow.
MISSED_IN_A_ROW = 8

# The gains of RFC 6298, section 2.3.
_ALPHA = 1 / 8
_BETA = 1 / 4

#: A smoothed round-trip time, its mean deviation, and the shortest time-out, all in seconds.  An
#: estimate is a plain tuple of numbers, which the garbage collector need not follow.
Estimate: TypeAlias = tuple[float, float, float]


def firstEstimate(sample: float) -> Estimate:
    """The estimate from one round trip, in seconds."""
    return sample, sample / 2, MINIMUM_TIMEOUT


def refined(estimate: Estimate | None, sample: float) -> Estimate:
    """The estimate after one more round trip, in seconds."""
    if estimate is None:
        return firstEstimate(sample)
    smoothed, deviation, _ = estimate
    deviation += _BETA * (abs(smoothed - sample) - deviation)
    return smoothed + _ALPHA * (sample - smoothed), deviation, MINIMUM_TIMEOUT


def backedOff(estimate: Estimate, waited: float) -> Estimate:
    """
    The estimate with a time-out of ``waited`` seconds or more, until there is a new sample.

    An address may have become slower.  With the old time-out, each of its answers would follow a
    second transmission, so it would never give a sample (RFC 6298 section 5.5).

    :param waited: the seconds that have passed without an answer
    """
    smoothed, deviation, shortest = estimate
    return smoothed, deviation, max(shortest, waited)


def timeoutOf(estimate: Estimate) -> float:
    """The seconds after which an answer counts as missed."""
    smoothed, deviation, shortest = estimate
    return min(max(smoothed + 4 * deviation, shortest), MAXIMUM_TIMEOUT)


class Timeouts(Protocol):
    """Tells how long to wait for an answer, and learns from answers and silences."""

    def measured(self, address: HostPort, seconds: float, now: float) -> None:
        """Note that an answer came after ``seconds``."""

    def missed(self, address: HostPort, waited: float, now: float) -> None:
        """Note that an address did not answer a transmission within ``waited`` seconds."""

    def failed(self, address: HostPort, waited: float, now: float) -> None:
        """
        Note that an address answered no transmission.

        :param waited: the seconds that the node waited after the first transmission
        """

    def forget(self, address: HostPort) -> None:
        """Forget an address, because its node is gone."""

    def timeout(self, address: HostPort, now: float) -> float:
        """How long to wait for an answer from an address, in seconds."""


class FixedTimeout:
    """
    A `Timeouts` that gives every address the same time-out, and never learns.

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
    """A `Timeouts` that estimates round-trip times, for one node."""

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

        Call this only for a request that was sent once.  If it was sent twice, the answered
        transmission is unknown (Karn's algorithm, RFC 6298 section 3).
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

        The first transmission of the next request to the address waits twice as long as the first
        transmission of this request did.  It does not wait as long as the last transmission did,
        because most silent addresses are dead, and few have become that slow.
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
