"""
What a program can see of a node.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from .._core.health import Health
from .._core.identity import Identity
from .._core.standing import Standing
from .._core.statistics import Load, Statistics
from .._core.wire import Contact
from .._observation import LookupStep, TableEntry

if TYPE_CHECKING:
    from .assembly import Parts
    from .environment import Environment


class Observed:
    """
    The properties of a node that tell how it is.
    """

    _parts: Parts
    _identity: Identity
    _environment: Environment

    @property
    def id(self) -> bytes:
        """32 bytes: the node's place in the network, even when it is ephemeral."""
        return self._identity.id

    @property
    def ephemeral(self) -> bool:
        """Whether the node sends no id, so that no other node lists it."""
        return self._identity.sent is None

    @property
    def health(self) -> Health:
        """
        Whether the node reaches its network, and why not.

        A node that nobody watches notices within some three minutes that its line is down.
        """
        return self._parts.vitals.health

    def watchHealth(self, watcher: Callable[[Health], object]) -> Callable[[], None]:
        """
        Call a function with the present health, as soon as the node runs, and each time when the
        node becomes online, degraded or offline.

        A line that is down is noticed within 15 seconds while somebody watches, because the node
        then pings a contact when nobody has answered for 11 seconds.

        :param watcher: called with the new `Health`; what it raises is logged
        :return: a function that ends the watch
        :raises ValueError: when the watcher isn't a function
        """
        return self._parts.vitals.watch(watcher)

    @property
    def kind(self) -> str:
        """What the node is, in words: a node, an ephemeral node, or an adaptive node."""
        if self._parts.adapting is not None:
            return "adaptive node"
        return "ephemeral node" if self.ephemeral else "node"

    @property
    def standing(self) -> Standing:
        """At which address others see the node, and whether they reach it there."""
        return self._parts.survey.standing

    def watchLookups(self, watcher: Callable[[LookupStep], object]) -> Callable[[], None]:
        """
        Call a function at each step of each lookup, query and update of the node.

        :param watcher: called with the `LookupStep`; it has to return soon, and must not use the
            node; what it raises is logged
        :return: a function that ends the watch
        :raises ValueError: when the watcher isn't a function
        """
        return self._environment.watchers.watch(watcher)

    def statistics(self) -> Statistics:
        """What the node has done since it was made, and what it does now."""
        parts, measurements = self._parts, self._environment.measurements
        requests, queries = parts.caller.requests, parts.queries
        return Statistics(
            counters=self._environment.counters.asDict(),
            contacts=len(parts.table),
            networkSize=parts.table.buckets.networkSize(),
            requests=Load(requests.inFlight, requests.waiting),
            queries=Load(queries.running - queries.waiting, queries.waiting),
            handlers=parts.responder.handlers,
            lookupTimes=measurements.lookupTimes.distribution(),
            lookupRequests=measurements.lookupRequests.distribution(),
            lookupHops=measurements.lookupHops.distribution(),
            handlerTimes=measurements.handlerTimes.distribution(),
        )

    def table(self) -> list[TableEntry]:
        """The contacts of the routing table, and when each was heard of last."""
        now, isSilent = self._environment.clock.seconds(), self._parts.caller.isSilent
        return [
            TableEntry(contact, now - seenAt, isSilent(contact.address))
            for contact, seenAt in self._parts.table.freshness.sightings()
        ]

    def contacts(self) -> list[Contact]:
        """The contacts of the routing table.  Each of them has answered this node."""
        return self._parts.table.contacts()
