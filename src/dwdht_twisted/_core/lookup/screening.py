"""
Rules by which a lookup refuses to ask a contact, or asks it later.
"""

from __future__ import annotations

from collections import defaultdict

from ..limits import HostCounts
from ..limits.bounds import (
    CONTACTS_PER_HOST,
    LOOKUP_ADDRESSES_PER_ID,
    LOOKUP_REQUESTS_PER_HOST,
    LOOKUP_REQUESTS_PER_SUBNET,
    MAXIMUM_TOO_CLOSE,
    TOO_CLOSE,
)
from ..wire import ID_BYTES
from .queue import Waiting


class Screening:
    """
    Remembers the addresses, ids and hosts that a lookup has asked, and applies the rules to them.

    :param ownId: the searcher's id.  No contact is asked under this id.
    :param spacing: the mean distance between neighbouring ids, or 0 when it is unknown
    :param contactsPerHost: the ``contactsPerHost`` of the node
    :ivar ownId: see above
    """

    __slots__ = (
        "_addresses",
        "_answeredIds",
        "_answeredTooClose",
        "_hostCounts",
        "_hostsOf",
        "_postponed",
        "_tooClose",
        "ownId",
    )

    def __init__(
        self, ownId: bytes, spacing: int, contactsPerHost: int = CONTACTS_PER_HOST
    ) -> None:
        self.ownId = ownId
        self._tooClose = spacing // TOO_CLOSE
        self._answeredTooClose = 0
        self._answeredIds: set[bytes] = set()
        self._addresses: set[bytes] = set()
        # The hosts that are being asked under each id.
        self._hostsOf: defaultdict[bytes, set[str]] = defaultdict(set)
        # The postponed contacts by id.  Other hosts are being asked under the same id.
        self._postponed: dict[bytes, list[Waiting]] = {}
        self._hostCounts = HostCounts(
            LOOKUP_REQUESTS_PER_HOST, LOOKUP_REQUESTS_PER_SUBNET, contactsPerHost
        )

    def admitsAddress(self, compact: bytes) -> bool:
        """
        Note that a compact address, 6 bytes, is asked.

        :return: False when it was asked before
        """
        if compact in self._addresses:
            return False
        self._addresses.add(compact)
        return True

    def admits(self, distance: int, compact: bytes, host: str) -> bool:
        """
        Note that a contact is asked.

        :param distance: the distance of its id from the target
        :param compact: its compact form
        :param host: its host
        :return: False when it must not be asked
        """
        id, address = compact[:ID_BYTES], compact[ID_BYTES:]
        if (
            address in self._addresses
            or id == self.ownId
            or not self._hostCounts.hasRoom(host)
            or (0 < distance < self._tooClose and self._answeredTooClose >= MAXIMUM_TOO_CLOSE)
        ):
            return False
        self._addresses.add(address)
        self._hostsOf[id].add(host)
        self._hostCounts.add(host)
        return True

    def postpones(self, id: bytes, host: str, waiting: Waiting) -> bool:
        """
        Postpone a contact if too many hosts, or its own host, are being asked under its id already.

        :return: whether the contact is postponed
        """
        hosts = self._hostsOf.get(id)
        if hosts is None or (host not in hosts and len(hosts) < LOOKUP_ADDRESSES_PER_ID):
            return False
        self._postponed.setdefault(id, []).append(waiting)
        return True

    def makeRoom(self, id: bytes, host: str) -> list[Waiting]:
        """
        Stop counting a host among the hosts that are being asked under an id.

        :return: the contacts that were postponed because of the id
        """
        self._hostsOf[id].discard(host)
        return self._postponed.pop(id, [])

    def takesPlace(self, distance: int, host: str) -> bool:
        """
        Whether a contact may be one of the k closest, if it is asked now.

        It must be the first asked contact of its public host, and not implausibly close to the
        target.
        """
        return distance >= self._tooClose and not self._hostCounts.has(host)

    def answered(self, id: bytes, distance: int) -> bool:
        """
        Note that a node has answered.

        :return: False when the node takes no place among the k closest.  Either another node
            answered under its id first, or the node is implausibly close to the target.
        """
        isFirst = id not in self._answeredIds
        self._answeredIds.add(id)
        if distance >= self._tooClose:
            return isFirst
        self._answeredTooClose += 1
        return False
