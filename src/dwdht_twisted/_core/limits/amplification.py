"""
The bounds on the size of answers.  The source address of a request may be forged.
"""

from __future__ import annotations

from ..wire import COMPACT_CONTACT_BYTES, MAX_DATAGRAM_BYTES, HostPort, isLoopback
from .bounds import AMPLIFICATION, EXCESS_BURST, EXCESS_RATE, RATE_LIMITED_HOSTS
from .memory import RecentMap


def answerAllowance(requestBytes: int, checkBytes: int = 0) -> int:
    """
    The most bytes of the answer to a stranger's request.

    :param requestBytes: the size of the request, in bytes
    :param checkBytes: the size of all transmissions of the ping that checks the id in the request,
        in bytes; 0 for a request without an id
    """
    return AMPLIFICATION * requestBytes - checkBytes


def namedAllowance(namings: int) -> int:
    """
    The most bytes that an address is sent because others have named it, until it has answered.

    :param namings: how many answers have named it
    """
    return AMPLIFICATION * COMPACT_CONTACT_BYTES * namings


class ExcessBudget:
    """
    The bytes that each validated address may be sent beyond the allowance of its requests.

    A validated address receives datagrams.  But its requests may still be forged.  So it has a
    budget of `EXCESS_BURST` bytes, which grows by `EXCESS_RATE` bytes per second.  The budgets of
    `RATE_LIMITED_HOSTS` addresses are remembered.  At any time, fewer addresses are validated.  A
    loopback address has no limit, because no other machine can forge it.
    """

    __slots__ = ("_fullAt",)

    #: The most seconds until a budget is full again.  The last answer may overdraw it.
    _LONGEST = (EXCESS_BURST + MAX_DATAGRAM_BYTES) / EXCESS_RATE

    def __init__(self) -> None:
        # The time at which the budget of each address is full again.
        self._fullAt: RecentMap[HostPort, float] = RecentMap(RATE_LIMITED_HOSTS, self._LONGEST)

    def spend(self, address: HostPort, excess: int, now: float) -> bool:
        """
        Take the excess of an answer from the budget of an address, if anything is left.

        :param excess: the bytes of the answer beyond the allowance of its request
        :return: whether the answer may be sent
        """
        if isLoopback(address[0]):
            return True
        fullAt = max(now, self._fullAt.get(address, now) or now)
        if (fullAt - now) * EXCESS_RATE >= EXCESS_BURST:
            return False
        self._fullAt.put(address, fullAt + excess / EXCESS_RATE, now)
        return True
