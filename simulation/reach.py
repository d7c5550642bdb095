"""
The nodes that a perfect lookup finds.

A perfect lookup has neither losses nor delays, and gets no lies, so it finds every node to which
the tables lead.  During a partition, and until the tables have recovered from it, the tables lead
to only some of the nodes.  In this time, a real lookup has to find every node that a perfect lookup
finds, and may miss the others.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from heapq import heapify, heappop, heappush, nsmallest

from dwdht_twisted import Contact
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import distance

from .members import Member
from .swarm import Swarm


def findReachable(swarm: Swarm, member: Member, target: bytes) -> set[Member]:
    """
    Do a perfect lookup on the present tables of a network.

    :param member: the member that looks up the target; its node runs
    :param target: 32 bytes
    :return: the members among the 20 closest nodes that are found, with the member itself if it is
        one of them; liars count as nodes
    """
    members = {each.address: each for each in swarm.runningMembers()}
    liars = {liar.host for liar in swarm.liars}
    assert member.node is not None
    # Contacts not asked yet, as a heap of distances and contacts.
    candidates = _closest(member.node.contacts(), target)
    heapify(candidates)
    seen = {member.contact, *(contact for _, contact in candidates)}
    # The member answers itself without a request.
    found = [(distance(member.id, target), member)]
    # The distances of the nodes that answer, liars included, in order.
    distances = [found[0][0]]
    while candidates:
        far, contact = heappop(candidates)
        if len(distances) >= K and far > distances[K - 1]:
            break
        if swarm.partitions.separated(member.host, contact.host, 0.0):
            continue
        if swarm.partitions.isOff(contact.host):
            continue
        other = members.get(contact.address)
        if other is None or other.contact != contact:
            if contact.host in liars:
                insort(distances, far)
            continue
        insort(distances, far)
        found.append((far, other))
        assert other.node is not None
        for named in _closest(other.node.contacts(), target):
            if named[1] not in seen:
                seen.add(named[1])
                heappush(candidates, named)
    return {other for far, other in found if far <= distances[:K][-1]}


def _closest(contacts: Iterable[Contact], target: bytes) -> list[tuple[int, Contact]]:
    return nsmallest(K, ((distance(each.id or b"", target), each) for each in contacts))
