"""
Members: honest hosts, whose nodes are started, crash, and are started again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import Protocol

from twisted.python.failure import Failure
from zope.interface import implementer

from dwdht_twisted import Address, Contact, DHTNode, IValueStore, NodeDestroyed
from dwdht_twisted.testing import MemoryNetwork
from dwdht_twisted.values import COMMAND, ValueHandler

from .hosts import PORT, hostOf


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
    """

    seed: int
    network: MemoryNetwork

    @property
    def bootstraps(self) -> Sequence[Member]:
        """The members through which every other member joins."""

    def membersChanged(self) -> None:
        """Called when a node was started or crashed."""


class Member:
    """
    An honest host.  The time from a start of its node to the next crash is one incarnation.

    :ivar index: the number of the host, from which its address follows
    :ivar host: the IPv4 address
    :ivar address: the address of its node
    :ivar node: the running node; None after a crash and before the first start
    :ivar store: the values that the node stores for others; a crash empties the store
    :ivar id: the id of the running node, or of the last node after a crash; empty before the first
        start
    :ivar incarnation: the number of starts so far
    :ivar hasJoined: whether the running node has joined the network in this incarnation
    """

    def __init__(self, environment: Environment, index: int) -> None:
        self.index = index
        self.host = hostOf(index)
        self.address = Address(self.host, PORT)
        self.node: DHTNode | None = None
        self.store = CountingStore()
        self.id = b""
        self.incarnation = 0
        self.hasJoined = False
        self._environment = environment

    def __repr__(self) -> str:
        return f"<Member {self.index} {self.host} {self.id.hex()[:8]}>"

    @property
    def contact(self) -> Contact:
        """The contact of the running node, or of the last node after a crash."""
        return Contact(self.id, self.host, PORT)

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
        node = DHTNode(
            environment.network.reactor(self.host),
            bootstrap=[known.address for known in environment.bootstraps if known is not self],
            id=None if isNew or not self.id else self.id,
            random=random,
        )
        node.register(COMMAND, ValueHandler(self.store))
        self.node = node
        self.id = node.id
        node.listen(PORT)
        self._awaitReady(node)
        environment.membersChanged()

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

    def _awaitReady(self, node: DHTNode) -> None:
        def joined(_: None) -> None:
            if self.node is node:
                self.hasJoined = True

        def failed(reason: Failure) -> None:
            if not reason.check(NodeDestroyed):
                self._awaitReady(node)

        node.ready().addCallbacks(joined, failed)
