"""
The invariants of a simulation, checked after each step and at the end.

Each broken invariant is recorded as a trouble.  The checks use the public methods of a node where
they can.  Only this module of the simulation reads private attributes of a node: they show whether
the node keeps things that it must drop.
"""

from __future__ import annotations

from collections import Counter

from dwdht_twisted import Contact, DHTNode
from dwdht_twisted._core.limits.bounds import (
    CONTACTS_PER_HOST,
    CONTACTS_PER_SUBNET,
    MAXIMUM_CLAIMS,
    QUERY_QUEUE,
    REQUEST_QUEUE,
    REQUEST_WINDOW,
)
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BITS, distance, subnet

from .members import Member
from .swarm import Swarm
from .workload import Workload

#: The number of a node's 20 closest nodes that may be missing in its table after the recovery.  A
#: missing node doesn't count if its bucket is full.  Larger: tables without neighbours go
#: unreported.  Smaller: a table that doesn't have a few of its neighbours yet is reported.
MISSING_NEIGHBOURS = 5

#: The most delayed calls per node: one for its upkeep, one for its requests, and one for each of
#: three kinds of probes.  Larger: a leak of one timer per node goes unreported.  Smaller: timers in
#: use are reported.
TIMERS_PER_NODE = 5

#: The smallest allowed `Tally.placements` of a run, from 0 to 1.  The smallest measured share was
#: 0.967 in 32 runs, and 0.95 in 300 runs.  Larger: runs with many faults are reported.  Smaller:
#: updates that often miss the closest nodes go unreported.
MINIMUM_PLACEMENTS = 0.9

#: The smallest allowed `Tally.retrievals` of a run, from 0 to 1.  The smallest measured share was
#: 1 in 32 runs, and 0.996 in 300 runs.  Larger: a single failed get may be reported.  Smaller:
#: lookups that often fail at the first attempt go unreported.
MINIMUM_RETRIEVALS = 0.95

#: The number of events from which on a share is checked.  Larger: short runs are not checked at
#: all.  Smaller: a few failures in a short run are reported.
MINIMUM_SAMPLE = 100


def checkStep(swarm: Swarm, workload: Workload) -> None:
    """Check the invariants that hold at any time."""
    for member in swarm.runningMembers():
        _checkStore(swarm, workload, member)
        _checkTable(swarm, member)
        _checkRequests(swarm, member)
    timers = len(swarm.clock.calls)
    running = len(swarm.runningMembers())
    if timers > TIMERS_PER_NODE * running:
        swarm.record.addTrouble(
            f"there are {timers} timers for {running} nodes; {TIMERS_PER_NODE} per node are allowed"
        )


def checkRecovered(swarm: Swarm) -> None:
    """Check the invariants that hold when there was no fault for `RECOVERED_AFTER` seconds."""
    running = {member.contact for member in swarm.runningMembers()}
    for member in swarm.runningMembers():
        assert member.node is not None
        contacts = set(member.node.contacts())
        if not member.hasJoined:
            swarm.record.addTrouble(f"{member} has not joined the network")
        dead = contacts - running
        if dead:
            swarm.record.addTrouble(f"the table of {member} has {len(dead)} dead contacts")
        neighbours = {near.contact for near in swarm.closestMembers(member.id, K + 1)}
        neighbours.discard(member.contact)
        sizes = Counter(_bucketOf(contact, member) for contact in contacts)
        missing = [each for each in neighbours - contacts if sizes[_bucketOf(each, member)] < K]
        if len(missing) > MISSING_NEIGHBOURS:
            swarm.record.addTrouble(
                f"the table of {member} lacks {len(missing)} of the {len(neighbours)} nodes "
                f"closest to it; {MISSING_NEIGHBOURS} are allowed"
            )


def checkIdle(swarm: Swarm, workload: Workload) -> None:
    """
    Check that nothing is left of the operations after all their deadlines have passed.
    """
    if workload.running:
        swarm.record.addTrouble(f"{workload.running} operations have not ended")
    for member in swarm.runningMembers():
        assert member.node is not None
        left = leftovers(member.node)
        if left:
            swarm.record.addTrouble(f"the node of {member} still holds {left}")


def checkShares(swarm: Swarm, workload: Workload) -> None:
    """
    Check that few puts and gets of a whole run failed, whatever the faults.
    """
    tally = workload.tally
    for what, share, least in (
        ("nodes that puts had to reach took the value", tally.placements, MINIMUM_PLACEMENTS),
        ("gets found their value at the first attempt", tally.retrievals, MINIMUM_RETRIEVALS),
    ):
        if share.total >= MINIMUM_SAMPLE and share.value < least:
            swarm.record.addTrouble(
                f"only {share.succeeded} of {share.total} {what}; {least:.0%} are required"
            )


def checkClosed(swarm: Swarm) -> None:
    """Check that destroyed nodes have left no timer and no open port."""
    for what, left in (("timers", swarm.clock.calls), ("ports", swarm.network.ports)):
        if left:
            swarm.record.addTrouble(f"{len(left)} {what} are left after all nodes were destroyed")


def leftovers(node: DHTNode) -> dict[str, int]:
    """
    Count the requests, streams, handlers and the like of a node that should have ended.

    :return: the number of each kind; a kind without any is left out
    """
    parts = node._parts
    requests = parts.caller.requests
    found = {
        "requests waiting": requests.waiting,
        "requests overdue": requests.overdue + parts.caller.probing.overdue,
        # The stream with which the upkeep refreshes a bucket is allowed.
        "streams": parts.queries.running - parts.upkeep.isLookingUp,
        "handlers at work": parts.responder.commands.runner.atWork,
        "waiters": parts.membership.waiting,
        # The upkeep may be resolving the bootstrap nodes, to ask one of them.
        "resolutions": max(0, parts.queries.pending - 1),
    }
    return {what: count for what, count in found.items() if count}


def _checkStore(swarm: Swarm, workload: Workload, member: Member) -> None:
    for key, runs in member.store.runs.items():
        if not workload.wasPut(key):
            swarm.record.addTrouble(
                f"{member} took a forged update of {key.hex()[:8]}, which no member has put"
            )
        elif runs > 1 and not workload.mayRunTwice(key):
            swarm.record.addTrouble(
                f"{member} ran its handler {runs} times for one update of {key.hex()[:8]}"
            )


def _checkTable(swarm: Swarm, member: Member) -> None:
    assert member.node is not None
    contacts = member.node.contacts()
    buckets: Counter[int] = Counter()
    hosts: Counter[str] = Counter()
    networks: Counter[str] = Counter()
    for contact in contacts:
        buckets[_bucketOf(contact, member)] += 1
        hosts[contact.host] += 1
        networks[subnet(contact.host)] += 1
    for what, counts, most in (
        ("bucket", buckets, K),
        ("host", hosts, CONTACTS_PER_HOST),
        ("/24 network", networks, CONTACTS_PER_SUBNET),
    ):
        if counts and max(counts.values()) > most:
            swarm.record.addTrouble(
                f"the table of {member} has {max(counts.values())} contacts of one {what}; "
                f"{most} are allowed"
            )
    if len({contact.address for contact in contacts}) < len(contacts):
        swarm.record.addTrouble(f"the table of {member} has two contacts with one address")
    claims = member.node._parts.table.claims
    if claims > MAXIMUM_CLAIMS:
        swarm.record.addTrouble(
            f"the table of {member} has {claims} claims without an answer; "
            f"{MAXIMUM_CLAIMS} are allowed"
        )


def _bucketOf(contact: Contact, member: Member) -> int:
    """The bucket of a contact: how many leading bits it shares with the id of the member."""
    assert contact.id is not None
    return ID_BITS - distance(contact.id, member.id).bit_length()


def _checkRequests(swarm: Swarm, member: Member) -> None:
    assert member.node is not None
    requests = member.node._parts.caller.requests
    if requests.inFlight > REQUEST_WINDOW or requests.waiting > REQUEST_QUEUE:
        swarm.record.addTrouble(
            f"{member} has {requests.inFlight} requests in flight and {requests.waiting} waiting; "
            f"{REQUEST_WINDOW} and {REQUEST_QUEUE} are allowed"
        )
    queries = member.node._parts.queries
    if queries.waiting > QUERY_QUEUE:
        swarm.record.addTrouble(
            f"{queries.waiting} queries of {member} wait; {QUERY_QUEUE} are allowed"
        )
