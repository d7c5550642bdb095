"""
Claims: the ids and addresses of nodes that have sent us a request and not answered one yet.
"""

from __future__ import annotations

from collections.abc import Container
from itertools import islice

from ..counters import Counters
from ..limits import FairRate
from ..limits.bounds import CLAIM_RATE, CLAIMS_FOR_ANSWER, MAXIMUM_CLAIMS
from ..wire import HostPort
from .bucket import Entry


class Claims:
    """
    The claims of one table, `MAXIMUM_CLAIMS` at most.

    A claim takes no place from a contact.  In a flood a new claim replaces the oldest.  A live node
    has usually answered before its claim is the oldest.

    :param counters: counts the claims that are refused
    """

    __slots__ = ("_byAddress", "_counters", "_newest", "_rate")

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._rate = FairRate(CLAIM_RATE)
        # The oldest claim comes first.
        self._byAddress: dict[HostPort, Entry] = {}
        # The compact contacts of the newest claims, by their ids; None after a change.
        self._newest: dict[int, bytes] | None = None

    def __len__(self) -> int:
        return len(self._byAddress)

    def __contains__(self, address: HostPort) -> bool:
        return address in self._byAddress

    def add(self, id: bytes, address: HostPort, now: float) -> bool:
        """
        Add a claim.

        :return: False when the rate of claims is too high, and this claim was refused
        """
        if not self._rate.take(address[0], now):
            self._counters.claimsRefused += 1
            return False
        if len(self._byAddress) >= MAXIMUM_CLAIMS:
            del self._byAddress[next(iter(self._byAddress))]
        self._byAddress[address] = Entry(id, address, now)
        self._newest = None
        return True

    def withdraw(self, address: HostPort) -> None:
        """Drop the claim of an address, if there is one."""
        if self._byAddress.pop(address, None) is not None:
            self._newest = None

    def closest(self, wanted: int, count: int, known: Container[int]) -> list[bytes]:
        """
        Choose among the newest claims, `CLAIMS_FOR_ANSWER` of them.

        :param wanted: the target, as a big-endian number
        :param count: the most contacts to return
        :param known: the ids, as numbers, of claims that are left out
        :return: compact contacts, closest to the target first.  Of several claims of one id, it is
            the newest.
        """
        compacts = self._newest
        if compacts is None:
            self._newest = compacts = {}
            for claim in islice(reversed(self._byAddress.values()), CLAIMS_FOR_ANSWER):
                compacts.setdefault(claim.number, claim.compact)
        numbers = [number for number in compacts if number not in known]
        return [compacts[number] for number in sorted(numbers, key=wanted.__xor__)[:count]]
