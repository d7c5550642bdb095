"""
Tests for `dwdht_twisted.values`.
"""

from __future__ import annotations

from hashlib import sha256

from twisted.internet.defer import CancelledError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from dwdht_twisted import Contact, DHTNode, ICommandHandler, Request, values
from dwdht_twisted.errors import (
    InvalidTarget,
    NoCloseNodes,
    NoResponse,
    ValueNotFound,
    ValueTooLarge,
)
from dwdht_twisted.testing import HostReactor, MemoryNetwork, SimulatedClock
from dwdht_twisted.values import MemoryStore
from tests.helpers.networks.values import MAXIMUM_AGE, ValueNetwork

STRANGER = Contact(None, "10.9.9.9", 4000)


def request(key: bytes, value: bytes | None) -> Request:
    """A request as the network may send it."""
    return Request(values.COMMAND, key, value, STRANGER)


class ValueHandlerTests(SynchronousTestCase):
    """
    Tests for `values.ValueHandler`.
    """

    def setUp(self) -> None:
        self.store = MemoryStore(SimulatedClock().seconds)
        self.handler = values.ValueHandler(self.store)

    def test_interface(self) -> None:
        """It provides `ICommandHandler`."""
        verifyObject(ICommandHandler, self.handler)

    def test_kept(self) -> None:
        """A value that comes under its own key is kept, and given to who asks."""
        key = values.keyOf(b"value")
        self.assertIsNone(self.handler.updateReceived(request(key, b"value")))
        self.assertEqual(self.handler.queryReceived(request(key, None)), b"value")

    def test_unknown(self) -> None:
        """Who asks for a value that isn't here is answered without one."""
        self.assertIsNone(self.handler.queryReceived(request(values.keyOf(b"value"), None)))

    def test_queryStoresNothing(self) -> None:
        """A query that carries a value stores nothing, for its sender may be forged."""
        self.handler.queryReceived(request(values.keyOf(b"value"), b"value"))
        self.assertEqual(len(self.store), 0)

    def test_wrongKey(self) -> None:
        """A value under a key that isn't its hash is left out without a word."""
        self.assertIsNone(self.handler.updateReceived(request(bytes(32), b"value")))
        self.assertEqual(len(self.store), 0)

    def test_noValue(self) -> None:
        """An update without a value is left out without a word."""
        self.assertIsNone(self.handler.updateReceived(request(bytes(32), None)))
        self.assertEqual(len(self.store), 0)

    def test_limit(self) -> None:
        """A value of 1,000 bytes is kept, and one of 1,001 is left out without a word."""
        for size in (1000, 1001):
            value = b"x" * size
            self.assertIsNone(self.handler.updateReceived(request(values.keyOf(value), value)))
        self.assertEqual(len(self.store), 1)
        self.assertEqual(self.store.get(values.keyOf(b"x" * 1000)), b"x" * 1000)

    def test_keyIsSHA256(self) -> None:
        """The key of a value is its SHA-256."""
        self.assertEqual(values.keyOf(b"value"), sha256(b"value").digest())


@implementer(ICommandHandler)
class Liar:
    """
    A handler that claims to take every value, and gives a wrong one.
    """

    def __init__(self) -> None:
        self.queries = 0

    def queryReceived(self, request: Request) -> bytes:
        """Lie."""
        self.queries += 1
        return b"not what you asked for"

    def updateReceived(self, request: Request) -> None:
        """Take it, and forget it."""


class NetworkTests(SynchronousTestCase):
    """
    Putting and getting on a network of 40 nodes.
    """

    def setUp(self) -> None:
        self.network = ValueNetwork(40)
        self.clock = self.network.clock

    def test_putAndGet(self) -> None:
        """A value that one node puts is kept by the 20 closest, and another node gets it."""
        key = self.clock.runUntil(values.put(self.network.visitor(), b"value"))
        self.assertEqual(key, values.keyOf(b"value"))
        self.assertEqual(self.network.holders(key), set(self.network.closest(key)))
        found = self.clock.runUntil(values.get(self.network.visitor(), key))
        self.assertEqual(found, b"value")

    def test_stopsAtFirst(self) -> None:
        """Getting stops the query at the first valid value."""
        key = self.clock.runUntil(values.put(self.network.visitor(), b"value"))
        asker = self.network.visitor()
        self.clock.runUntil(asker.ready())
        before = self.network.asked()
        self.clock.runUntil(asker.query(values.COMMAND, key).collect())
        withoutStopping = self.network.asked() - before
        self.clock.runUntil(values.get(asker, key))
        self.clock.runFor(1)
        self.assertLess(self.network.asked() - before - withoutStopping, withoutStopping)

    def test_own(self) -> None:
        """A value that the node itself keeps is found at once, and nobody else is asked."""
        key = self.clock.runUntil(values.put(self.network.visitor(), b"value"))
        asked = self.network.asked()
        for node in self.network.members:
            if node.id in self.network.closest(key):
                self.assertEqual(self.successResultOf(values.get(node, key)), b"value")
        self.assertEqual(self.network.asked(), asked + 20)

    def test_liars(self) -> None:
        """A wrong value is passed over, and the right one found."""
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

    def test_onlyLies(self) -> None:
        """Where every value is wrong, none is found."""
        for node in self.network.members:
            node.unregister(values.COMMAND)
            node.register(values.COMMAND, Liar())
        getting = values.get(self.network.visitor(), values.keyOf(b"value"))
        with self.assertRaises(ValueNotFound):
            self.clock.runUntil(getting)

    def test_notFound(self) -> None:
        """A value that nobody has isn't found, and the error names the key."""
        key = values.keyOf(b"nobody has put this")
        with self.assertRaisesRegex(ValueNotFound, key.hex()):
            self.clock.runUntil(values.get(self.network.visitor(), key))

    def test_empty(self) -> None:
        """A value of no bytes can be put and got."""
        key = self.clock.runUntil(values.put(self.network.visitor(), b""))
        self.assertEqual(self.clock.runUntil(values.get(self.network.visitor(), key)), b"")

    def test_age(self) -> None:
        """A value is gone when it reaches the stores' maximum age, unless it was put again."""
        node = self.network.visitor()
        lost = self.clock.runUntil(values.put(node, b"lost"))
        renewed = self.clock.runUntil(values.put(node, b"renewed"))
        self.clock.runFor(MAXIMUM_AGE - 5)
        self.clock.runUntil(values.put(node, b"renewed"))
        self.clock.runFor(10)
        self.assertEqual(self.clock.runUntil(values.get(node, renewed)), b"renewed")
        with self.assertRaises(ValueNotFound):
            self.clock.runUntil(values.get(node, lost))

    def test_cancel(self) -> None:
        """Cancelling ends the query: nothing is sent any more."""
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


class AloneTests(SynchronousTestCase):
    """
    Putting and getting where nobody answers.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock)
        self.node = DHTNode(self.network.reactor(), bootstrap=["10.0.0.99:6620"])

    def test_put(self) -> None:
        """Putting fails when no node answers."""
        with self.assertRaises(NoResponse):
            self.clock.runUntil(values.put(self.node, b"value"))

    def keeper(self, bootstrap: str = "", reactor: HostReactor | None = None) -> DHTNode:
        """A member that keeps values."""
        node = DHTNode(
            reactor or self.network.reactor(), bootstrap=bootstrap or (), random=self.network.random
        )
        node.register(values.COMMAND, values.ValueHandler(MemoryStore(self.clock.seconds)))
        return node

    def assertKeepsItself(self, node: DHTNode) -> None:
        """What is put through a node is found there."""
        key = self.clock.runUntil(values.put(node, b"value"))
        self.assertEqual(self.successResultOf(values.get(node, key)), b"value")

    def assertKeepsNothing(self, node: DHTNode) -> None:
        """What was put through a node isn't there."""
        handler = ICommandHandler(node)
        self.assertIsNone(handler.queryReceived(request(values.keyOf(b"value"), None)))

    def test_putWithoutNetwork(self) -> None:
        """A node that has nobody to ask keeps what is put through it, if it keeps values."""
        self.assertKeepsItself(self.keeper())
        with self.assertRaises(NoResponse):
            self.clock.runUntil(values.put(DHTNode(self.network.reactor()), b"value"))

    def test_putOnTheOnlyMember(self) -> None:
        """So does the only member of a network whose bootstrap node knows nobody else."""
        DHTNode(self.network.reactor("10.0.0.99"), ephemeral=True).listen(6620)
        self.assertKeepsItself(self.keeper("10.0.0.99:6620"))

    def test_putWithoutJoining(self) -> None:
        """A node that doesn't reach its network fails to put, and keeps nothing for itself."""
        node = self.keeper("10.0.0.99:6620")
        with self.assertRaises(NoResponse):
            self.clock.runUntil(values.put(node, b"value"))
        self.assertKeepsNothing(node)

    def test_putWhenAllAreGone(self) -> None:
        """Neither does one whose network has gone away."""
        first = self.keeper(reactor=self.network.reactor("10.0.0.99"))
        first.listen(6620)
        node = self.keeper("10.0.0.99:6620")
        self.clock.runUntil(node.ready())
        self.clock.runUntil(first.destroy())
        with self.assertRaises(NoResponse):
            self.clock.runUntil(values.put(node, b"value"))
        self.assertKeepsNothing(node)

    def test_putWhereAllRefuse(self) -> None:
        """Where others are and none takes a value, putting fails, and nothing is kept."""
        DHTNode(self.network.reactor("10.0.0.99"), random=self.network.random).listen(6620)
        node = self.keeper("10.0.0.99:6620")
        self.clock.runUntil(node.ready())
        with self.assertRaises(NoCloseNodes):
            self.clock.runUntil(values.put(node, b"value"))
        self.assertKeepsNothing(node)

    def test_putWhenOthersCome(self) -> None:
        """A node that finds its network only after nobody answered fails to put, too."""
        node = self.keeper("10.0.0.99:6620")
        putting = values.put(node, b"value")
        self.clock.runUntil(node.ready().addErrback(lambda failure: failure.trap(NoResponse)))
        self.assertNoResult(putting)
        self.keeper(reactor=self.network.reactor("10.0.0.99")).listen(6620)
        with self.assertRaises(NoResponse):
            self.clock.runUntil(putting)
        self.assertEqual(len(node.contacts()), 1)
        self.assertKeepsNothing(node)

    def test_get(self) -> None:
        """Getting fails when no node answers, and doesn't claim that nobody has the value."""
        with self.assertRaises(NoResponse):
            self.clock.runUntil(values.get(self.node, bytes(32)))

    def test_tooLarge(self) -> None:
        """A value over 1,000 bytes is refused at once, with both sizes."""
        with self.assertRaisesRegex(ValueTooLarge, "up to 1000 bytes, and this one has 1001"):
            values.put(self.node, b"x" * 1001)

    def test_notBytes(self) -> None:
        """A value that isn't bytes is refused at once."""
        with self.assertRaisesRegex(TypeError, "must be bytes, not str"):
            values.put(self.node, "text")  # type: ignore[arg-type]

    def test_badKey(self) -> None:
        """A key of 31 bytes is refused at once."""
        with self.assertRaisesRegex(InvalidTarget, "a key must be 32 bytes, not 31"):
            values.get(self.node, bytes(31))
