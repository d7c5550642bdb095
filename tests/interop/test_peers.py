"""
`dwdht_twisted.peers` and npm's ``hyperdht@1.3.0``, which find each other's peers.
"""

from __future__ import annotations

from random import Random

from twisted.internet.defer import Deferred
from zope.interface import implementer

from dwdht_twisted import Address, ICommandHandler, Request, peers
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import ResponseMessage, packAddress
from dwdht_twisted.peers.messages import Kind, PeerRequest
from tests.helpers.peer.interop import AnyNode, InteropTestCase, Probe, PythonNode
from tests.helpers.peer.process import PeerNode

TOPIC = bytes(range(64, 96))

#: The local addresses of the announcers, and that of those who look them up.
PYTHON_LOCAL = Address("192.168.1.2", 70)
JAVASCRIPT_LOCAL = Address("192.168.7.8", 71)
LOCAL = Address("192.168.5.5", 0)


class PeersTestCase(InteropTestCase):
    """
    A base for tests with nodes that keep announcements.
    """

    async def member(self, *bootstrap: AnyNode) -> PythonNode:
        """Return a Python node that keeps announcements."""
        node = await self.python(*bootstrap)
        node.register(peers.COMMAND, peers.PeerHandler(self.reactor))
        return node

    async def pythonFinds(self, node: PythonNode, local: Address | None = None) -> set[Address]:
        """Return the addresses that a Python node finds."""
        found = await peers.lookUp(node, TOPIC, localAddress=local).collect()
        self.assertEqual(len(found), len({peer.address for peer in found}))
        return {peer.address for peer in found}

    async def javaScriptFinds(self, node: PeerNode, local: Address | None = None) -> set[Address]:
        """Return the addresses that a node of ``hyperdht`` finds."""
        replies = await node.lookUp(TOPIC, localAddress=local)
        return {peer for reply in replies for peer in (*reply.peers, *reply.local)}


class NetworkTests(PeersTestCase):
    """
    Users of both kinds in mixed networks.
    """

    async def _findEachOther(self, python: int, hyper: int, isPythonBootstrap: bool) -> None:
        bootstrap: AnyNode
        if isPythonBootstrap:
            bootstrap = await self.python(ephemeral=True)
        else:
            bootstrap = await self.javaScript(hyper=True, ephemeral=True)
        for _ in range(python):
            await self.member(bootstrap)
        await self.peer.nodes(hyper, bootstrap.address(), hyper=True)
        announcer = await self.python(bootstrap, ephemeral=True)
        finder = await self.python(bootstrap, ephemeral=True)
        announcerJS = await self.javaScript(bootstrap, hyper=True, ephemeral=True)
        finderJS = await self.javaScript(bootstrap, hyper=True, ephemeral=True)

        announced = await peers.announce(announcer, TOPIC, 8080, localAddress=PYTHON_LOCAL)
        self.assertEqual(len(announced.nodes), python + hyper)
        replies = await announcerJS.announce(TOPIC, 0, JAVASCRIPT_LOCAL)
        self.assertIn(Address("127.0.0.1", 8080), {p for reply in replies for p in reply.peers})
        both = {Address("127.0.0.1", 8080), announcerJS.address()}
        local = {PYTHON_LOCAL, JAVASCRIPT_LOCAL}
        self.assertEqual(await self.pythonFinds(finder), both)
        self.assertEqual(await self.javaScriptFinds(finderJS), both)
        self.assertEqual(await self.pythonFinds(finder, LOCAL), both | local)
        self.assertEqual(await self.javaScriptFinds(finderJS, LOCAL), both | local)
        again = await peers.announce(announcer, TOPIC, 8080, localAddress=PYTHON_LOCAL)
        self.assertEqual([p.address for p in again.peers if not p.isLocal], [announcerJS.address()])

        self.assertEqual(await peers.unannounce(announcer, TOPIC, 8080), python + hyper)
        for found in (await self.pythonFinds(finder), await self.javaScriptFinds(finderJS)):
            self.assertEqual(found, {announcerJS.address()})
        await announcerJS.unannounce(TOPIC)
        for found in (await self.pythonFinds(finder), await self.javaScriptFinds(finderJS)):
            self.assertEqual(found, set())

    async def test_mostlyPython(self) -> None:
        """
        In a network of 9 Python nodes and 3 of ``hyperdht``, with a bootstrap node of
        ``hyperdht``, each kind finds what the other has announced, with its local address, until it
        is taken back.
        """
        await self._findEachOther(9, 3, isPythonBootstrap=False)

    async def test_mostlyJavaScript(self) -> None:
        """The same is true in a network of 3 and 9 nodes, with a Python bootstrap node."""
        await self._findEachOther(3, 9, isPythonBootstrap=True)

    async def test_javaScriptAlone(self) -> None:
        """The same is true of Python users in a network of ``hyperdht`` alone."""
        await self._findEachOther(0, 8, isPythonBootstrap=False)

    async def test_punch(self) -> None:
        """
        A Python user reaches an ephemeral announcer of ``hyperdht`` through the nodes of both kinds
        that named it.
        """
        bootstrap = await self.python(ephemeral=True)
        await self.member(bootstrap)
        await self.peer.nodes(1, bootstrap.address(), hyper=True)
        announcer = await self.javaScript(bootstrap, hyper=True, ephemeral=True)
        await announcer.announce(TOPIC)
        user = await self.python(bootstrap, ephemeral=True)
        (peer,) = await peers.lookUp(user, TOPIC).collect()
        pong = await user.holepunch(peer.address, peer.referrer)
        self.assertEqual(pong.contact, announcer.contact())


@implementer(ICommandHandler)
class Recorder:
    """
    A handler that records the values of requests.

    :ivar values: the values of the queries, and those of the updates
    """

    def __init__(self) -> None:
        self.values: tuple[list[bytes | None], list[bytes | None]] = ([], [])

    def queryReceived(self, request: Request) -> None:
        self.values[0].append(request.value)

    def updateReceived(self, request: Request) -> None:
        self.values[1].append(request.value)

    def take(self) -> tuple[list[bytes | None], list[bytes | None]]:
        """Return the values since the last call."""
        values, self.values = self.values, ([], [])
        return values


class BytesTests(PeersTestCase):
    """
    The raw bytes of requests and answers.
    """

    async def test_requestsAreEqual(self) -> None:
        """Each call sends the same values as that of ``hyperdht`` with the same arguments."""
        member = await self.python()
        recorder = Recorder()
        member.register(peers.COMMAND, recorder)
        user = await self.python(member, ephemeral=True)
        userJS = await self.javaScript(member, hyper=True, ephemeral=True)
        await self.waitUntilListed(member, user)
        for port in (0, 1, 127, 128, 8080, 65535):
            for local in (None, PYTHON_LOCAL):
                await peers.announce(user, TOPIC, port, localAddress=local)
                ours = recorder.take()
                await userJS.announce(TOPIC, port, local)
                self.assertEqual(ours, recorder.take())
                self.assertEqual([len(values) for values in ours], [1, 1])
            for local in (None, PYTHON_LOCAL, LOCAL):
                await peers.lookUp(user, TOPIC, port, localAddress=local).collect()
                ours = recorder.take()
                await userJS.lookUp(TOPIC, port, local)
                self.assertEqual(ours, recorder.take())
            await peers.unannounce(user, TOPIC, port)
            ours = recorder.take()
            await userJS.unannounce(TOPIC, port)
            self.assertEqual(ours, recorder.take())

    async def test_answersAreEqual(self) -> None:
        """
        Each of 300 random queries and updates from five sockets has the answer of ``hyperdht``,
        apart from the order of the peers.
        """
        random = Random(18)
        nodes = [
            (await self.member()).address(),
            (await self.javaScript(hyper=True)).address(),
        ]
        probes = [self.probe() for _ in range(5)]
        locals_ = [None, PYTHON_LOCAL, JAVASCRIPT_LOCAL, LOCAL, Address("10.0.0.1", 5)]
        sizes = set()
        for number in range(300):
            probe = random.choice(probes)
            local = random.choice(locals_)
            request = PeerRequest(
                random.choice((*Kind, *Kind, 3)),
                random.choice((0, 0, 1, 2, 8080, 9090, 65535)),
                None if local is None else packAddress(*local),
            )
            value: bytes | None = request.encode()
            if random.random() < 0.1:
                odd = (None, b"", b"\xff", b"\x10\x05", b"\x08\x00", b"\x08\x00\x1a\x05abcde")
                value = random.choice(odd)
            isUpdate = random.random() < 0.6
            ours, theirs = [await self.ask(probe, node, value, isUpdate) for node in nodes]
            self.assertEqual(_sorted(ours), _sorted(theirs), f"{number}: {request}, {value!r}")
            sizes.add(len(ours or b""))
        self.assertGreater(len(sizes), 10)

    async def ask(
        self, probe: Probe, node: Address, value: bytes | None, isUpdate: bool
    ) -> bytes | None:
        """Return the value of a node's answer to a query, or to an update that follows it."""
        answer = await self.send(probe, node, value, None)
        if isUpdate:
            answer = await self.send(probe, node, value, answer.roundtripToken)
        return answer.value

    async def send(
        self, probe: Probe, node: Address, value: bytes | None, token: bytes | None
    ) -> ResponseMessage:
        """Send a request, and return the node's answer to it."""
        self._sent = getattr(self, "_sent", 0) + 1
        body = wire.requestBody(peers.COMMAND, target=TOPIC, roundtripToken=token, value=value)
        probe.send(wire.frameRequest(self._sent, body), node)
        while True:
            waiting: Deferred[tuple[bytes, Address]] = probe.received.get()
            datagram, _ = await waiting.addTimeout(5, self.reactor)
            message = wire.decode(datagram)
            if isinstance(message, ResponseMessage) and message.transactionId == self._sent:
                return message


def _sorted(answer: bytes | None) -> tuple[bytes, list[bytes], list[bytes]] | None:
    """Return the two headers of an answer, and its entries in a fixed order."""
    if answer is None:
        return None
    size = answer[1]
    assert size < 128
    named, rest = answer[2 : 2 + size], answer[2 + size :]
    return (
        answer[:2] + rest[:2],
        sorted(named[n : n + 6] for n in range(0, size, 6)),
        sorted(rest[n : n + 4] for n in range(2, len(rest), 4)),
    )
