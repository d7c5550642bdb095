"""
A network of nodes in memory and in simulated time, for tests of nodes and of their parts.

All randomness comes from one seed. At the end of a test, every node is destroyed. The test fails if
a timer is left.
"""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Address, Contact, DHTNode, Reply
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from tests.helpers.networks.peers import RawPeer

#: The command for which the tests register handlers.
COMMAND = "test"

#: The seconds after which every request has ended. All transmissions of a request together take at
#: most 12 seconds. With less than 12, a test could take a request in flight for a finished one.
REQUEST_SECONDS = 15.0


class NodeTestCase(SynchronousTestCase):
    """
    A base for tests with a network in memory.

    :cvar latency: the seconds that each datagram takes
    :cvar networkKey: the key of the nodes' network; None for an open network
    :ivar random: the source of all randomness, with a fixed seed
    :ivar clock: the clock of all nodes
    :ivar network: the network
    :ivar sent: source, destination and bytes of each datagram that was sent
    """

    latency = 0.01
    networkKey: bytes | Sequence[bytes] | None = None

    def setUp(self) -> None:
        self.random = Random(1)
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=1, latency=self.latency)
        self.sent: list[tuple[HostPort, HostPort, bytes]] = []
        self.network.onDatagram = lambda *datagram: self.sent.append(datagram)
        self._nodes: list[DHTNode] = []
        self._hosts: dict[int, str] = {}
        self.addCleanup(self.destroyAll)

    def destroyAll(self) -> None:
        """Destroy every node, and require that no timer is left."""
        for node in self._nodes:
            self.clock.runUntil(node.destroy(), limit=1)
        self.clock.runFor(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    # Nodes and peers.

    def node(
        self,
        host: str | None = None,
        *,
        port: int = 0,
        kind: type[DHTNode] = DHTNode,
        reactor: Any = None,
        listens: bool = True,
        **options: Any,
    ) -> DHTNode:
        """
        Return a new node, on the next free host by default.

        :param kind: the class of the node
        :param reactor: the reactor of the node's host, in place of ``host``
        :param listens: whether the node listens, at ``port``
        """
        reactor = reactor or self.network.reactor(host)
        options.setdefault("random", Random(self.random.getrandbits(64)))
        if "security" not in options:
            options.setdefault("networkKey", self.networkKey)
        node = kind(reactor, **options)
        self._nodes.append(node)
        self._hosts[id(node)] = reactor.host
        if listens:
            node.listen(port)
        return node

    def swarm(self, count: int, **options: Any) -> list[DHTNode]:
        """
        Return nodes that have joined through a new ephemeral node. Its address is ``bootstrap``.
        """
        shared = {name: options[name] for name in ("security", "networkKey") if name in options}
        self.bootstrap = self.addressOf(self.node(ephemeral=True, **shared))
        nodes = [self.node(bootstrap=[self.bootstrap], **options) for _ in range(count)]
        for node in nodes:
            self.clock.runUntil(node.ready())
        self.clock.runFor(2)
        return nodes

    def peer(
        self, host: str | None = None, *, port: int = 0, id: bytes | None = b"", answers: str = ""
    ) -> RawPeer:
        """
        Return a new `RawPeer` that listens.

        :param id: a random id by default; None for an ephemeral peer
        :param answers: the name of the `RawPeer` method that answers requests; by default, requests
            get no answer
        """
        reactor = self.network.reactor(host)
        peer = RawPeer(self.random.randbytes(32) if id == b"" else id, reactor.host)
        if answers:
            peer.onRequest = getattr(peer, answers)
        reactor.listenUDP(port, peer, "", 65536)
        return peer

    def addressOf(self, node: DHTNode) -> Address:
        """Return the address at which others reach a node."""
        return Address(self._hosts[id(node)], node.address().port)

    def contactOf(self, node: DHTNode) -> Contact:
        """Return the contact by which others know a node."""
        return Contact(node.id, *self.addressOf(node))

    def target(self) -> bytes:
        """Return a random target."""
        return self.random.randbytes(32)

    # Operations, and the datagrams that they send.

    def introduce(self, peer: RawPeer, node: DHTNode) -> None:
        """Make a node list a peer: the peer sends a ping and answers the node's ping."""
        former = peer.onRequest
        peer.onRequest = peer.pong
        peer.ask(self.addressOf(node), wire.PING)
        self.clock.runFor(1)
        peer.onRequest = former
        self.assertIn(peer.contact, node.contacts())

    def collect(
        self, node: DHTNode, target: bytes, command: str = COMMAND, **options: Any
    ) -> list[Reply]:
        """Run a query to its end, and return its replies."""
        return self.clock.runUntil(node.query(command, target, **options).collect())

    def commit(
        self, node: DHTNode, target: bytes, value: bytes | None = None, **options: Any
    ) -> list[Reply]:
        """Run an update to its end, and return its replies."""
        return self.clock.runUntil(node.update(COMMAND, target, value, **options).collect())

    def tokenFor(
        self, peer: RawPeer, node: DHTNode, target: bytes, command: str = COMMAND
    ) -> bytes:
        """Return a round-trip token that a node issues to a peer for a target."""
        peer.ask(self.addressOf(node), command, target)
        self.clock.runFor(1)
        token = peer.responses[-1][0].roundtripToken
        assert token is not None
        return token

    def sentBy(self, source: HostPort, to: HostPort | None = None) -> list[bytes]:
        """Return the datagrams sent by ``source``, to all destinations or only to one."""
        return [
            datagram
            for origin, destination, datagram in self.sent
            if origin == tuple(source) and (to is None or destination == tuple(to))
        ]

    def requestsBy(self, source: HostPort, to: HostPort | None = None) -> list[wire.RequestMessage]:
        """
        Return the requests sent by ``source``, including retries, to all destinations or only to
        one.
        """
        requests = []
        for datagram in self.sentBy(source, to):
            message = wire.decode(datagram)
            if isinstance(message, wire.RequestMessage):
                requests.append(message)
        return requests
