"""
What must hold, after each step and at the end.

All that a node says of itself is public; what it must not keep is looked up inside it, here and
nowhere else.
"""

from __future__ import annotations

from collections import Counter

from dwdht_twisted import Contact, DHTNode
from dwdht_twisted._core.limits.bounds import (
    CONTACTS_PER_HOST,
    CONTACTS_PER_SUBNET,
    MAXIMUM_CLAIMS,
    REQUEST_QUEUE,
    REQUEST_WINDOW,
)
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BITS, distance, subnet

from .swarm import Member, Swarm
from .workload import Workload

#: How many of its 20 closest neighbours a node lacks at most, then, though their buckets have room.
LACKING = 5

#: How many timers a node has at most: its upkeep's, one for its requests, and one for each of three
#: kinds of probes.
TIMERS = 5

#: The share of the nodes that puts have to reach that take the value at least, and of the gets that
#: have to find a value that do so at once: over a run, in whatever weather, if there are so many.
#: The least that was seen in 32 runs is 0.967 of the nodes, and all of the gets.
PLACED = 0.9
GOTTEN = 0.95
MINIMUM_SAMPLE = 100


def checkStep(swarm: Swarm, workload: Workload) -> None:
    """What holds at any time; breaches are noted as troubles of the swarm."""
    for member in swarm.alive():
        _checkStore(swarm, workload, member)
        _checkTable(swarm, member)
        _checkRequests(swarm, member)
    timers = len(swarm.clock.calls)
    running = len(swarm.alive())
    if timers > TIMERS * running:
        swarm.trouble(f"{timers} timers for {running} nodes")


def checkRecovered(swarm: Swarm) -> None:
    """What holds when there was no fault for `RECOVERED_AFTER` seconds."""
    running = {member.contact for member in swarm.alive()}
    for member in swarm.alive():
        assert member.node is not None
        contacts = set(member.node.contacts())
        dead = contacts - running
        if dead:
            swarm.trouble(f"{member} lists {len(dead)} dead contacts")
        neighbours = {near.contact for near in swarm.closest(member.id, K + 1)}
        neighbours.discard(member.contact)
        sizes = Counter(_bucketOf(contact, member) for contact in contacts)
        lacking = [each for each in neighbours - contacts if sizes[_bucketOf(each, member)] < K]
        if len(lacking) > LACKING:
            swarm.trouble(f"{member} lacks {len(lacking)} of its {len(neighbours)} neighbours")


def checkIdle(swarm: Swarm, workload: Workload) -> None:
    """What holds once nothing is asked any more: nothing is left of what was asked."""
    if workload.running:
        swarm.trouble(f"{workload.running} operations have not ended")
    for member in swarm.alive():
        assert member.node is not None
        left = leftovers(member.node)
        if left:
            swarm.trouble(f"{member} keeps {left}")


def checkShares(swarm: Swarm, workload: Workload) -> None:
    """What holds for a whole run in whatever weather: hardly anything failed that must not."""
    for what, share, least in (
        ("places were taken by puts", workload.placed, PLACED),
        ("gets found their value at once", workload.gotten, GOTTEN),
    ):
        if share.of >= MINIMUM_SAMPLE and share.value < least:
            swarm.trouble(f"{share.right} of {share.of} {what}")


def checkClosed(swarm: Swarm) -> None:
    """What holds when all nodes are destroyed."""
    if swarm.clock.calls:
        swarm.trouble(f"{len(swarm.clock.calls)} timers are left")
    if swarm.network.ports:
        swarm.trouble(f"{len(swarm.network.ports)} ports are left open")


def leftovers(node: DHTNode) -> dict[str, int]:
    """How many things that should have ended a node holds, by what they are."""
    requests = node._caller.requests
    queries = node._queries
    now = requests._clock.seconds()
    found = {
        "requests waiting": requests.waiting,
        "requests overdue": sum(
            request.deadline < now
            for each in (requests, *(probes._requests for probes in node._caller._probes))
            for request in each._inFlight.values()
        ),
        # One may be its upkeep's.
        "streams": len(queries._streams) - (node._upkeep._refreshing is not None),
        "handlers at work": node._responder.runner.atWork,
        "waiters": len(node._membership._waiting),
        "resolutions": len(queries._pending),
    }
    return {what: count for what, count in found.items() if count}


def _checkStore(swarm: Swarm, workload: Workload, member: Member) -> None:
    for key, runs in member.store.runs.items():
        if runs > 1:
            swarm.trouble(f"{member} ran the update of {key.hex()[:8]} {runs} times")
        if not workload.wasPut(key):
            swarm.trouble(f"{member} took a forged update of {key.hex()[:8]}")


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
            swarm.trouble(f"{member} lists {max(counts.values())} contacts of one {what}")
    if len({contact.address for contact in contacts}) < len(contacts):
        swarm.trouble(f"{member} lists an address twice")
    claims = len(member.node._table._claims)
    if claims > MAXIMUM_CLAIMS:
        swarm.trouble(f"{member} lists {claims} contacts that have not answered")


def _bucketOf(contact: Contact, member: Member) -> int:
    """How many bits the ids of both share."""
    assert contact.id is not None
    return ID_BITS - distance(contact.id, member.id).bit_length()


def _checkRequests(swarm: Swarm, member: Member) -> None:
    assert member.node is not None
    requests = member.node._caller.requests
    if requests.inFlight > REQUEST_WINDOW or requests.waiting > REQUEST_QUEUE:
        swarm.trouble(
            f"{member} has {requests.inFlight} requests in flight, {requests.waiting} waiting"
        )
