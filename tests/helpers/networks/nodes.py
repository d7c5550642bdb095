"""
What the tests of the node share: a network of nodes in memory, a peer that speaks the wire by
hand, handlers, consumers and a NAT.

Everything random comes from one seed, and every node is destroyed at the end of its test, which
then fails when a timer is left.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import (
    IAddress,
    IConsumer,
    IHostnameResolver,
    IHostResolution,
    IResolutionReceiver,
)
from twisted.internet.protocol import DatagramProtocol
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from dwdht_twisted import Address, Contact, DHTNode, ICommandHandler, Reply, Request
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort, packAddress, packContact
from dwdht_twisted.interfaces import HandlerResult
from dwdht_twisted.testing import HostReactor, MemoryNetwork, MemoryPort, SimulatedClock

#: The command that the tests make up.
COMMAND = "test"

#: Longer than a request goes on, with all its retries.
GIVEN_UP = 15.0


def near(target: bytes, distance: int) -> bytes:
    """The id at this distance from a target."""
    return (int.from_bytes(target, "big") ^ distance).to_bytes(32, "big")


def compact(*contacts: Contact) -> bytes:
    """Contacts as the ``nodes`` of an answer carries them."""
    return b"".join(packContact(contact) for contact in contacts)


class RawPeer(DatagramProtocol):
    """
    Speaks the wire by hand, and keeps what it hears.

    :ivar id: what it calls itself; None when it is ephemeral
    :ivar received: each datagram, with where it came from
    :ivar requests: those that are requests
    :ivar responses: those that are responses
    :ivar onRequest: called with each request and its source, for whoever wants to answer it
    """

    noisy = False

    def __init__(self, id: bytes | None, host: str) -> None:
        self.id = id
        self.host = host
        self.received: list[tuple[bytes, HostPort]] = []
        self.requests: list[tuple[wire.RequestMessage, HostPort]] = []
        self.responses: list[tuple[wire.ResponseMessage, HostPort]] = []
        self.onRequest: Callable[[wire.RequestMessage, HostPort], object] = self.ignore
        self._transactionId = 0

    @property
    def address(self) -> Address:
        """Where it is reached."""
        assert self.transport is not None
        return Address(self.host, self.transport.getHost().port)

    @property
    def contact(self) -> Contact:
        """Who it is."""
        return Contact(self.id, *self.address)

    def datagramReceived(self, datagram: bytes, addr: HostPort) -> None:
        self.received.append((datagram, addr))
        message = wire.decode(datagram)
        if isinstance(message, wire.RequestMessage):
            self.requests.append((message, addr))
            self.onRequest(message, addr)
        else:
            self.responses.append((message, addr))

    def send(self, datagram: bytes, address: HostPort) -> None:
        """Send any bytes."""
        assert self.transport is not None
        self.transport.write(datagram, (address[0], address[1]))

    def ask(
        self, address: HostPort, command: str, target: bytes | None = None, **fields: bytes | None
    ) -> bytes:
        """Send a request under the next transaction id; gives the datagram."""
        self._transactionId += 1
        fields.setdefault("id", self.id)
        body = wire.requestBody(command, target=target, **fields)
        datagram = wire.frameRequest(self._transactionId, body)
        self.send(datagram, address)
        return datagram

    def answer(
        self, message: wire.RequestMessage, address: HostPort, **fields: bytes | None
    ) -> None:
        """Send a response to a request."""
        fields.setdefault("id", self.id)
        self.send(wire.encodeResponse(message.transactionId, **fields), address)

    # Ready-made ways to answer.

    def ignore(self, message: wire.RequestMessage, address: HostPort) -> None:
        """Say nothing."""

    def pong(self, message: wire.RequestMessage, address: HostPort) -> None:
        """Answer pings only."""
        if message.command == wire.PING:
            self.serve(message, address)

    def serve(
        self,
        message: wire.RequestMessage,
        address: HostPort,
        nodes: bytes | None = None,
        value: bytes | None = None,
        token: bytes | None = bytes(32),
    ) -> None:
        """Answer as a node does that knows these nodes."""
        if message.command == wire.PING:
            self.answer(message, address, value=packAddress(*address), roundtripToken=token)
        else:
            self.answer(message, address, nodes=nodes, value=value, roundtripToken=token)

    def asked(self, command: str) -> list[wire.RequestMessage]:
        """The requests for one command that it has heard."""
        return [message for message, _ in self.requests if message.command == command]


@implementer(ICommandHandler)
class Handler:
    """
    Keeps the requests that it is handed.

    :param query: gives the result of a query
    :param update: gives the result of an update
    """

    def __init__(
        self,
        query: Callable[[Request], HandlerResult] = lambda request: None,
        update: Callable[[Request], HandlerResult] = lambda request: None,
    ) -> None:
        self._query = query
        self._update = update
        self.queries: list[Request] = []
        self.updates: list[Request] = []

    def queryReceived(self, request: Request) -> HandlerResult:
        self.queries.append(request)
        return self._query(request)

    def updateReceived(self, request: Request) -> HandlerResult:
        self.updates.append(request)
        return self._update(request)


@implementer(IConsumer)
class Consumer:
    """
    Keeps what is written to it.

    :param onWrite: called with the producer after each reply
    """

    def __init__(self, onWrite: Callable[[Any], object] = lambda producer: None) -> None:
        self.items: list[Reply] = []
        self.producer: Any = None
        self.isStreaming = False
        self._onWrite = onWrite

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert self.producer is None
        self.producer = producer
        self.isStreaming = streaming

    def unregisterProducer(self) -> None:
        self.producer = None

    def write(self, data: Any) -> None:
        self.items.append(data)
        self._onWrite(self.producer)


class Nat(DatagramProtocol):
    """
    The port of a host behind a NAT: lets in only what comes from where it has sent to.

    To its protocol it is the transport.

    :ivar refused: the sources of what it did not let in
    """

    noisy = False

    def __init__(self, inside: DatagramProtocol) -> None:
        self._inside = inside
        self._opened: set[HostPort] = set()
        self.refused: list[HostPort] = []

    def startProtocol(self) -> None:
        self._inside.makeConnection(self)  # type: ignore[arg-type]

    def stopProtocol(self) -> None:
        self._inside.doStop()

    def datagramReceived(self, datagram: bytes, addr: HostPort) -> None:
        if addr in self._opened:
            self._inside.datagramReceived(datagram, addr)
        else:
            self.refused.append(addr)

    def write(self, packet: bytes, addr: HostPort) -> None:
        """Send, and so let the other side in."""
        assert self.transport is not None
        self._opened.add((addr[0], addr[1]))
        self.transport.write(packet, addr)

    def close(self, source: HostPort) -> None:
        """Let a host in no longer, which has been quiet."""
        self._opened.discard(source)

    def getHost(self) -> IPv4Address:
        """Where it is bound."""
        assert self.transport is not None
        host = self.transport.getHost()
        assert isinstance(host, IPv4Address)
        return host

    def stopListening(self) -> Deferred[None] | None:
        """Close the port."""
        assert self.transport is not None
        closed: Deferred[None] | None = self.transport.stopListening()
        return closed


class NattedReactor:
    """The reactor of a host behind a `Nat`."""

    def __init__(self, reactor: HostReactor) -> None:
        self._reactor = reactor
        self.host = reactor.host
        self.nats: list[Nat] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def listenUDP(self, port: int, protocol: DatagramProtocol, *more: Any) -> MemoryPort:
        """Take a port of the NAT."""
        nat = Nat(protocol)
        self.nats.append(nat)
        return self._reactor.listenUDP(port, nat, *more)


@implementer(IHostnameResolver)
class SilentResolver:
    """
    Resolves no name before it is told to.

    :ivar asked: the names that it was asked for
    """

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._waiting: list[tuple[str, IResolutionReceiver]] = []

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        self.asked.append(hostName)
        self._waiting.append((hostName, resolutionReceiver))
        return None  # type: ignore[return-value]

    def answer(self, name: str, *hosts: str) -> None:
        """Give a name these addresses, for each time that it was asked for."""
        waiting, self._waiting = self._waiting, []
        for asked, receiver in waiting:
            if asked != name:
                self._waiting.append((asked, receiver))
                continue
            for host in hosts:
                receiver.addressResolved(IPv4Address("UDP", host, 0))
            receiver.resolutionComplete()


class NodeTestCase(SynchronousTestCase):
    """
    A network in memory.

    :cvar latency: seconds that each datagram takes
    """

    latency = 0.01

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
        """Destroy every node, and see that nothing is left behind."""
        for node in self._nodes:
            self.clock.runUntil(node.destroy(), limit=1)
        self.clock.runFor(1)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    # Who is there.

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
        """Make a node, on the next free host by default."""
        reactor = reactor or self.network.reactor(host)
        options.setdefault("random", Random(self.random.getrandbits(64)))
        node = kind(reactor, **options)
        self._nodes.append(node)
        self._hosts[id(node)] = reactor.host
        if listens:
            node.listen(port)
        return node

    def swarm(self, count: int, **options: Any) -> list[DHTNode]:
        """Make an ephemeral bootstrap node, and nodes that have joined through it."""
        self.bootstrap = self.addressOf(self.node(ephemeral=True))
        nodes = [self.node(bootstrap=[self.bootstrap], **options) for _ in range(count)]
        for node in nodes:
            self.clock.runUntil(node.ready())
        self.clock.runFor(2)
        return nodes

    def peer(
        self, host: str | None = None, *, port: int = 0, id: bytes | None = b"", answers: str = ""
    ) -> RawPeer:
        """
        Make a raw peer.

        :param id: random by default; None for an ephemeral one
        :param answers: the name of one of its ways to answer
        """
        reactor = self.network.reactor(host)
        peer = RawPeer(self.random.randbytes(32) if id == b"" else id, reactor.host)
        if answers:
            peer.onRequest = getattr(peer, answers)
        reactor.listenUDP(port, peer, "", 65536)
        return peer

    def addressOf(self, node: DHTNode) -> Address:
        """Where a node is reached."""
        return Address(self._hosts[id(node)], node.address().port)

    def contactOf(self, node: DHTNode) -> Contact:
        """Who a node is."""
        return Contact(node.id, *self.addressOf(node))

    def target(self) -> bytes:
        """A random target."""
        return self.random.randbytes(32)

    # What happens.

    def introduce(self, peer: RawPeer, node: DHTNode) -> None:
        """Let a node learn that a peer is there: it asks, and answers the ping that follows."""
        former = peer.onRequest
        peer.onRequest = peer.pong
        peer.ask(self.addressOf(node), wire.PING)
        self.clock.runFor(1)
        peer.onRequest = former
        self.assertIn(peer.contact, node.contacts())

    def collect(
        self, node: DHTNode, target: bytes, command: str = COMMAND, **options: Any
    ) -> list[Reply]:
        """Run a query to its end."""
        return self.clock.runUntil(node.query(command, target, **options).collect())

    def commit(
        self, node: DHTNode, target: bytes, value: bytes | None = None, **options: Any
    ) -> list[Reply]:
        """Run an update to its end."""
        return self.clock.runUntil(node.update(COMMAND, target, value, **options).collect())

    def tokenFor(
        self, peer: RawPeer, node: DHTNode, target: bytes, command: str = COMMAND
    ) -> bytes:
        """Have a peer ask a node for a round-trip token."""
        peer.ask(self.addressOf(node), command, target)
        self.clock.runFor(1)
        token = peer.responses[-1][0].roundtripToken
        assert token is not None
        return token

    def sentBy(self, source: HostPort, to: HostPort | None = None) -> list[bytes]:
        """The datagrams that an address has sent, to one other or to all."""
        return [
            datagram
            for origin, destination, datagram in self.sent
            if origin == tuple(source) and (to is None or destination == tuple(to))
        ]

    def requestsBy(self, source: HostPort, to: HostPort | None = None) -> list[wire.RequestMessage]:
        """The requests among them."""
        found = []
        for datagram in self.sentBy(source, to):
            message = wire.decode(datagram)
            if isinstance(message, wire.RequestMessage):
                found.append(message)
        return found


def closestOf(contacts: Iterable[Contact], target: bytes, count: int = 20) -> list[bytes]:
    """The ids of the contacts closest to a target, closest first."""
    wanted = int.from_bytes(target, "big")
    ids = [contact.id for contact in contacts if contact.id is not None]
    return sorted(ids, key=lambda each: int.from_bytes(each, "big") ^ wanted)[:count]


__all__ = [
    "COMMAND",
    "GIVEN_UP",
    "Consumer",
    "Handler",
    "Nat",
    "NattedReactor",
    "NodeTestCase",
    "RawPeer",
    "SilentResolver",
    "closestOf",
    "compact",
    "near",
]
