"""
The invariants of a simulation, checked after each step and at the end.

Each broken invariant is recorded as a trouble.  The checks use the public methods of a node where
they can.  Only this module of the simulation reads private attributes of a node: they show whether
the node keeps things that it must drop.
"""

from __future__ import annotations

from collections import Counter

from twisted.internet.interfaces import IDelayedCall

from dwdht_twisted import Contact, DHTNode
from dwdht_twisted._core.limits.bounds import (
    CONTACTS_PER_HOST,
    MAXIMUM_CLAIMS,
    QUERY_QUEUE,
    REQUEST_QUEUE,
    REQUEST_WINDOW,
)
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.routing.bounds import CONTACTS_PER_SUBNET
from dwdht_twisted._core.wire import ID_BITS, distance, subnet
from dwdht_twisted.private.bounds import (
    ASSOCIATIONS,
    ASSOCIATIONS_OF_MEMBER,
    HALF_OPEN,
    OPENING,
    UNASKED,
)
from dwdht_twisted.private.certified.layer import CertifiedLayer

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

#: The most delayed calls per node for its layer on a network by certificate, beside those of its
#: handshakes: the layer looks at its files and its associations.
TIMERS_PER_LAYER = 1

#: The most delayed calls of a handshake that a node has begun: for its deadline, for its next
#: attempt, and for its flight.
TIMERS_PER_OPENING = 3

#: The most delayed calls of a handshake that another node has begun: for its deadline and its
#: flight.
TIMERS_PER_ACCEPTING = 2

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
        _checkAssociations(swarm, member)
    _checkTimers(swarm)


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


def _checkTimers(swarm: Swarm) -> None:
    running = swarm.runningMembers()
    allowed = TIMERS_PER_NODE * len(running)
    layers = [layer for layer in map(_certifiedLayer, running) if layer is not None]
    for layer in layers:
        allowed += TIMERS_PER_LAYER
        for link in layer.links.values():
            allowed += TIMERS_PER_OPENING * (link.opening is not None)
            allowed += TIMERS_PER_ACCEPTING * (link.accepting is not None)
            # The last flight of a handshake is sent again until the other end sends data.
            allowed += link.current is not None and bool(link.current._seen)
    timers = swarm.clock.calls
    if layers:
        # Without a layer, a liar has no timer.
        liars = {liar.host for liar in swarm.liars}
        timers = [call for call in timers if _hostOfTimer(call) not in liars]
    if len(timers) > allowed:
        swarm.record.addTrouble(
            f"there are {len(timers)} timers for {len(running)} nodes; {allowed} are allowed"
        )


def _hostOfTimer(call: IDelayedCall) -> str | None:
    """The host whose reactor runs a delayed call; None when it is not that of a host."""
    reactor = getattr(call, "reactor", None)
    return None if reactor is None else str(reactor.host)


def _certifiedLayer(member: Member) -> CertifiedLayer | None:
    """The layer of a running node on a network by certificate; None on other networks."""
    assert member.node is not None
    layer = member.node._layer
    return layer if isinstance(layer, CertifiedLayer) else None


def _checkAssociations(swarm: Swarm, member: Member) -> None:
    """
    Check the associations of a node on a network by certificate.

    - Their numbers are within the bounds.
    - Each address of which the layer keeps anything has an association or a handshake, or waits for
      its turn.  Datagrams wait only where there is no association.
    - A contact in the table has the id of a certificate, at an address of the owner.
    """
    layer = _certifiedLayer(member)
    if layer is None:
        return
    assert member.node is not None
    links = layer.links.values()
    certificates = Counter(link.peerId for link in links if link.peerId)
    for what, count, most in (
        ("associations", len(links), ASSOCIATIONS),
        (
            "associations with one member",
            max(certificates.values(), default=0),
            ASSOCIATIONS_OF_MEMBER,
        ),
        ("handshakes begun", len(layer._turns.opening), OPENING),
        ("handshakes for answers", len(layer._turns.unasked), UNASKED),
        ("handshakes of others", len(layer._accepting), HALF_OPEN),
    ):
        if count > most:
            swarm.record.addTrouble(f"{member} has {count} {what}; {most} are allowed")
    turns = layer._turns
    kept = {
        "begun": turns.opening,
        "of others": layer._accepting,
        "waiting": turns.queue,
        "for answers": turns.unasked,
    }
    for what, handshakes in kept.items():
        for link in handshakes:
            if layer.links.get(link.address) is not link:
                swarm.record.addTrouble(f"{member} has a handshake {what} of a dropped link")
    for link in links:
        if link.isEmpty and link not in turns.queue:
            swarm.record.addTrouble(f"{member} keeps an empty link with {link.address}")
    for address in layer._waiting._waiting:
        if address not in layer.links or layer.links[address].current is not None:
            swarm.record.addTrouble(f"datagrams of {member} to {address} wait for nothing")
    for contact in member.node.contacts():
        if contact.host not in swarm.hostsOf[contact.id or b""]:
            swarm.record.addTrouble(
                f"the table of {member} has {contact}, which is nobody's certificate and address"
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
