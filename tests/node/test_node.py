"""
Tests for `dwdht_twisted.node`: from the port to the end, subclasses, the rate limit.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred, gatherResults
from zope.interface.verify import verifyObject

from dwdht_twisted import (
    Address,
    CannotListen,
    DHTError,
    DHTNode,
    ICommandHandler,
    IDHTNode,
    InvalidAddress,
    NodeDestroyed,
    RateLimit,
    Request,
    RequestTimeout,
)
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.interfaces import HandlerResult
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, NodeTestCase
from tests.helpers.networks.peers import RawPeer


class _Unheard:
    """
    A transport that tells of closed ports.
    """

    def write(self, datagram: bytes, address: HostPort) -> None:
        """Fail, as on some systems after a datagram to a closed port."""
        raise ConnectionRefusedError

    def stopListening(self) -> None:
        """There is nothing to stop."""


class LifeTests(NodeTestCase):
    """
    From the port to the end.
    """

    def test_interfaces(self) -> None:
        """
        A node is an `IDHTNode` and an `ICommandHandler`.
        """
        node = self.node()
        verifyObject(IDHTNode, node)
        verifyObject(ICommandHandler, node)

    def test_listen(self) -> None:
        """
        A node takes the port that it is told to take.
        """
        node = self.node(listens=False)
        port = node.listen(6620)
        self.assertEqual(cast(Any, port.getHost()).port, 6620)
        self.assertEqual(node.address().port, 6620)

    def test_listenTwice(self) -> None:
        """
        A node that listens already doesn't listen again.
        """
        node = self.node(port=6620)
        with self.assertRaises(CannotListen) as caught:
            node.listen(6621)
        self.assertIn("6620", str(caught.exception))

    def test_portTaken(self) -> None:
        """
        A port that is taken is a named error, and the node can take another.
        """
        first = self.node(port=6620)
        node = DHTNode(self.network.reactor(self.addressOf(first).host))
        with self.assertRaises(CannotListen):
            node.listen(6620)
        node.listen(6621)
        self.clock.runUntil(node.destroy())

    def test_badPort(self) -> None:
        """
        A port is an integer from 0 to 65535.
        """
        node = self.node(listens=False)
        for port in (-1, 65536, "6620", 1.5, True, None):
            with self.assertRaises(InvalidAddress):
                node.listen(cast(int, port))

    def test_badInterface(self) -> None:
        """
        An interface is an IPv4 address, of this machine.
        """
        node = self.node(listens=False)
        for interface in ("localhost", "::1", "10.0.0"):
            with self.assertRaises(InvalidAddress):
                node.listen(0, interface)
        with self.assertRaises(CannotListen):
            node.listen(0, "192.0.2.1")

    def test_listensByItself(self) -> None:
        """
        A node that is used before it listens takes a free port.
        """
        other = self.node()
        uses = [
            lambda node: node.address(),
            lambda node: node.ready(),
            lambda node: node.bootstrap(),
            lambda node: node.ping(self.addressOf(other)),
            lambda node: node.query(COMMAND, bytes(32), nodes=[self.addressOf(other)]).collect(),
            lambda node: node.update(COMMAND, bytes(32)).collect().addErrback(lambda _: None),
            lambda node: node.holepunch(self.addressOf(other), self.addressOf(other)),
        ]
        for use in uses:
            node = self.node(listens=False)
            result = use(node)
            if isinstance(result, Deferred):
                self.clock.runUntil(result.addErrback(lambda reason: reason.trap(DHTError)))
            self.assertGreater(node.address().port, 0)

    def test_listenUDP(self) -> None:
        """
        A reactor's ``listenUDP`` does what ``listen`` does.
        """
        bootstrap = self.node(ephemeral=True)
        node = self.node(bootstrap=[self.addressOf(bootstrap)], listens=False)
        self.network.reactor(self._hosts[id(node)]).listenUDP(6620, node)
        self.clock.runUntil(node.ready())
        self.assertEqual(node.address().port, 6620)

    def test_portClosed(self) -> None:
        """
        A node whose port is closed under it is destroyed.
        """
        node = self.node()
        query = node.query(COMMAND, self.target(), nodes=[self.peer().address]).collect()
        assert node.transport is not None
        node.transport.stopListening()
        self.clock.runFor(0.1)
        self.failureResultOf(query, NodeDestroyed)
        with self.assertRaises(NodeDestroyed):
            node.address()

    def test_listenUDPWhenDestroyed(self) -> None:
        """
        A node that is destroyed takes no other port, and starts no timer.
        """
        node = self.node(listens=False)
        self.clock.runUntil(node.destroy())
        with self.assertRaises(NodeDestroyed):
            self.network.reactor(self._hosts[id(node)]).listenUDP(6620, node)
        self.assertEqual(self.network.ports, {})
        self.clock.runUntil(node.destroy())

    def test_portClosedWhileAnswersWait(self) -> None:
        """
        When the port is closed while an answer waits for a proof, and a handler for its result,
        nothing goes wrong.
        """
        node = self.swarm(30)[0]
        peer = self.peer(id=None)
        peer.ask(self.addressOf(node), wire.FIND_NODE, self.target())
        stubborn: Deferred[bytes] = Deferred(lambda d: d.callback(b"all the same"))
        node.register(COMMAND, Handler(lambda _: stubborn))
        peer.ask(self.addressOf(node), COMMAND, self.target())
        self.clock.runFor(0.05)
        self.assertEqual(node.counters.answersHeld, 1)
        waiting = node.ping(self.peer().address)
        assert node.transport is not None
        node.transport.stopListening()
        self.clock.runFor(1)
        self.failureResultOf(waiting, NodeDestroyed)
        self.assertEqual(peer.responses, [])

    def test_destroyWhileOneCancelsAnother(self) -> None:
        """
        ``destroy`` releases everything though what it fails cancels what else waits.
        """
        node = self.node(bootstrap=["10.9.9.9:1"])
        waiting: list[Deferred[Any]] = [node.ping(self.peer().address) for _ in range(2)]
        waiting += [node.ready() for _ in range(2)]
        for each, other in zip(waiting, reversed(waiting), strict=True):
            each.addErrback(lambda _, doomed: doomed.cancel(), other)
        self.clock.runUntil(node.destroy())
        for each in waiting:
            self.successResultOf(each)

    def test_destroy(self) -> None:
        """
        ``destroy`` in the middle of 50 queries: every Deferred fires, and no delayed call is left.
        """
        nodes = self.swarm(30)
        node = nodes[0]
        for other in nodes[1:]:
            self.clock.runUntil(other.destroy())
        waiting: list[Deferred[Any]] = []
        for number in range(50):
            ask = node.update if number % 2 else node.query
            waiting.append(ask(COMMAND, self.target()).collect())
        waiting += [node.ping(self.peer().address), node.bootstrap()]
        waiting.append(node.ping("some.where:1"))
        waiting.append(node.query(COMMAND, self.target(), nodes=["some.where:1"]).collect())
        waiting.append(node.holepunch("some.where:1", "else.where:1"))
        self.clock.runFor(0.3)
        self.network.nameLatency = 5.0
        waiting.append(node.ping("some.where:1"))
        waiting.append(node.query(COMMAND, self.target(), nodes=["some.where:1"]).collect())
        for early in waiting[52:55]:
            early.addErrback(lambda _: None)
        destroyed = node.destroy()
        for each in waiting[:52] + waiting[55:]:
            self.failureResultOf(each, NodeDestroyed)
        self.clock.runUntil(destroyed, limit=0.1)
        self.clock.runFor(6)
        self.clock.runUntil(self._nodes[0].destroy())
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_destroyTwice(self) -> None:
        """
        A node may be destroyed more than once, and before it ever listened.
        """
        for listens in (True, False):
            node = self.node(listens=listens)
            both = gatherResults([node.destroy(), node.destroy()])
            self.assertEqual(self.clock.runUntil(both), [None, None])
            self.successResultOf(node.destroy())

    def test_afterDestroy(self) -> None:
        """
        A destroyed node says so, whatever it is asked for.
        """
        node = self.node()
        self.clock.runUntil(node.destroy())
        for use in (node.address, node.listen):
            with self.assertRaises(NodeDestroyed):
                use()
        there = Address("10.9.9.9", 9)
        for result in (
            node.ready(),
            node.bootstrap(),
            node.ping(there),
            node.holepunch(there, there),
            node.query(COMMAND, self.target()).collect(),
            node.update(COMMAND, self.target(), nodes=[there]).collect(),
        ):
            self.failureResultOf(cast("Deferred[Any]", result), NodeDestroyed)

    def test_deaf(self) -> None:
        """
        A node that is being destroyed takes no more datagrams.
        """
        node = self.node()
        peer = self.peer()
        peer.ask(self.addressOf(node), wire.PING)
        node.destroy()
        node.datagramReceived(wire.frameRequest(1, wire.requestBody(wire.PING)), peer.address)
        self.clock.runFor(1)
        self.assertEqual((peer.received, node.counters.requestsReceived), ([], 0))

    def test_sendFailure(self) -> None:
        """
        What the operating system refuses to send is counted, and otherwise a lost datagram.
        """
        node = self.node(listens=False)
        node.listen(0, "127.0.0.1")
        with self.assertRaises(RequestTimeout):
            self.clock.runUntil(node.ping("10.9.9.9:9"))
        self.assertEqual(node.counters.sendFailures, 4)

    def test_closedPeer(self) -> None:
        """
        That nobody listens where a datagram went, as some systems tell, is no failure to send.
        """
        node = self.node(listens=False)
        node.makeConnection(cast(Any, _Unheard()))
        with self.assertRaises(RequestTimeout):
            self.clock.runUntil(node.ping("10.9.9.9:9"))
        self.assertEqual(node.counters.sendFailures, 0)

    def test_portZero(self) -> None:
        """
        A datagram from port 0, to which nobody can answer, is malformed, and names nobody.
        """
        node = self.node()
        body = wire.requestBody(wire.PING, self.target())
        node.datagramReceived(wire.frameRequest(1, body), ("10.9.9.9", 0))
        self.assertEqual((node.counters.malformed, node.counters.requestsReceived), (1, 0))

    def test_counters(self) -> None:
        """
        The counters are there by name, and begin with 0.
        """
        counts = self.node().counters.asDict()
        self.assertIn("requestsReceived", counts)
        self.assertEqual(set(counts.values()), {0})

    def test_ownFault(self) -> None:
        """
        A fault of the node's own costs one datagram: it is logged, and the node goes on.
        """

        class Faulty(DHTNode):
            def _takesUpdates(self, command: str) -> bool:
                raise ZeroDivisionError

        node = self.node(kind=Faulty)
        peer = self.peer(answers="pong")
        peer.ask(self.addressOf(node), COMMAND, self.target())
        self.clock.runFor(1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        peer.ask(self.addressOf(node), wire.PING)
        self.clock.runFor(1)
        self.assertEqual(len(peer.responses), 1)


class SubclassTests(NodeTestCase):
    """
    A node handles commands itself, and a subclass may do it otherwise.
    """

    def ask(self, kind: type[DHTNode]) -> tuple[DHTNode, list[bytes | None]]:
        """The values that a node of this class gives to an update with its query."""
        node = self.node(kind=kind)
        node.register("other", Handler(lambda _: b"registered", lambda _: b"registered"))
        asker = self.node(ephemeral=True)
        stream = asker.update(
            COMMAND, self.target(), b"x", nodes=[self.addressOf(node)], query=True
        ).collect()
        return node, [reply.value for reply in self.clock.runUntil(stream)]

    def test_both(self) -> None:
        """
        A subclass may override both methods, and needs no registered handler for updates.
        """

        class Own(DHTNode):
            def queryReceived(self, request: Request) -> HandlerResult:
                return b"query " + (request.value or b"")

            def updateReceived(self, request: Request) -> HandlerResult:
                return b"update " + (request.value or b"")

        _, values = self.ask(Own)
        self.assertEqual(values, [b"query x", b"update x"])

    def test_superclass(self) -> None:
        """
        A subclass may leave what isn't its own to the registered handlers.
        """

        class Own(DHTNode):
            def updateReceived(self, request: Request) -> HandlerResult:
                if request.command == COMMAND:
                    return b"own"
                return super().updateReceived(request)

        node, values = self.ask(Own)
        self.assertEqual(values, [None, b"own"])
        asker = self.node(ephemeral=True)
        replies = asker.update("other", self.target(), nodes=[self.addressOf(node)]).collect()
        self.assertEqual([r.value for r in self.clock.runUntil(replies)], [b"registered"])

    def test_asHandler(self) -> None:
        """
        One node may hand its requests to another as to any handler.
        """
        back = self.node()
        back.register(COMMAND, Handler(lambda _: b"from behind"))
        front = self.node()
        front.register(None, back)
        [reply] = self.collect(self.node(), self.target(), nodes=[self.addressOf(front)])
        self.assertEqual(reply.value, b"from behind")


class RateLimitTests(NodeTestCase):
    """
    ``rateLimit``: how many requests of one host are served.
    """

    def flood(self, node: DHTNode, count: int, host: str = "10.5.5.5") -> RawPeer:
        """Have a host send so many pings at once."""
        peer = self.peer(host, id=None)
        for _ in range(count):
            peer.ask(self.addressOf(node), wire.PING)
        self.clock.runFor(0.1)
        return peer

    def test_burst(self) -> None:
        """
        A host is served a burst, then nothing until time has passed; others are served meanwhile.
        """
        node = self.node()
        peer = self.flood(node, 1000)
        self.assertEqual(len(peer.responses), 300)
        self.assertEqual(node.counters.rateLimited, 700)
        self.assertEqual(len(self.flood(node, 10, "10.6.6.6").responses), 10)
        self.clock.runFor(0.8)
        self.assertEqual(len(self.flood(node, 1000).responses), 100)

    def test_number(self) -> None:
        """
        A number is a rate in requests a second, with three times that at once.
        """
        self.assertEqual(len(self.flood(self.node(rateLimit=5), 100).responses), 15)

    def test_none(self) -> None:
        """
        Without a limit everything is served.
        """
        self.assertEqual(len(self.flood(self.node(rateLimit=None), 1000).responses), 1000)

    def test_loopback(self) -> None:
        """
        This machine's own addresses are exempt, unless the limit says otherwise.
        """
        for limit, served in ((RateLimit(5, 15), 100), (5, 15), (RateLimit(5, 15, True), 15)):
            reactor = self.network.reactor()
            node = self.node(reactor=reactor, rateLimit=limit)
            peer = self.peer(reactor.host, id=None)
            for _ in range(100):
                peer.ask(("127.0.0.1", node.address().port), wire.PING)
            self.clock.runFor(0.1)
            self.assertEqual(len(peer.responses), served)

    def test_answers(self) -> None:
        """
        Answers that are waited for don't count, however many come from one host: nobody can
        silence a host by sending in its name.
        """
        node = self.node(rateLimit=1)
        host = "10.5.5.5"
        good = self.node(host)
        self.flood(node, 100, host)
        ping = node.ping(self.addressOf(good))
        self.clock.runUntil(ping, limit=0.1)
