"""
Arguments of `DHTNode` and its methods: refused values and accepted forms.
"""

from __future__ import annotations

import re
from typing import Any, cast

from dwdht_twisted import (
    Address,
    Contact,
    DHTNode,
    DHTService,
    InvalidAddress,
    InvalidCommand,
    InvalidTarget,
    RateLimit,
    ValueTooLarge,
)
from dwdht_twisted._core import wire
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, NodeTestCase


class ArgumentTests(NodeTestCase):
    """
    Arguments that are refused at once, before any datagram is sent.
    """

    def setUp(self) -> None:
        super().setUp()
        self.asker = self.node()

    def tearDown(self) -> None:
        self.assertEqual(self.sent, [])

    def test_targetOfTheWrongSizeOrTypeIsRefused(self) -> None:
        """
        A target of 31 bytes raises `InvalidTarget` with the size. A target that isn't bytes raises
        it too.
        """
        for ask in (self.asker.query, self.asker.update):
            with self.assertRaises(InvalidTarget) as caught:
                ask(COMMAND, bytes(31))
            self.assertEqual(str(caught.exception), "target must be 32 bytes, not 31")
            with self.assertRaises(InvalidTarget):
                ask(COMMAND, cast(bytes, "a" * 32))

    def test_idOfTheWrongSizeOrTypeIsRefused(self) -> None:
        """An own id of the wrong size or type raises `InvalidTarget`."""
        for id in (b"short", bytes(33), "a" * 32):
            with self.assertRaises(InvalidTarget):
                DHTNode(self.network.reactor(), id=cast(bytes, id))

    def test_badBootstrapAddressIsRefused(self) -> None:
        """
        A bootstrap address raises `InvalidAddress` unless it has a host name and a port from 1 to
        65535.
        """
        for given in (
            "host:0",
            "host:65536",
            "host:x",
            ["host:1", "a b:1"],
            0,
            [True],
            [("a", "b")],
        ):
            with self.assertRaises(InvalidAddress):
                DHTNode(self.network.reactor(), bootstrap=cast(Any, given))

    def test_partsOfAnAddressAreRefused(self) -> None:
        """
        These raise `InvalidAddress`: bytes, a mapping whose keys are not exactly host and port, and
        a set whose members are not whole addresses. The error shows the argument and the allowed
        forms.
        """
        for part in (
            b"example.com:4224",
            bytearray(b"example.com:4224"),
            {"example.com": 4224},
            {"host": "example.com"},
            {"host": "example.com", "port": 4224, "name": "one"},
            {"example.com", 4224},
        ):
            for given in (part, [part], ["example.com:1", part]):
                wrong = cast(Any, given)
                for use in (
                    lambda wrong: DHTNode(self.network.reactor(), bootstrap=wrong),
                    lambda wrong: DHTService(self.network.reactor(), bootstrap=wrong),
                    lambda wrong: self.asker.query(COMMAND, bytes(32), nodes=wrong),
                    lambda wrong: self.asker.update(COMMAND, bytes(32), nodes=wrong),
                ):
                    with self.assertRaises(InvalidAddress) as caught:
                        use(wrong)
                    self.assertIn(repr(part), str(caught.exception))
                    self.assertIn("HOST:PORT", str(caught.exception))
            with self.assertRaises(InvalidAddress):
                self.asker.ping(cast(Any, part))

    def test_badContactIsRefused(self) -> None:
        """
        A contact without an id of 32 bytes raises `InvalidTarget`. A contact without a numeric
        address raises `InvalidAddress`.
        """
        for contact in (Contact(None, "10.0.0.1", 1), Contact(b"short", "10.0.0.1", 1)):
            with self.assertRaises(InvalidTarget):
                DHTNode(self.network.reactor(), contacts=[contact])
        with self.assertRaises(InvalidAddress):
            DHTNode(self.network.reactor(), contacts=[Contact(bytes(32), "10.0.0.1", 0)])
        with self.assertRaises(InvalidAddress):
            DHTNode(self.network.reactor(), contacts=[Contact(bytes(32), "localhost", 1)])

    def test_badAddressIsRefused(self) -> None:
        """A bad address passed to a ping, a hole punch or a query raises `InvalidAddress`."""
        good = Address("10.0.0.1", 1)
        for bad in (("10.0.0.1", 0), "10.0.0.1:99999", ":", None, ("10.0.0.1",), 1.5):
            wrong = cast(Any, bad)
            with self.assertRaises(InvalidAddress):
                self.asker.ping(wrong)
            with self.assertRaises(InvalidAddress):
                self.asker.holepunch(wrong, good)
            with self.assertRaises(InvalidAddress):
                self.asker.holepunch(good, wrong)
            with self.assertRaises(InvalidAddress):
                self.asker.query(COMMAND, bytes(32), nodes=[good, wrong])

    def test_badCommandIsRefused(self) -> None:
        """
        A command raises `InvalidCommand` if it is empty, isn't text or belongs to the protocol
        itself.
        """
        for command in ("", "_ping", "_find_node", b"test", None):
            wrong = cast(str, command)
            with self.assertRaises(InvalidCommand):
                self.asker.query(wrong, bytes(32))
            with self.assertRaises(InvalidCommand):
                self.asker.update(wrong, bytes(32))
            if command is not None:
                with self.assertRaises(InvalidCommand):
                    self.asker.register(wrong, Handler())

    def test_valueThatIsNotBytesIsRefused(self) -> None:
        """
        A value that is neither bytes nor None raises ``ValueError``.
        """
        for value in ("text", 1, [b"x"]):
            with self.assertRaises(ValueError):
                self.asker.query(COMMAND, bytes(32), cast(bytes, value))

    def test_valueTooLargeForADatagramIsRefused(self) -> None:
        """
        A value that doesn't fit in a datagram raises `ValueTooLarge` with the limit. A value that
        is 50 bytes smaller is accepted.
        """
        for ask in (self.asker.query, self.asker.update):
            with self.assertRaises(ValueTooLarge) as caught:
                ask(COMMAND, bytes(32), bytes(wire.MAX_DATAGRAM_BYTES - 100))
            self.assertIn(str(wire.MAX_DATAGRAM_BYTES), str(caught.exception))
            ask(COMMAND, bytes(32), bytes(wire.MAX_DATAGRAM_BYTES - 150))

    def test_largestValueFillsADatagram(self) -> None:
        """
        A value is accepted if its request has exactly 65,507 bytes, the number
        `MAX_DATAGRAM_BYTES`. A value that is one byte larger is refused.
        """
        most = wire.MAX_DATAGRAM_BYTES
        for ask in (self.asker.query, self.asker.update):
            with self.assertRaises(ValueTooLarge) as caught:
                ask(COMMAND, bytes(32), bytes(most))
            [size] = re.findall(r"would have (\d+) bytes", str(caught.exception))
            largest = most - (int(size) - most)
            ask(COMMAND, bytes(32), bytes(largest))
            with self.assertRaises(ValueTooLarge):
                ask(COMMAND, bytes(32), bytes(largest + 1))

    def test_commandTakesOneHandler(self) -> None:
        """
        Registering a plain function or a second handler raises ``ValueError``. Unregistering a
        command twice raises ``KeyError``.
        """
        with self.assertRaises(ValueError):
            self.asker.register(COMMAND, cast(Any, lambda request: None))
        self.asker.register(COMMAND, Handler())
        with self.assertRaises(ValueError):
            self.asker.register(COMMAND, Handler())
        self.asker.unregister(COMMAND)
        with self.assertRaises(KeyError):
            self.asker.unregister(COMMAND)
        self.asker.register(COMMAND, Handler())

    def test_rateLimitWithoutAnyRequestIsRefused(self) -> None:
        """A rate limit that would let no request through raises ``ValueError``."""
        for limit in (0, -1, float("nan"), RateLimit(rate=0), RateLimit(burst=0)):
            with self.assertRaises(ValueError):
                DHTNode(self.network.reactor(), rateLimit=limit)

    def test_contactsPerHostOutsideOfItsRangeIsRefused(self) -> None:
        """
        ``contactsPerHost`` raises ``ValueError`` unless it is a whole number from 1 to 65,535.
        """
        for count in (0, -1, 65536, 1.5, True, "4", None):
            with self.assertRaises(ValueError):
                DHTNode(self.network.reactor(), contactsPerHost=cast(Any, count))
        for count in (1, 65535):
            DHTNode(self.network.reactor(), contactsPerHost=count)


class FormTests(NodeTestCase):
    """
    Accepted forms of arguments.
    """

    def test_bootstrapTakesOneAddress(self) -> None:
        """
        ``bootstrap`` accepts a single address: text, a port number on this machine, or an
        `Address`.
        """
        here = self.network.reactor("10.1.1.1")
        bootstrap = self.node(ephemeral=True, reactor=here, port=7000)
        for given in ("10.1.1.1:7000", 7000, "localhost:7000", Address("10.1.1.1", 7000)):
            node = self.node(reactor=here, bootstrap=given)
            self.clock.runUntil(node.ready())
        self.assertGreater(bootstrap.counters.requestsReceived, 3)

    def test_nodesTakesOneAddress(self) -> None:
        """``nodes`` accepts a single address: text, an `Address`, or a `Contact`."""
        other = self.node("10.1.1.1", port=7000)
        asker = self.node()
        for given in ("10.1.1.1:7000", self.addressOf(other), self.contactOf(other)):
            [reply] = self.collect(asker, self.target(), nodes=given)
            self.assertEqual(reply.node, self.contactOf(other))

    def test_mappingOfHostAndPortIsTaken(self) -> None:
        """
        A mapping with a host and a port is accepted as an address, alone and in a list. This holds
        for bootstrap nodes, ``nodes`` and pings.
        """
        other = self.node("10.1.1.1", port=7000)
        there: dict[str, str | int] = {"host": "10.1.1.1", "port": 7000}
        forms: list[Any] = [there, [there], ["10.9.9.9:9", there]]
        for given in forms:
            node = self.node(bootstrap=given)
            self.clock.runUntil(node.ready())
            [reply] = self.collect(node, self.target(), nodes=[there])
            self.assertEqual(reply.node, self.contactOf(other))
            service = DHTService(self.network.reactor(), bootstrap=given)
            service.startService()
            self.clock.runUntil(service.node.ready())
            self.assertIn(self.contactOf(other), service.node.contacts())
            self.clock.runUntil(service.stopService())
        [reply] = self.collect(node, self.target(), nodes=there)
        self.assertEqual(reply.node, self.contactOf(other))
        pong = self.clock.runUntil(node.ping(there))
        self.assertEqual(pong.contact, self.contactOf(other))
        pong = self.clock.runUntil(node.holepunch(there, there))
        self.assertEqual(pong.contact, self.contactOf(other))

    def test_bytesLikeObjectsAreTaken(self) -> None:
        """Targets, ids and values may be any bytes-like objects."""
        handler = Handler()
        other = self.node(id=cast(bytes, bytearray(32)))
        other.register(COMMAND, handler)
        asker = self.node()
        target = cast(bytes, memoryview(self.target()))
        self.collect(asker, target, value=bytearray(b"x"), nodes=[self.addressOf(other)])
        [request] = handler.queries
        self.assertEqual((request.target, request.value), (bytes(target), b"x"))

    def test_hostNamesAreTaken(self) -> None:
        """Bootstrap nodes, ``nodes`` and pings accept host names."""
        other = self.node("10.1.1.1", port=7000)
        self.network.addName("dht.example", "10.1.1.1")
        node = self.node(bootstrap=["dht.example:7000"])
        self.clock.runUntil(node.ready())
        self.assertEqual(node.contacts(), [self.contactOf(other)])
        pong = self.clock.runUntil(node.ping("dht.example:7000"))
        self.assertEqual(pong.contact, self.contactOf(other))
        replies = self.collect(node, self.target(), nodes=["dht.example:7000"])
        self.assertEqual([reply.node for reply in replies], [self.contactOf(other)])

    def test_idsAreRandom(self) -> None:
        """Ten nodes without a given id get ten different ids of 32 bytes."""
        ids = {DHTNode(self.network.reactor()).id for _ in range(10)}
        self.assertEqual(len(ids), 10)
        self.assertEqual({len(id) for id in ids}, {32})
