"""
A test case with Python nodes and nodes of the JavaScript peer, which communicate over loopback.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from hashlib import sha256
from typing import Any, TypeAlias

from twisted.internet.defer import DeferredQueue, maybeDeferred
from twisted.internet.protocol import DatagramProtocol
from twisted.internet.task import deferLater
from twisted.trial.unittest import FailTest, TestCase
from zope.interface import implementer

from dwdht_twisted import (
    Address,
    Contact,
    DHTNode,
    ICommandHandler,
    QueryStream,
    Reply,
    Request,
)
from dwdht_twisted._core.wire import RequestMessage, decode
from tests.helpers.peer.install import INSTALL_SECONDS
from tests.helpers.peer.process import PeerNode, PeerProcess

LOCAL_HOST = "127.0.0.1"


def keyOf(value: bytes) -> bytes:
    """Return the key of a value, its SHA-256 of 32 bytes."""
    return sha256(value).digest()


@implementer(ICommandHandler)
class HashedValues:
    """
    The command ``values`` as in the JavaScript peer: a value is stored under its hash.

    :ivar held: the stored values by their keys
    """

    def __init__(self) -> None:
        self.held: dict[bytes, bytes] = {}

    def queryReceived(self, request: Request) -> bytes | None:
        return self.held.get(request.target)

    def updateReceived(self, request: Request) -> None:
        value = request.value or b""
        if keyOf(value) != request.target:
            raise ValueError("the key is not the hash of the value")
        self.held[request.target] = value


@implementer(ICommandHandler)
class Echo:
    """
    The command ``echo`` as in the JavaScript peer: the result is the value of the request.

    :ivar queries: the received queries
    :ivar updates: the received updates
    """

    def __init__(self) -> None:
        self.queries: list[Request] = []
        self.updates: list[Request] = []

    def queryReceived(self, request: Request) -> bytes | None:
        self.queries.append(request)
        return request.value

    def updateReceived(self, request: Request) -> bytes | None:
        self.updates.append(request)
        return request.value


class PythonNode(DHTNode):
    """
    A `DHTNode` with the commands and the test methods of a `PeerNode`.
    """

    def __init__(self, reactor: Any, **options: Any) -> None:
        super().__init__(reactor, **options)
        self.values = HashedValues()
        self.echo = Echo()
        self._punches = 0
        self.register("values", self.values)
        self.register("echo", self.echo)

    async def start(self) -> None:
        """Listen at a port on loopback and join."""
        self.listen(0, LOCAL_HOST)
        await self.ready()

    def contact(self) -> Contact:
        """Return the contact that the node's answers describe."""
        return Contact(None if self.ephemeral else self.id, *self.address())

    def query(self, *arguments: Any, local: bool = False, **options: Any) -> QueryStream:
        """
        Query other nodes like `DHTNode.query`, but without the node's own handler, as in
        JavaScript.
        """
        return super().query(*arguments, local=local, **options)

    def update(self, *arguments: Any, local: bool = False, **options: Any) -> QueryStream:
        """
        Update other nodes like `DHTNode.update`, but without the node's own handler, as in
        JavaScript.
        """
        return super().update(*arguments, local=local, **options)

    async def ask(self, target: bytes, value: bytes | None) -> list[Reply]:
        """Return the replies to a query of the ``echo`` command."""
        return await self.query("echo", target, value).collect()

    async def listed(self) -> list[Contact]:
        """Return the contacts of the node's routing table."""
        return self.contacts()

    async def punches(self) -> int:
        """Return the number of received forwarded pings."""
        return self._punches

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        message = decode(datagram)
        if isinstance(message, RequestMessage) and message.forwardResponse is not None:
            self._punches += 1
        super().datagramReceived(datagram, addr)


class NattedNode(PythonNode):
    """A `PythonNode` behind a NAT that filters by address and port."""

    def __init__(self, reactor: Any, **options: Any) -> None:
        super().__init__(reactor, **options)
        self._openedByNat: set[tuple[str, int]] = set()

    def makeConnection(self, transport: Any) -> None:
        super().makeConnection(_OpeningTransport(transport, self._openedByNat))  # type: ignore[arg-type]

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        if (addr[0], addr[1]) in self._openedByNat:
            super().datagramReceived(datagram, addr)


class _OpeningTransport:
    """A UDP transport that adds each destination to ``opened``."""

    def __init__(self, transport: Any, opened: set[tuple[str, int]]) -> None:
        self._transport = transport
        self._opened = opened

    def write(self, datagram: bytes, addr: tuple[str, int]) -> None:
        self._opened.add((addr[0], addr[1]))
        self._transport.write(datagram, addr)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


#: A Python node or a JavaScript node.
AnyNode: TypeAlias = PythonNode | PeerNode


class Probe(DatagramProtocol):
    """
    A plain UDP socket on loopback.

    :ivar received: each received datagram, with its source
    """

    def __init__(self) -> None:
        self.received: DeferredQueue[tuple[bytes, Address]] = DeferredQueue()

    def address(self) -> Address:
        """Return the address of the socket."""
        assert self.transport is not None
        host: Any = self.transport.getHost()
        return Address(host.host, host.port)

    def send(self, datagram: bytes, address: Address) -> None:
        """Send one datagram."""
        assert self.transport is not None
        self.transport.write(datagram, address)

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        self.received.put((datagram, Address(*addr)))


async def eventually(
    reactor: Any, condition: Callable[[], bool | Awaitable[bool]], seconds: float = 10.0
) -> None:
    """
    Wait until a condition is true.

    :raises FailTest: if it isn't true within ``seconds``
    """
    deadline = reactor.seconds() + seconds
    while not await maybeDeferred(condition):
        if reactor.seconds() > deadline:
            raise FailTest(f"not so after {seconds} seconds")
        await deferLater(reactor, 0.02)


class InteropTestCase(TestCase):
    """
    A base for tests with a process of JavaScript nodes.

    :ivar peer: the process
    """

    timeout = INSTALL_SECONDS + 60

    async def setUp(self) -> None:  # type: ignore[override]
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.peer = PeerProcess(self.reactor)
        self.addCleanup(self._stopPeer)
        await self.peer.start()

    async def _stopPeer(self) -> None:
        await self.peer.stop()
        self.assertEqual(self.peer.exceptions, [])

    async def python(self, *bootstrap: AnyNode, nat: bool = False, **options: Any) -> PythonNode:
        """Return a new Python node that has joined."""
        addresses = [node.address() for node in bootstrap]
        node = (NattedNode if nat else PythonNode)(self.reactor, bootstrap=addresses, **options)
        self.addCleanup(node.destroy)
        await node.start()
        return node

    async def javaScript(self, *bootstrap: AnyNode, **options: Any) -> PeerNode:
        """Return a new JavaScript node that has joined."""
        (node,) = await self.peer.nodes(1, *(node.address() for node in bootstrap), **options)
        return node

    def probe(self) -> Probe:
        """Return a plain socket. It is closed at the end of the test."""
        probe = Probe()
        port = self.reactor.listenUDP(0, probe, interface=LOCAL_HOST)
        self.addCleanup(port.stopListening)
        return probe

    async def waitUntilListed(self, node: AnyNode, by: AnyNode) -> None:
        """Wait until the node ``by`` lists the first node."""

        async def isListed() -> bool:
            return node.contact() in await by.listed()

        await eventually(self.reactor, isListed)

    async def waitUntilPunched(self, node: AnyNode) -> None:
        """Wait until a node has received a forwarded ping."""

        async def isPunched() -> bool:
            return await node.punches() > 0

        await eventually(self.reactor, isPunched)
