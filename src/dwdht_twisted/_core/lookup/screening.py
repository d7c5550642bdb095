"""
What speaks against asking a contact that a lookup has heard of.

Pure: no time, no randomness, no IO.
"""

from __future__ import annotations

from collections import defaultdict

from ..limits import HostCounts
from ..limits.bounds import (
    LOOKUP_ADDRESSES_PER_ID,
    LOOKUP_REQUESTS_PER_HOST,
    LOOKUP_REQUESTS_PER_SUBNET,
    MAXIMUM_TOO_CLOSE,
    TOO_CLOSE,
)
from ..wire import ID_BYTES


class Screening:
    """
    Whom a lookup has asked, by address, id and source, and whom it may ask still.

    :param ownId: the searcher's id, which is never asked
    :param spacing: the mean distance between neighbouring ids, as far as it is known, else 0
    """

    __slots__ = (
        "_addresses",
        "_answeredIds",
        "_answeredTooClose",
        "_hostsOf",
        "_ownId",
        "_sources",
        "_tooClose",
    )

    def __init__(self, ownId: bytes, spacing: int) -> None:
        self._tooClose = spacing // TOO_CLOSE
        self._answeredTooClose = 0
        self._answeredIds: set[bytes] = set()
        self._addresses: set[bytes] = set()
        self._ownId = ownId
        self._hostsOf: defaultdict[bytes, set[str]] = defaultdict(set)
        self._sources = HostCounts(LOOKUP_REQUESTS_PER_HOST, LOOKUP_REQUESTS_PER_SUBNET)

    def admitsAddress(self, compact: bytes) -> bool:
        """
        Note that a compact address, 6 bytes, is asked.

        :return: False when it was before
        """
        if compact in self._addresses:
            return False
        self._addresses.add(compact)
        return True

    def admits(self, distance: int, compact: bytes, host: str) -> bool:
        """
        Note that a contact is asked.

        :param distance: how far its id is from the target
        :param compact: its compact form
        :param host: its host
        :return: False when it must not be
        """
        id, address = compact[:ID_BYTES], compact[ID_BYTES:]
        if (
            address in self._addresses
            or id == self._ownId
            or not self._sources.hasRoom(host)
            or (0 < distance < self._tooClose and self._answeredTooClose >= MAXIMUM_TOO_CLOSE)
        ):
            return False
        self._addresses.add(address)
        self._hostsOf[id].add(host)
        self._sources.add(host)
        return True

    def mustWait(self, id: bytes, host: str) -> bool:
        """Whether a contact waits for others that were named with its id, and are being asked."""
        hosts = self._hostsOf.get(id)
        return hosts is not None and (host in hosts or len(hosts) >= LOOKUP_ADDRESSES_PER_ID)

    def makesRoom(self, id: bytes, host: str) -> None:
        """Others that were named with an id need no longer wait for who was asked at this host."""
        self._hostsOf[id].discard(host)

    def takesPlace(self, distance: int, host: str) -> bool:
        """
        Whether a contact that is asked next may be one of the k closest: the first of its public
        host, and not closer to the target than chance puts anybody.
        """
        return distance >= self._tooClose and not self._sources.has(host)

    def answered(self, id: bytes, distance: int) -> bool:
        """
        Note that a node has answered.

        :return: False when it takes no place: it is not the first to answer under its id, or stands
            closer to the target than chance puts anybody
        """
        isFirst = id not in self._answeredIds
        self._answeredIds.add(id)
        if distance >= self._tooClose:
            return isFirst
        self._answeredTooClose += 1
        return False
