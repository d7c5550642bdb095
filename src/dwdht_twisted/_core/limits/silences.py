"""
The addresses that have not answered lately.
"""

from __future__ import annotations

from typing import NamedTuple

from ..wire import HostPort
from .bounds import (
    MAXIMUM_SILENCE_CHECKS,
    SILENCE_CHECKED_AFTER,
    SILENCE_REMEMBERED_FOR,
    SILENCE_TO_REQUEST_REMEMBERED_FOR,
    SILENCES_REMEMBERED,
    VALIDATED_ADDRESSES,
    VALIDATION_SILENCE_REMEMBERED_FOR,
)
from .memory import RecentMap

#: The time after the last answer from any address, in seconds, after which a silence says more of
#: the node's own line than of others.  A request ends after at most 12 seconds.  Larger: more
#: silences of an outage are remembered.  Smaller: requests that other nodes did not answer while
#: one did are forgotten.
DEAF_AFTER = 12.0


class Silence(NamedTuple):
    """
    The silence of an address.

    :ivar since: the time when it was noted first, in seconds
    :ivar checkAt: the time of the next check, in seconds
    """

    since: float
    checkAt: float


class Silences:
    """
    The silent addresses of one node, in four maps.

    Each map has a size of its own.  So the silences that strangers cause cannot push out the
    silences that the node's own requests have found.

    Lookups ask an address that left a request of the node's own unanswered after all others, until
    it answers.  It is checked after `SILENCE_CHECKED_AFTER` seconds, and again whenever its silence
    has lasted twice as long.  So a node that was away for a time is asked in its turn again after
    about the same time.  While nobody at all answers, silence says nothing of others: the silences
    of such a time are forgotten at the next answer.

    An address that has never answered is checked only while its pings fit in the bytes that it may
    be sent because others have named it; see `namedAllowance`.

    :ivar toAnything: addresses that left a request or probe of any kind unanswered, except the ping
        of a validation
    :ivar toValidation: addresses that did not answer the first ping of a validation in time
    """

    __slots__ = ("_heardAt", "_left", "_toRequests", "toAnything", "toValidation")

    def __init__(self) -> None:
        # The addresses that left a request of the node's own unanswered.
        self._toRequests: RecentMap[HostPort, Silence] = RecentMap(
            SILENCES_REMEMBERED, SILENCE_TO_REQUEST_REMEMBERED_FOR
        )
        # The bytes that are left for each address which others have named, and which has never
        # answered.  There is room for addresses whose silence is not noted yet.
        self._left: RecentMap[HostPort, float] = RecentMap(
            2 * SILENCES_REMEMBERED, 2 * SILENCE_TO_REQUEST_REMEMBERED_FOR
        )
        # The time of the last answer from any address.
        self._heardAt = float("-inf")
        self.toAnything: RecentMap[HostPort, bool] = RecentMap(
            SILENCES_REMEMBERED, SILENCE_REMEMBERED_FOR
        )
        self.toValidation: RecentMap[HostPort, bool] = RecentMap(
            VALIDATED_ADDRESSES, VALIDATION_SILENCE_REMEMBERED_FOR
        )

    def isSilent(self, address: HostPort, now: float) -> bool:
        """Whether an address left a request of the node's own unanswered, and was silent since."""
        return self._toRequests.get(address, now) is not None

    def missed(self, address: HostPort, now: float) -> None:
        """Note that an address left one of the node's own requests unanswered."""
        if not self.isSilent(address, now):
            self._toRequests.put(address, Silence(now, now + SILENCE_CHECKED_AFTER), now)

    def limit(self, address: HostPort, left: float, now: float) -> None:
        """
        Note that an address has never answered, and may be sent ``left`` bytes more than before.
        """
        before = self._left.get(address, now)
        if before is not None or not self.isSilent(address, now):
            self._left.put(address, (before or 0.0) + left, now)

    def isLimited(self, address: HostPort, now: float) -> bool:
        """Whether an address has never answered, so that it may be sent only some more bytes."""
        return self._left.get(address, now) is not None

    def spend(self, address: HostPort, size: int, now: float) -> bool:
        """
        Count a ping of ``size`` bytes to a silent address.

        :return: whether the ping may be sent
        """
        left = self._left.get(address, now)
        if left is None:
            return True
        if left < size:
            return False
        self._left.replace(address, left - size)
        return True

    def answered(self, address: HostPort, now: float) -> None:
        """Remove an address from all maps."""
        self._left.discard(address)
        self._toRequests.discard(address)
        self.toAnything.discard(address)
        self.toValidation.discard(address)
        deafAt, self._heardAt = self._heardAt + DEAF_AFTER, now
        if now > deafAt:
            for each, silence in self._toRequests.items(now):
                if silence.since > deafAt:
                    self._toRequests.discard(each)

    def toCheck(self, now: float) -> list[HostPort]:
        """
        The addresses to check now, at most `MAXIMUM_SILENCE_CHECKS`.

        Each of them is due again when its silence has lasted twice as long.
        """
        due = [
            (address, silence)
            for address, silence in self._toRequests.items(now)
            if silence.checkAt <= now
        ][:MAXIMUM_SILENCE_CHECKS]
        for address, silence in due:
            checkAt = silence.since + 2 * (now - silence.since)
            self._toRequests.replace(address, silence._replace(checkAt=checkAt))
        return [address for address, _ in due]
