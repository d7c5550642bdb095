"""
Refreshing the routing table.

A lookup costs some thirty requests, most of them in vain while nothing changes.  So a node that has
settled asks a single contact for the nodes close to an id, and runs a lookup only for news.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ..._core.routing import K, RoutingTable
from ..._core.wire import (
    FIND_NODE,
    ID_BITS,
    Address,
    Contact,
    HostPort,
    ResponseMessage,
    distance,
    isRoutable,
    requestBody,
    splitContacts,
    unpackContact,
)
from ...errors import DHTError
from ..requests import Callbacks, Caller

#: The age at which a node begins to fill its far buckets, in seconds.  Larger: far buckets stay
#: empty longer.  Smaller: a node that runs only for a short time sends lookups in vain.
EXPLORE_AFTER = 30.0

#: The time between two questions to a bootstrap node, in seconds, in a network of up to 6,000
#: nodes.  Larger: a network that was cut takes longer to heal.  Smaller: an idle node sends more.
REFRESH_AFTER = 600.0

#: The most contacts of an answer that are pinged to fill a bucket.
MOST_NEW = 8

#: The most questions per second that the settled nodes of a large network ask each bootstrap node,
#: all together.  The pause of each node grows with the network.  Larger: bootstrap nodes of large
#: networks need more machines.  Smaller: a large network that was cut takes longer to heal.
BOOTSTRAP_RATE = 10.0

#: The pause after a lookup that nobody answered, in seconds.  Larger: a bucket stays empty longer
#: after an outage.  Smaller: a node whose line is down sends more lookups in vain.
RETRY_AFTER = 60.0


class TableRefresher:
    """
    Keeps a routing table up to date.

    * From half a minute after the start, each far bucket that is less than half full is filled by a
      lookup (Kademlia section 2.3), one at a time.  The first lookup of a node finds its
      neighbours, and hardly any distant node.  Without further lookups, the far buckets would fill
      with nodes that announce themselves, for example liars.
    * A far bucket that is not full is refreshed as often as a contact is pinged: one of its
      contacts is asked, and the contacts in the answer are pinged.  A full bucket needs no refresh,
      because its contacts are pinged anyway.
    * Twice as often, a neighbour is asked for the nodes closest to the node's own id.  The
      bootstrap nodes are asked too, each `REFRESH_AFTER` seconds, or less often if the network is
      large.  A close node that the table doesn't hold is news, and causes a lookup.  So the parts
      of a network that was cut find each other again.

    :param table: the routing table
    :param random: chooses targets, and spreads the refreshes of nodes that start together
    :param caller: asks single contacts
    :param lookUp: looks for the nodes closest to a target; asks the bootstrap nodes in any case if
        its second argument is true
    :param explore: looks for nodes close to a target until its second argument returns true
    :param resolveBootstrap: calls its argument with the address of each bootstrap node
    """

    def __init__(
        self,
        table: RoutingTable,
        random: Random,
        *,
        caller: Caller,
        lookUp: Callable[[bytes, bool], Deferred[None]],
        explore: Callable[[bytes, Callable[[], bool]], Deferred[None]],
        resolveBootstrap: Callable[[Callable[[Address], None]], None],
    ) -> None:
        self._table = table
        self._random = random
        self._caller = caller
        self._lookUp = lookUp
        self._explore = explore
        self._resolveBootstrap = resolveBootstrap
        self._startedAt = 0.0
        self._neighbourAskedAt = 0.0
        self._bootstrapAskedAt = 0.0
        self._running: Deferred[None] | None = None
        self._hasFailed = False
        self._resumeAt = 0.0

    @property
    def isRunning(self) -> bool:
        """Whether a lookup is running."""
        return self._running is not None

    def start(self, now: float) -> None:
        """Note that the node has started now."""
        self._startedAt = now
        self._neighbourAskedAt = now
        self._bootstrapAskedAt = now - self._random.random() * REFRESH_AFTER / 4

    def run(self, work: Deferred[None]) -> None:
        """Start no other lookup until ``work`` fires."""

        def done(result: object) -> None:
            self._running = None
            self._hasFailed = isinstance(result, Failure)

        self._running = work
        # The failure of a lookup is ignored here.  The lookup is run again later, and `Membership`
        # logs that no node answers.
        work.addBoth(done)

    def refresh(self, now: float) -> None:
        """Do what is due, unless a lookup is running."""
        if self._hasFailed:
            self._hasFailed = False
            self._resumeAt = now + RETRY_AFTER
        if self.isRunning or now < self._resumeAt:
            return
        buckets = self._table.buckets
        checkedAfter = self._table.freshness.interval
        if now - self._neighbourAskedAt >= checkedAfter / 2:
            self._neighbourAskedAt = now - self._random.random() * checkedAfter / 8
            self._askNeighbour()
            return
        if now - self._bootstrapAskedAt >= self._bootstrapPause:
            self._bootstrapAskedAt = now
            self._resolveBootstrap(self._askBootstrap)
            return
        age = now - self._startedAt
        prefix = buckets.unexplored() if age >= EXPLORE_AFTER else None
        if prefix is not None:
            isFull = partial(buckets.isFull, prefix)
            self.run(self._explore(self._targetIn(prefix), isFull))
            return
        prefix = buckets.unfilled(now - checkedAfter) if age >= checkedAfter else None
        if prefix is not None:
            self._fill(prefix, now)

    @property
    def _bootstrapPause(self) -> float:
        """The time between two questions to each bootstrap node, in seconds."""
        return max(REFRESH_AFTER, self._table.buckets.networkSize() / BOOTSTRAP_RATE)

    def _askNeighbour(self) -> None:
        table = self._table
        neighbours: list[HostPort] = [each.address for each in table.closest(table.id)]
        found = partial(self._neighboursFound, False)
        self._ask(table.freshness.earliest(neighbours), table.id, found)

    def _askBootstrap(self, address: Address) -> None:
        self._ask(address, self._table.id, partial(self._neighboursFound, True))

    def _neighboursFound(self, isBootstrap: bool, contacts: list[Contact]) -> None:
        """Run a lookup if an answer names a node that belongs to the closest of the table."""
        table = self._table
        closest = table.closest(table.id)
        limit = distance(closest[-1].id or b"", table.id) if len(closest) == K else 1 << ID_BITS
        if not self.isRunning and any(
            distance(each.id or b"", table.id) < limit for each in self._unknown(contacts)
        ):
            self.run(self._lookUp(table.id, isBootstrap))

    def _fill(self, prefix: int, now: float) -> None:
        """Ask a contact of a bucket for others, and ping those that it names."""
        table = self._table
        target = self._targetIn(prefix)
        held = table.buckets.addresses(prefix)
        asked = table.freshness.earliest(held or [table.closest(target, 1)[0].address])

        def found(contacts: list[Contact]) -> None:
            new = [each for each in self._unknown(contacts) if table.buckets.isIn(prefix, each.id)]
            for contact in new[:MOST_NEW]:
                self._caller.check(contact.address)
            if not new:
                # Otherwise the next round asks another contact, which may know further ones.
                table.buckets.refreshed(target, now)

        self._ask(asked, target, found)

    def _ask(
        self, address: HostPort, target: bytes, found: Callable[[list[Contact]], None]
    ) -> None:
        """Ask a node for the nodes closest to a target."""

        def answered(message: ResponseMessage, source: HostPort) -> None:
            each = map(unpackContact, splitContacts(message.nodes or b"", K))
            found([it for it in each if it is not None and isRoutable(it.host, source[0])])

        body = requestBody(FIND_NODE, self._caller.identity.sent, target)
        with suppress(DHTError):
            self._caller.send(Address(*address), body, Callbacks(answered, _ignored))

    def _unknown(self, contacts: list[Contact]) -> list[Contact]:
        """The contacts that the table doesn't hold, and that were not silent lately."""
        known = {each.id for each in self._table.contacts()}
        return [
            each
            for each in contacts
            if each.id != self._table.id
            and each.id not in known
            and not self._table.holds(each.address)
            and not self._caller.isSilent(each.address)
        ]

    def _targetIn(self, prefix: int) -> bytes:
        return self._table.buckets.randomTarget(prefix, self._random.randbytes)


def _ignored(reason: DHTError) -> None:
    """Do nothing, because the caller has told the table of the silence."""
