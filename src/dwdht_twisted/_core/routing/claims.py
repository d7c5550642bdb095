"""
Claims: the ids and addresses of nodes that have asked us and not answered us yet.
"""

from __future__ import annotations

from collections.abc import Container

from ..counters import Counters
from ..limits import FairRate
from ..limits.bounds import CLAIM_RATE, MAXIMUM_CLAIMS
from ..wire import HostPort
from .bucket import Entry


class Claims:
    """
    The claims of one table, `MAXIMUM_CLAIMS` at most.

    A claim takes no place from a contact.  In a flood the oldest claim is dropped: a node that is
    there has mostly answered by then.

    :param counters: counts the claims that are refused
    """

    __slots__ = ("_byAddress", "_counters", "_rate")

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._rate = FairRate(CLAIM_RATE)
        # In the order in which they were made.
        self._byAddress: dict[HostPort, Entry] = {}

    def __len__(self) -> int:
        return len(self._byAddress)

    def __contains__(self, address: HostPort) -> bool:
        return address in self._byAddress

    def add(self, id: bytes, address: HostPort, now: float) -> bool:
        """
        Take in a claim.

        :return: False when too many are made, and this one is refused
        """
        if not self._rate.take(address[0], now):
            self._counters.claimsRefused += 1
            return False
        if len(self._byAddress) >= MAXIMUM_CLAIMS:
            del self._byAddress[next(iter(self._byAddress))]
        self._byAddress[address] = Entry(id, address, now)
        return True

    def withdraw(self, address: HostPort) -> None:
        """Drop the claim that was made from an address, if there is one."""
        self._byAddress.pop(address, None)

    def closest(self, wanted: int, count: int, known: Container[int]) -> list[bytes]:
        """
        The compact contacts that are claimed, closest to a target first.

        :param wanted: the target, as a big-endian number
        :param count: how many at most
        :param known: ids that are left out
        """
        compacts = {
            claim.number: claim.compact
            for claim in self._byAddress.values()
            if claim.number not in known
        }
        return [compacts[number] for number in sorted(compacts, key=wanted.__xor__)[:count]]
