"""
What a lookup finds at best.

While a network is cut, and until its tables have recovered, they don't tell all of it.  What they
do tell, taken together, is found by a lookup that loses nothing, is late nowhere, and is lied to by
nobody: that much is asked of the real ones.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterable
from heapq import heapify, heappop, heappush, nsmallest

from dwdht_twisted import Contact
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import distance

from .swarm import Member, Swarm


def reach(swarm: Swarm, member: Member, target: bytes) -> set[Member]:
    """
    The 20 closest members that the tables of a network lead to; fewer where liars have a place.

    :param member: who looks; it is up
    :param target: 32 bytes
    """
    members = {each.address: each for each in swarm.alive()}
    liars = {liar.host for liar in swarm.liars}
    assert member.node is not None
    line = _nearest(member.node.contacts(), target)
    heapify(line)
    seen = {member.contact, *(contact for _, contact in line)}
    places: list[int] = []
    found: list[tuple[int, Member]] = []
    while line:
        far, contact = heappop(line)
        if len(places) >= K and far > places[K - 1]:
            break
        if swarm.wasCut(member.host, contact.host, 0.0):
            continue
        other = members.get(contact.address)
        if other is None or other.contact != contact:
            if contact.host in liars:
                insort(places, far)
            continue
        insort(places, far)
        found.append((far, other))
        assert other.node is not None
        for named in _nearest(other.node.contacts(), target):
            if named[1] not in seen:
                seen.add(named[1])
                heappush(line, named)
    return {other for far, other in found if far <= places[:K][-1]}


def _nearest(contacts: Iterable[Contact], target: bytes) -> list[tuple[int, Contact]]:
    return nsmallest(K, ((distance(each.id or b"", target), each) for each in contacts))
