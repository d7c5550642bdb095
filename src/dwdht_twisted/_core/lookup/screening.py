"""
Rules by which a lookup refuses to ask a contact, or asks it later.
"""

from __future__ import annotations

from collections import defaultdict

from ..limits import HostCounts
from ..limits.bounds import CONTACTS_PER_HOST
from ..wire import ID_BYTES
from .bounds import (
    LOOKUP_ADDRESSES_PER_ID,
    LOOKUP_REQUESTS_PER_HOST,
    LOOKUP_REQUESTS_PER_SUBNET,
    MAXIMUM_TOO_CLOSE,
    TOO_CLOSE,
)
from .candidate import Candidate
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
        "_answeredIds",
        "_answeredTooClose",
        "_asked",
        "_hostCounts",
        "_hostsOf",
        "_misnamedHosts",
        "_postponed",
        "_repeatedHosts",
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
        # The hosts that have answered under each id although nobody had named them with it.
        self._misnamedHosts: defaultdict[bytes, set[str]] = defaultdict(set)
        # The candidates that were asked, by compact address, 6 bytes.
        self._asked: dict[bytes, Candidate] = {}
        # The candidates whose public host had been asked before.
        self._repeatedHosts: set[Candidate] = set()
        # The hosts that are being asked under each id.
        self._hostsOf: defaultdict[bytes, set[str]] = defaultdict(set)
        # The postponed contacts by id.  Other hosts are being asked under the same id.
        self._postponed: dict[bytes, list[Waiting]] = {}
        self._hostCounts = HostCounts(
            LOOKUP_REQUESTS_PER_HOST, LOOKUP_REQUESTS_PER_SUBNET, contactsPerHost
        )

    def askedAt(self, compact: bytes) -> Candidate | None:
        """The candidate that was asked at the address of a compact contact, under any id."""
        return self._asked.get(compact[ID_BYTES:])

    def admitsBootstrap(self, candidate: Candidate, address: bytes) -> bool:
        """
        Note that a bootstrap node is asked.

        :param address: its compact address, 6 bytes
        :return: False when the address was asked before
        """
        return self._asked.setdefault(address, candidate) is candidate

    def admits(self, candidate: Candidate, compact: bytes) -> bool:
        """
        Note that a candidate is asked, and decide whether it is an extra.

        It may be one of the k closest only if it is the first asked contact of its public host, and
        not implausibly close to the target.

        :param candidate: `askedAt` returns None for its address
        :param compact: its compact form
        :return: False when it must not be asked
        """
        id, host, counts = compact[:ID_BYTES], candidate.address.host, self._hostCounts
        if id == self.ownId or not counts.hasRoom(host) or self._isOneTooMany(candidate.distance):
            return False
        self._asked[compact[ID_BYTES:]] = candidate
        self._hostsOf[id].add(host)
        candidate.isExtra = candidate.distance < self._tooClose
        if counts.has(host):
            self._repeatedHosts.add(candidate)
            candidate.isExtra = True
        counts.add(host)
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

    def answered(self, candidate: Candidate) -> None:
        """
        Note that a candidate has answered under an id that it was known with before the answer.
        Decide whether it is an extra.
        """
        assert candidate.id is not None
        isTooClose = candidate.distance < self._tooClose
        self._answeredTooClose += isTooClose
        candidate.isExtra = (
            isTooClose or candidate in self._repeatedHosts or candidate.id in self._answeredIds
        )
        self._answeredIds.add(candidate.id)

    def answeredMisnamed(self, candidate: Candidate) -> bool:
        """
        Note that a candidate has answered under an id that it was not known with.  It is an extra.

        :return: False when the answer doesn't count.  The limits on requests also apply to these
            answers: the limit on the hosts of one id, and the limit on nodes that are too close to
            the target.
        """
        assert candidate.id is not None
        candidate.isExtra = True
        hosts = self._misnamedHosts[candidate.id]
        hosts.add(candidate.address.host)
        if len(hosts) > LOOKUP_ADDRESSES_PER_ID or self._isOneTooMany(candidate.distance):
            return False
        self._answeredTooClose += candidate.distance < self._tooClose
        return True

    def _isOneTooMany(self, distance: int) -> bool:
        """Whether an id is too close to the target, and enough nodes so close have answered."""
        return 0 < distance < self._tooClose and self._answeredTooClose >= MAXIMUM_TOO_CLOSE
