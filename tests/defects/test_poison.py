"""
Poisoning of the routing table and forged replies: tests for defects 14 to 19 of the original,
``@dwdht/rpc`` 0.1.4.

Each test's name begins with the number of its defect. Hostile datagrams come from a raw peer, over
the real codec.
"""

from __future__ import annotations

from itertools import pairwise

from dwdht_twisted import Contact, NoResponse, RateLimit, RequestTimeout
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import CLAIM_RATE, CONTACTS_PER_HOST, MAXIMUM_CLAIMS
from dwdht_twisted._core.wire import packAddress, splitContacts, unpackContact
from tests.helpers.core.contacts import compact
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase


class PoisonTests(NodeTestCase):
    """
    A node that lists only contacts with an answer, and accepts only requested replies.
    """

    def test_14_requestMakesNoContact(self) -> None:
        """
        An address that sends requests but never answers becomes no contact. The node doesn't name
        it to others.
        """
        node = self.node()
        forger = self.peer()
        for command in (wire.PING, wire.FIND_NODE, COMMAND):
            forger.ask(self.addressOf(node), command, self.target())
            self.clock.runFor(1)
        self.assertEqual(node.contacts(), [])
        self.clock.runFor(REQUEST_SECONDS)
        asker = self.peer(id=None, answers="pong")
        asker.ask(self.addressOf(node), wire.FIND_NODE, self.target())
        self.clock.runFor(1)
        self.assertEqual(asker.responses[0][0].nodes or b"", b"")

    def test_14_unsolicitedReplyMakesNoContact(self) -> None:
        """
        Unsolicited replies with 4,682 different transaction ids make no contact. Each one is
        counted as unexpected.
        """
        node = self.node(rateLimit=None)
        forger = self.peer()
        for transactionId in range(0, 32768, 7):
            answer = wire.encodeResponse(transactionId, forger.id, None, bytes(6), bytes(32))
            forger.send(answer, self.addressOf(node))
        self.clock.runFor(1)
        self.assertEqual(node.contacts(), [])
        self.assertEqual(node.counters.unexpected, len(range(0, 32768, 7)))
        self.assertEqual(forger.received, [])

    def test_15_listedIdStaysAtItsAddress(self) -> None:
        """
        A listed id stays at its address although another address, which answers pings, claims the
        id 100 times.
        """
        node = self.node()
        honest = self.peer(answers="serve")
        self.introduce(honest, node)
        honest.onRequest = honest.serve
        thief = self.peer(id=honest.id, answers="serve")
        for _ in range(100):
            thief.ask(self.addressOf(node), wire.PING)
            node.ping(thief.address)
            self.clock.runFor(20)
        self.assertEqual(node.contacts(), [honest.contact])

    def test_15_forwardedPingBindsNoId(self) -> None:
        """A forwarded ping doesn't list the asker's id at the referrer's address."""
        node = self.node()
        referrer = self.peer()
        self.introduce(referrer, node)
        referrer.onRequest = referrer.serve
        referrer.ask(
            self.addressOf(node),
            wire.PING,
            id=self.target(),
            forwardResponse=packAddress("10.9.9.9", 9),
        )
        self.clock.runFor(60)
        self.assertEqual(node.contacts(), [referrer.contact])

    def test_16_claimsAreBounded(self) -> None:
        """
        A flood of 3,000 requests from new silent addresses makes no contact. The node sends at most
        `CLAIM_RATE` plus twice `MAXIMUM_CLAIMS` pings.
        """
        node = self.node(rateLimit=None)
        forgers = [self.peer() for _ in range(3000)]
        for forger in forgers:
            forger.ask(self.addressOf(node), wire.PING)
        self.clock.runFor(0.1)
        asker = self.peer(id=None, answers="pong")
        asker.ask(self.addressOf(node), wire.FIND_NODE, self.target())
        self.clock.runFor(0.1)
        self.assertLessEqual(len(splitContacts(asker.responses[0][0].nodes or b"")), 20)
        self.clock.runFor(REQUEST_SECONDS)
        pings = sum(len(forger.requests) for forger in forgers)
        self.assertLessEqual(pings, CLAIM_RATE + 2 * MAXIMUM_CLAIMS)
        self.assertEqual(node.contacts(), [])

    def test_17_addressWithManyIdsIsOneContact(self) -> None:
        """
        An address that sends requests and answers under 300 different ids is at most one contact at
        any time.
        """
        node = self.node(rateLimit=None)
        sybil = self.peer()

        def serve(message: wire.RequestMessage, source: tuple[str, int]) -> None:
            sybil.id = self.target()
            sybil.serve(message, source)

        sybil.onRequest = serve
        for _ in range(300):
            sybil.ask(self.addressOf(node), wire.PING, id=self.target())
            node.ping(sybil.address)
            self.clock.runFor(1)
            self.assertLessEqual(len(node.contacts()), 1)

    def test_17_publicHostWithManyPortsIsFewContacts(self) -> None:
        """A public host that answers at 50 ports becomes `CONTACTS_PER_HOST` contacts."""
        node = self.node("8.8.4.4", rateLimit=None)
        sybils = [self.peer("8.8.8.8", answers="serve") for _ in range(50)]
        for sybil in sybils:
            node.ping(sybil.address)
            sybil.ask(self.addressOf(node), wire.PING)
        self.clock.runFor(60)
        self.assertEqual(len(node.contacts()), CONTACTS_PER_HOST)

    def test_18_ownTokenIsNotThePeersToken(self) -> None:
        """
        A peer sends an update with a token that the node issued. The node never sends this token to
        the peer as if the peer had issued it.
        """
        node = self.node()
        node.register(COMMAND, Handler())
        peer = self.peer()
        target = self.target()
        own = self.tokenFor(peer, node, target)
        peer.ask(self.addressOf(node), COMMAND, target, roundtripToken=own)
        self.clock.runFor(1)
        self.assertEqual(node.counters.updatesServed, 1)
        theirs = b"t" * 32
        peer.onRequest = lambda message, source: peer.serve(message, source, token=theirs)
        peer.requests.clear()
        self.commit(node, target, nodes=[peer.address])
        tokens = [message.roundtripToken for message in peer.requestsFor(COMMAND)]
        self.assertEqual(tokens, [None, theirs])

    def test_19_replyFromAnotherAddressIsRefused(self) -> None:
        """
        A reply with the right transaction id is refused if it comes from another host or from
        another port of the asked host.
        """
        node = self.node()
        asked, other = self.peer(), self.peer()
        otherPort = self.peer(asked.host)
        query = node.query(COMMAND, self.target(), nodes=[asked.address]).collect()
        self.clock.runFor(0.1)
        [(message, source)] = asked.requests
        for liar in (other, otherPort):
            liar.serve(message, source, value=b"a lie")
        self.clock.runFor(REQUEST_SECONDS)
        self.failureResultOf(query, NoResponse)
        self.assertEqual(node.counters.unexpected, 2)
        self.assertEqual(node.contacts(), [])

    def test_19_transactionIdsAreUnpredictable(self) -> None:
        """
        Of the transaction ids of 1,000 pings, more than 950 are distinct. Fewer than 20 differ by
        less than 16 from the id of the previous ping.
        """
        node = self.node()
        peer = self.peer(answers="serve")
        for _ in range(1000):
            self.clock.runUntil(node.ping(peer.address))
        ids = [message.transactionId for message, _ in peer.requests]
        self.assertGreater(len(set(ids)), 950)
        following = sum(abs(later - earlier) < 16 for earlier, later in pairwise(ids))
        self.assertLess(following, 20)

    def test_19_holePunchTakesAnyPortOfTheTargetsHost(self) -> None:
        """
        The answer to a hole punch is accepted from any port of the target's host, because a NAT may
        change the port. It is accepted from no other host.
        """
        node = self.node()
        referrer, target, other = self.peer(), self.peer(), self.peer()
        otherPort = self.peer(target.host)
        punch = node.holepunch(target.address, referrer.address)
        self.clock.runFor(0.1)
        [(message, source)] = referrer.requests
        for liar in (referrer, other):
            liar.serve(message, source)
        self.clock.runFor(0.1)
        self.assertNoResult(punch)
        otherPort.serve(message, source)
        pong = self.clock.runUntil(punch)
        self.assertEqual(pong.contact, otherPort.contact)


class NamedTests(NodeTestCase):
    """
    Nodes that an answer names before they have answered.
    """

    def test_14_silentNamedNodeMakesNoContact(self) -> None:
        """A silent node named by a liar becomes no contact. The asker doesn't name it to others."""
        liar = self.peer()
        dead = [Contact(self.target(), "10.9.9.9", port) for port in range(1, 21)]
        liar.onRequest = lambda message, source: liar.serve(message, source, compact(dead))
        node = self.node(bootstrap=[liar.address], rateLimit=RateLimit(1000, 1000))
        self.clock.runUntil(node.ready())
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(node.contacts(), [liar.contact])
        with self.assertRaises(RequestTimeout):
            self.clock.runUntil(node.ping(dead[0]))
        asker = self.peer(id=None, answers="pong")
        asker.ask(self.addressOf(node), wire.FIND_NODE, self.target())
        self.clock.runFor(1)
        nodes = asker.responses[0][0].nodes or b""
        self.assertEqual([unpackContact(each) for each in splitContacts(nodes)], [liar.contact])
