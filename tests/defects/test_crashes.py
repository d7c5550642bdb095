"""
Crashes by hostile input: tests for defects 1 to 6 of the original, ``@dwdht/rpc`` 0.1.4.

Each test's name begins with the number of its defect. Hostile datagrams come from a raw peer, over
the real codec.
"""

from __future__ import annotations

from typing import cast

from dwdht_twisted import CannotListen, DHTNode, InvalidTarget, Request
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import packAddress
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase


class CrashTests(NodeTestCase):
    """
    A node that must go on serving after hostile input.
    """

    def setUp(self) -> None:
        super().setUp()
        self.victim = self.node()
        self.attacker = self.peer(answers="pong")

    def attack(self, *datagrams: bytes) -> None:
        """Send datagrams to the node and run the clock for one second."""
        for datagram in datagrams:
            self.attacker.send(datagram, self.addressOf(self.victim))
        self.clock.runFor(1)

    def assertServes(self) -> None:
        """Require that the node answers a ping and has logged no error."""
        self.assertEqual(self.flushLoggedErrors(), [])
        before = len(self.attacker.responses)
        self.attacker.ask(self.addressOf(self.victim), wire.PING)
        self.clock.runFor(1)
        self.assertEqual(len(self.attacker.responses), before + 1)

    def test_01_datagramsOfUpToOneByteAreMalformed(self) -> None:
        """
        A datagram of 0 or 1 bytes is counted as malformed.
        """
        self.attack(b"", b"\x00", b"\x80", b"\xff")
        self.assertEqual(self.victim.counters.malformed, 4)
        self.assertServes()

    def test_02_malformedForwardedAddressIsRefused(self) -> None:
        """
        A request with a forwarded address gets no answer if the address is malformed, if its port
        is 0, or if the command isn't a ping.
        """
        good = packAddress("10.9.9.9", 9)
        bodies = [
            wire.requestBody(command, id, self.target(), **{field: address})
            for field in ("forwardResponse", "forwardRequest")
            for command in (wire.PING, wire.FIND_NODE, COMMAND)
            for id in (None, self.target())
            for address in (b"", b"x", good[:5], good + b"x", good[:4] + b"\0\0", bytes(6), good)
            # A ping with a well-formed address isn't among the bodies, because the node relays it.
            if not (command == wire.PING and address == good)
        ]
        self.attack(*(wire.frameRequest(1, body) for body in bodies))
        self.assertEqual(self.victim.counters.relaysRefused, len(bodies))
        self.assertEqual(self.attacker.responses, [])
        self.assertServes()

    def test_03_idOfTheWrongSizeIsLeftOut(self) -> None:
        """
        A node with an id of the wrong size is served and asked like an ephemeral node. It isn't
        listed.
        """
        sizes = (0, 1, 31, 33, 1000)
        for size in sizes:
            self.attacker.onRequest = lambda message, source, size=size: self.attacker.answer(  # type: ignore[misc]
                message, source, id=bytes(size), value=bytes(6), roundtripToken=bytes(32)
            )
            update = self.victim.update(COMMAND, self.target(), nodes=[self.attacker.address])
            ended = update.collect()
            self.clock.runFor(REQUEST_SECONDS)
            [reply] = self.successResultOf(ended)
            self.assertIsNone(reply.node.id)
            self.attack(wire.frameRequest(1, wire.requestBody(wire.PING, bytes(size))))
        self.assertEqual(self.victim.counters.malformed, 0)
        self.assertEqual(self.victim.contacts(), [])
        self.attacker.onRequest = self.attacker.pong
        self.assertServes()

    def test_04_contactThatFailsSeveralRequestsIsRemovedOnce(self) -> None:
        """
        A contact is silent to three pings and three queries at the same time. It is removed once
        another contact answers, and the node goes on serving.
        """
        self.introduce(self.attacker, self.victim)
        self.attacker.onRequest = self.attacker.ignore
        pings = [self.victim.ping(self.attacker.address) for _ in range(3)]
        queries = [self.victim.query(COMMAND, self.target()).collect() for _ in range(3)]
        self.clock.runFor(REQUEST_SECONDS)
        for each in (*pings, *queries):
            self.failureResultOf(each)
        other = self.peer(answers="pong")
        self.introduce(other, self.victim)
        self.assertEqual(self.victim.contacts(), [other.contact])
        self.attacker.onRequest = self.attacker.pong
        self.assertServes()

    def test_05_targetedQueryAsksNodesWithIds(self) -> None:
        """A query to three contacts with ids, passed as ``nodes``, gets a reply from each."""
        others = [self.node() for _ in range(3)]
        contacts = [self.contactOf(node) for node in others]
        replies = self.collect(self.victim, self.target(), nodes=contacts)
        self.assertEqual([reply.node for reply in replies], contacts)

    def test_06_takenPortRaisesCannotListen(self) -> None:
        """Listening at a port in use raises `CannotListen`."""
        node = DHTNode(self.network.reactor(self.addressOf(self.victim).host))
        with self.assertRaises(CannotListen):
            node.listen(self.victim.address().port)

    def test_06_raisingHandlerCostsOnlyItsOwnAnswer(self) -> None:
        """
        A handler raises an exception for a query and for an update. Both are counted, the first is
        logged, and the node goes on serving.
        """

        def throw(_: Request) -> bytes:
            raise ZeroDivisionError

        self.victim.register(COMMAND, Handler(throw, throw))
        token = self.tokenOfFindNode()
        for roundtripToken in (None, token):
            self.attacker.ask(
                self.addressOf(self.victim), COMMAND, bytes(32), roundtripToken=roundtripToken
            )
            self.clock.runFor(1)
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual(self.victim.counters.handlerFailures, 2)
        self.assertServes()

    def tokenOfFindNode(self) -> bytes:
        """
        Return a token from an answer to ``_find_node``. The answers of the registered handler can't
        supply one, because it always raises.
        """
        return self.tokenFor(self.attacker, self.victim, bytes(32), wire.FIND_NODE)

    def test_06_targetOfTheWrongSizeIsRefused(self) -> None:
        """
        `query` raises `InvalidTarget` for a target that doesn't have 32 bytes. A request with such
        a target gets no answer.
        """
        self.victim.register(COMMAND, Handler())
        for target in (b"", bytes(31), bytes(33), None):
            with self.assertRaises(InvalidTarget):
                self.victim.query(COMMAND, cast(bytes, target))
            for command in (COMMAND, wire.FIND_NODE):
                self.attack(wire.frameRequest(1, wire.requestBody(command, None, target)))
        self.assertEqual(self.attacker.responses, [])
        self.assertServes()
