"""
The functions `values.put` and `values.get`.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred, fail
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from dwdht_twisted import DHTNode, ICommandHandler, Request, peers, values
from dwdht_twisted.errors import InvalidTarget, StoreFailed, ValueNotFound, ValueTooLarge
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from tests.helpers.networks.values import MAXIMUM_AGE, ValueNetwork


@implementer(ICommandHandler)
class Liar:
    """
    A handler that accepts every value without storing it, and answers queries with a wrong value.

    :ivar queries: the number of answered queries
    """

    def __init__(self) -> None:
        self.queries = 0

    def queryReceived(self, request: Request) -> bytes:
        """Answer with a wrong value."""
        self.queries += 1
        return b"not what you asked for"

    def updateReceived(self, request: Request) -> None:
        """Accept the value without storing it."""


class NetworkTests(SynchronousTestCase):
    """
    `values.put` and `values.get` in a network of 40 nodes.
    """

    def setUp(self) -> None:
        self.network = ValueNetwork(40)
        self.clock = self.network.clock

    def test_getFindsWhatPutStored(self) -> None:
        """
        A put stores a value on the 20 nodes closest to its key. A get by another node finds it.
        """
        key = self.clock.runUntil(values.put(self.network.visitor(), b"value"))
        self.assertEqual(key, values.keyOf(b"value"))
        self.assertEqual(self.network.holders(key), set(self.network.closest(key)))
        found = self.clock.runUntil(values.get(self.network.visitor(), key))
        self.assertEqual(found, b"value")

    def test_getFindsAValueThatFewNodesKeep(self) -> None:
        """
        Of 100 nodes, 5 keep values and announcements. Each of 30 values that were put is found, and
        each of 30 topics that were announced names its peer.
        """
        network = MemoryNetwork(self.clock, seed=6, latency=0.04)
        nodes: list[DHTNode] = []
        for number in range(100):
            host = network.reactor(f"20.0.{number}.1")
            node = DHTNode(host, bootstrap=["20.0.0.1:6620"] if nodes else [])
            if number % 20 == 5:
                node.register(values.COMMAND, values.ValueHandler(values.MemoryStore(host)))
                node.register(peers.COMMAND, peers.PeerHandler(host))
            node.listen(6620)
            self.clock.runUntil(node.ready())
            nodes.append(node)
        writer, reader = nodes[1], nodes[2]
        for number in range(30):
            key = self.clock.runUntil(values.put(writer, b"%d" % number))
            self.assertEqual(self.clock.runUntil(values.get(reader, key)), b"%d" % number)
            self.clock.runUntil(peers.announce(writer, str(number), 80))
            found = self.clock.runUntil(peers.lookUp(reader, str(number)).collect())
            self.assertEqual({peer.address.port for peer in found}, {80})

    def test_getStopsAtTheFirstValue(self) -> None:
        """A get asks fewer nodes than a complete query."""
        key = self.clock.runUntil(values.put(self.network.visitor(), b"value"))
        asker = self.network.visitor()
        self.clock.runUntil(asker.ready())
        before = self.network.asked()
        self.clock.runUntil(asker.query(values.COMMAND, key).collect())
        withoutStopping = self.network.asked() - before
        self.clock.runUntil(values.get(asker, key))
        self.clock.runFor(1)
        self.assertLess(self.network.asked() - before - withoutStopping, withoutStopping)

    def test_ownValueIsFoundAtOnce(self) -> None:
        """
        A get on one of the 5 nodes closest to the key finds the value in the node's own store,
        without an answer from another node. A get on one of the next 15 nodes needs at most one
        answer from another node.
        """
        key = self.clock.runUntil(values.put(self.network.visitor(), b"value"))
        for place, id in enumerate(self.network.closest(key)):
            [node] = [each for each in self.network.members if each.id == id]
            received = node.counters.responsesReceived
            self.assertEqual(self.clock.runUntil(values.get(node, key)), b"value")
            answers = node.counters.responsesReceived - received
            self.assertLessEqual(answers, 0 if place < 5 else 1, f"place {place}")

    def test_putStoresOnThe20ClosestWithTheNodeItself(self) -> None:
        """
        A member's put stores the value on exactly the 20 members closest to its key. The member
        itself may be one of them.
        """
        wasAmongThem = set()
        for number in range(12):
            node = self.network.members[number]
            key = self.clock.runUntil(values.put(node, b"value of %d" % number))
            closest = set(self.network.closest(key))
            self.assertEqual(self.network.holders(key), closest)
            wasAmongThem.add(node.id in closest)
        self.assertEqual(wasAmongThem, {True, False})

    def test_putSendsTheNodeItselfNoDatagram(self) -> None:
        """A member's put and get send no datagram to the member itself."""
        addresses = set()
        self.network.network.onDatagram = lambda source, to, datagram: addresses.add((source, to))
        for number in range(5):
            node = self.network.members[number]
            key = self.clock.runUntil(values.put(node, b"value of %d" % number))
            self.clock.runUntil(values.get(node, key))
        self.assertGreater(len(addresses), 100)
        self.assertEqual([pair for pair in addresses if pair[0][0] == pair[1][0]], [])

    def test_getSurvivesItsOwnStore(self) -> None:
        """A get on a member with a failing store finds the value on other nodes."""
        key = self.clock.runUntil(values.put(self.network.visitor(), b"value"))
        (node,) = [each for each in self.network.members if each.id == self.network.closest(key)[0]]

        def fail(key: bytes) -> None:
            raise StoreFailed("the disk is gone")

        self.patch(self.network.stores[node.id], "get", fail)
        self.assertEqual(self.clock.runUntil(values.get(node, key)), b"value")

    def test_getSurvivesAnyErrorOfItsOwnStore(self) -> None:
        """
        A get finds the value on other nodes within 1 second in each of four cases: the node's own
        store raises an exception, returns a failed Deferred, returns a Deferred that never fires,
        or returns text.
        """
        key = self.clock.runUntil(values.put(self.network.visitor(), b"value"))
        [node] = [each for each in self.network.members if each.id == self.network.closest(key)[0]]

        def raises(key: bytes) -> None:
            raise ZeroDivisionError

        results: list[Callable[[bytes], object]] = [
            raises,
            lambda key: fail(ZeroDivisionError()),
            lambda key: Deferred(),
            lambda key: "text",
        ]
        for get in results:
            self.patch(self.network.stores[node.id], "get", get)
            self.assertEqual(self.clock.runUntil(values.get(node, key), limit=1), b"value")
        # The three failures are of different classes or at different places, so each is logged.
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError, TypeError)), 3)
        self.assertEqual(node.counters.handlerFailures, 3)

    def test_wrongValuesAreSkipped(self) -> None:
        """A get finds the value although 10 of the 20 closest nodes answer with a wrong one."""
        key = values.keyOf(b"value")
        liars = []
        for node in self.network.members:
            if node.id in self.network.closest(key)[:10]:
                node.unregister(values.COMMAND)
                liars.append(Liar())
                node.register(values.COMMAND, liars[-1])
        self.clock.runUntil(values.put(self.network.visitor(), b"value"))
        found = self.clock.runUntil(values.get(self.network.visitor(), key))
        self.assertEqual(found, b"value")
        self.assertGreater(sum(liar.queries for liar in liars), 0)

    def test_onlyWrongValuesFail(self) -> None:
        """A get fails with ValueNotFound if every node answers with a wrong value."""
        for node in self.network.members:
            node.unregister(values.COMMAND)
            node.register(values.COMMAND, Liar())
        getting = values.get(self.network.visitor(), values.keyOf(b"value"))
        with self.assertRaises(ValueNotFound):
            self.clock.runUntil(getting)

    def test_missingValueFailsWithItsKey(self) -> None:
        """
        A get of a value that no node holds fails with ValueNotFound. The error contains the key.
        """
        key = values.keyOf(b"nobody has put this")
        with self.assertRaisesRegex(ValueNotFound, key.hex()):
            self.clock.runUntil(values.get(self.network.visitor(), key))

    def test_emptyValueIsFound(self) -> None:
        """An empty value can be put and got."""
        key = self.clock.runUntil(values.put(self.network.visitor(), b""))
        self.assertEqual(self.clock.runUntil(values.get(self.network.visitor(), key)), b"")

    def test_valueExpiresUnlessPutAgain(self) -> None:
        """
        A value is deleted after the maximum age of the stores, 60 seconds. A second put of the
        value renews its age.
        """
        node = self.network.visitor()
        lost = self.clock.runUntil(values.put(node, b"lost"))
        renewed = self.clock.runUntil(values.put(node, b"renewed"))
        self.clock.runFor(MAXIMUM_AGE - 5)
        self.clock.runUntil(values.put(node, b"renewed"))
        self.clock.runFor(10)
        self.assertEqual(self.clock.runUntil(values.get(node, renewed)), b"renewed")
        with self.assertRaises(ValueNotFound):
            self.clock.runUntil(values.get(node, lost))

    def test_cancelStopsSending(self) -> None:
        """After a get and a put were cancelled, the node sends no more datagrams."""
        key = self.clock.runUntil(values.put(self.network.visitor(), b"value"))
        reactor = self.network.reactor()
        asker = self.network.visitor(reactor)
        self.clock.runUntil(asker.ready())
        for work in (values.get(asker, key), values.put(asker, b"value")):
            self.clock.runFor(0.001)
            work.cancel()
            self.failureResultOf(work, CancelledError)
        senders = set()
        self.network.network.onDatagram = lambda source, _, datagram: senders.add(source[0])
        self.clock.runFor(1)
        self.assertGreater(len(senders), 0)
        self.assertNotIn(reactor.host, senders)


class ArgumentTests(SynchronousTestCase):
    """
    Arguments that raise an exception at once.
    """

    def setUp(self) -> None:
        self.node = DHTNode(MemoryNetwork(SimulatedClock()).reactor())

    def test_tooLargeValueIsRefused(self) -> None:
        """A value of 1,001 bytes raises ValueTooLarge with its size and the limit."""
        with self.assertRaisesRegex(ValueTooLarge, "up to 1000 bytes, and this one has 1001"):
            values.put(self.node, b"x" * 1001)

    def test_textIsRefused(self) -> None:
        """A value that isn't bytes raises TypeError with its type."""
        with self.assertRaisesRegex(TypeError, "must be bytes, not str"):
            values.put(self.node, "text")  # type: ignore[arg-type]

    def test_shortKeyIsRefused(self) -> None:
        """A key of 31 bytes raises InvalidTarget with its size."""
        with self.assertRaisesRegex(InvalidTarget, "a key must be 32 bytes, not 31"):
            values.get(self.node, bytes(31))
