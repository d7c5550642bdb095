"""
Members: honest hosts, whose nodes are started, crash, and are started again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from math import inf
from random import Random
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall
from twisted.python.failure import Failure
from zope.interface import implementer

from dwdht_twisted import Address, Contact, DHTNode, IValueStore, NodeDestroyed
from dwdht_twisted.private import NetworkSecurity
from dwdht_twisted.testing import HostReactor, MemoryNetwork
from dwdht_twisted.values import COMMAND, ValueHandler

from .hosts import PORT, hostOf
from .private import Admission


@implementer(IValueStore)
class CountingStore:
    """
    A store that counts how often each value was put.

    :ivar values: the values by key
    :ivar runs: how often the update handler ran for each key
    """

    def __init__(self) -> None:
        self.values: dict[bytes, bytes] = {}
        self.runs: Counter[bytes] = Counter()

    def put(self, key: bytes, value: bytes) -> None:
        """Store a value, and count it."""
        self.values[key] = value
        self.runs[key] += 1

    def get(self, key: bytes) -> bytes | None:
        """Return a value, or None."""
        return self.values.get(key)

    def close(self) -> None:
        """Do nothing: there is nothing to release."""


class Environment(Protocol):
    """
    The part of a swarm that its members use.

    :ivar seed: the seed of the run
    :ivar network: the network on which the nodes listen
    :ivar admission: makes the securities of the nodes
    """

    seed: int
    network: MemoryNetwork
    admission: Admission

    def bootstrapsOf(self, member: Member) -> Sequence[str | Address]:
        """The addresses and names through which a member joins."""

    def started(self, member: Member) -> None:
        """Called when a node was started."""

    def membersChanged(self) -> None:
        """Called when a node has crashed, or has another address."""


class Member:
    """
    An honest host.  The time from a start of its node to the next crash is one incarnation.

    :ivar index: the number of the host, from which its first address follows
    :ivar host: the IPv4 address
    :ivar address: the address of its node
    :ivar node: the running node; None after a crash and before the first start
    :ivar store: the values that the node stores for others; a crash empties the store
    :ivar id: the id of the running node, or of the last node after a crash; empty before the first
        start
    :ivar security: the security of its node, which a new id needs anew; None on an open network and
        before the first start
    :ivar incarnation: the number of starts so far
    :ivar hasJoined: whether the running node has joined the network in this incarnation
    :ivar isAsleep: whether the host sleeps
    :ivar wrongBy: the seconds by which the clock of the host is to be set when it wakes up
    """

    def __init__(self, environment: Environment, index: int) -> None:
        self.index = index
        self.host = hostOf(index)
        self.address = Address(self.host, PORT)
        self.node: DHTNode | None = None
        self.store = CountingStore()
        self.id = b""
        self.security: NetworkSecurity | None = None
        self.incarnation = 0
        self.hasJoined = False
        self.isAsleep = False
        self.wrongBy = 0.0
        self._environment = environment
        self._held: list[tuple[IDelayedCall, float]] = []
        self._asleepSince = 0.0
        self._slept = 0.0

    def __repr__(self) -> str:
        return f"<Member {self.index} {self.host} {self.id.hex()[:8]}>"

    @property
    def contact(self) -> Contact:
        """The contact of the running node, or of the last node after a crash."""
        return Contact(self.id, self.host, PORT)

    @property
    def reactor(self) -> HostReactor:
        """The reactor of the host."""
        return self._environment.network.reactor(self.host)

    @property
    def slept(self) -> float:
        """The time that the host has slept so far, in seconds."""
        asleep = self._now - self._asleepSince if self.isAsleep else 0.0
        return self._slept + asleep

    @property
    def _now(self) -> float:
        return self._environment.network.clock.seconds()

    def start(self, *, isNew: bool = False) -> None:
        """
        Start a node.

        :param isNew: whether the node gets a new id instead of the id of the last node
        """
        environment = self._environment
        random = Random(f"{environment.seed} member {self.index} {self.incarnation}")
        self.incarnation += 1
        self.hasJoined = False
        self.store = CountingStore()
        if isNew or self.security is None:
            self.security = environment.admission.makeSecurity()
        node = DHTNode(
            self.reactor,
            bootstrap=environment.bootstrapsOf(self),
            id=None if isNew or not self.id else self.id,
            random=random,
            security=self.security,
        )
        node.register(COMMAND, ValueHandler(self.store))
        self.node = node
        self.id = node.id
        node.listen(PORT)
        self._awaitReady(node)
        environment.started(self)

    def crash(self) -> None:
        """
        Stop the node without notice to others.  The values in its store are lost.
        """
        node, self.node = self.node, None
        if node is not None:
            self.hasJoined = False
            self.store = CountingStore()
            node.destroy()
            self._environment.membersChanged()

    def fallAsleep(self) -> None:
        """
        Let the host sleep: none of its timers runs until it wakes up.

        Datagrams still arrive, so take the host off the network, too.
        """
        self.isAsleep = True
        self._asleepSince = self._now
        for call in self.reactor.getDelayedCalls():
            if getattr(call, "reactor", None) is self.reactor:
                self._held.append((call, call.getTime()))
                call.reset(inf)

    def wakeUp(self) -> None:
        """Run the timers that came due while the host slept, and let time pass for the others."""
        self._slept = self.slept
        self.isAsleep = False
        held, self._held = self._held, []
        for call, due in held:
            if call.active():
                call.reset(max(0.0, due - self._now))
        if self.wrongBy:
            self.reactor.setClock(-self.wrongBy)
            self.wrongBy = 0.0

    def moveTo(self, host: str) -> None:
        """
        Give the host another address.  Its node goes on, on the same port.

        :param host: the new IPv4 address
        """
        self._environment.network.changeAddress(self.host, host)
        self.host = host
        self.address = Address(host, PORT)
        self._environment.membersChanged()

    def _awaitReady(self, node: DHTNode) -> None:
        def joined(_: None) -> None:
            if self.node is node:
                self.hasJoined = True

        def failed(reason: Failure) -> None:
            if not reason.check(NodeDestroyed):
                self._awaitReady(node)

        node.ready().addCallbacks(joined, failed)
