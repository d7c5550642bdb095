"""
Floods of claims.

A claim is a request with an id that is not in the routing table. Its source address may be forged,
so the node pings the address before it lists the id.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import count

from dwdht_twisted import Address, Contact
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import CLAIM_RATE, MAXIMUM_CLAIMS, MAXIMUM_GUESSES
from dwdht_twisted._core.routing import TRUSTED_FOR
from dwdht_twisted._core.wire import packContact, splitContacts
from dwdht_twisted._net.upkeep.upkeep import DEAD_GONE_AFTER
from tests.helpers.networks.nodes import REQUEST_SECONDS, NodeTestCase
from tests.helpers.networks.peers import RawPeer


class ClaimTests(NodeTestCase):
    """
    A node that gets more claims than it can ping.
    """

    def setUp(self) -> None:
        super().setUp()
        self.victim = self.node()
        self.numbers = count()

    def claim(self, prefixes: Iterable[int]) -> list[Contact]:
        """
        Claim an id from a new silent address for each of ``prefixes``. Return the claimed contacts.

        :param prefixes: the number of leading bits that each id shares with the node's id
        """
        claimed = []
        for prefix in prefixes:
            number = next(self.numbers)
            free = 255 - prefix
            upper = int.from_bytes(self.victim.id, "big") >> free ^ 1
            id = (upper << free | self.random.getrandbits(free)).to_bytes(32, "big")
            contact = Contact(id, f"10.{9 + (number >> 16)}.{number >> 8 & 255}.{number & 255}", 1)
            datagram = wire.frameRequest(1, wire.requestBody(wire.PING, id))
            self.victim.datagramReceived(datagram, contact.address)
            claimed.append(contact)
        return claimed

    def namedFor(self, target: bytes) -> list[bytes]:
        """Return the compact contacts that the node's answer to a lookup of this target names."""
        asker = self.peer(id=None, answers="pong")
        asker.ask(self.addressOf(self.victim), wire.FIND_NODE, target)
        self.clock.runFor(1)
        return list(splitContacts(asker.responses[-1][0].nodes or b""))

    def test_claimsOfSilentAddressesAreForgotten(self) -> None:
        """All 1,200 claims of silent addresses are forgotten when their pings have timed out."""
        claimed = self.claim([*range(20, 60)] * 20 + [*range(10)] * 40)
        self.assertGreater(len(claimed), 2 * MAXIMUM_CLAIMS)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(self.namedFor(claimed[-1].id or b""), [])

    def test_deadContactLeavesTheTableInAFlood(self) -> None:
        """
        During a flood of 40 claims a second, a dead contact leaves the table within
        `DEAD_GONE_AFTER` seconds.
        """
        contact, other = self.peer(answers="pong"), self.peer(answers="pong")
        self.introduce(contact, self.victim)
        self.introduce(other, self.victim)
        contact.onRequest = contact.ignore
        for _ in range(int(DEAD_GONE_AFTER)):
            self.claim(self.random.choices(range(20, 60), k=40))
            self.clock.runFor(1)
        self.assertNotIn(contact.contact, self.victim.contacts())

    def test_newcomersAreListedInAFlood(self) -> None:
        """
        During a flood of 500 claims a second, ten new nodes send one request each, one after the
        other. All ten are listed.
        """
        newcomers = [self.peer(answers="pong") for _ in range(10)]
        for newcomer in newcomers:
            for _ in range(5):
                self.claim(self.random.choices([*range(20, 60), 0], k=50))
                self.clock.runFor(0.1)
            newcomer.ask(self.addressOf(self.victim), wire.PING)
            for _ in range(5):
                self.claim(self.random.choices([*range(20, 60), 0], k=50))
                self.clock.runFor(0.1)
        listed = self.victim.contacts()
        self.assertEqual([each for each in newcomers if each.contact not in listed], [])

    def test_fewFloodingHostsKeepOutNoNewcomer(self) -> None:
        """While nine public hosts claim 100 ids a second each, ten new nodes are all listed."""
        newcomers = [self.peer(f"9.9.{number}.1", answers="pong") for number in range(10)]
        self.clock.callLater(1.5, self.askAll, newcomers)
        for moment in range(300):
            for host in range(9):
                claim = wire.frameRequest(1, wire.requestBody(wire.PING, self.target()))
                self.victim.datagramReceived(claim, Address(f"8.8.{host}.1", 1000 + moment))
            self.clock.runFor(0.01)
        self.assertGreater(self.victim.counters.claimsRefused, 0)
        listed = self.victim.contacts()
        self.assertEqual([each for each in newcomers if each.contact not in listed], [])

    def test_floodingHostSparesItsSubnet(self) -> None:
        """
        While a public host claims 100 ids a second, ten new nodes in its /24 network are all
        listed.
        """
        newcomers = [self.peer(f"8.8.8.{number}", answers="pong") for number in range(10, 20)]
        self.clock.callLater(1.5, self.askAll, newcomers)
        for moment in range(300):
            claim = wire.frameRequest(1, wire.requestBody(wire.PING, self.target()))
            self.victim.datagramReceived(claim, Address("8.8.8.8", 1000 + moment))
            self.clock.runFor(0.01)
        listed = self.victim.contacts()
        self.assertEqual([each for each in newcomers if each.contact not in listed], [])

    def askAll(self, peers: Iterable[RawPeer]) -> None:
        """Send a ping from each peer to the node."""
        for peer in peers:
            peer.ask(self.addressOf(self.victim), wire.PING)

    def test_claimsAreCheckedAtARate(self) -> None:
        """
        Of 4,000 claims at once, the addresses of 500 are pinged, as `CLAIM_RATE` allows. The other
        3,500 claims are counted as refused.
        """
        contacts = self.claim([*range(20, 60)] * 100)
        self.clock.runFor(0.01)
        addresses = {contact.address for contact in contacts}
        pings = [to for _, to, sent in self.sent if to in addresses and wire.isRequest(sent)]
        self.assertLess(len(pings), len(contacts))
        self.assertEqual(len(pings), CLAIM_RATE)
        self.assertEqual(self.victim.counters.claimsRefused, len(contacts) - CLAIM_RATE)

    def test_claimRateIsRestoredAfterASecond(self) -> None:
        """
        One second after 4,000 claims, another 4,000 claims arrive. The addresses of 500 of them are
        pinged, as `CLAIM_RATE` allows.
        """
        self.claim([*range(20, 60)] * 100)
        self.clock.runFor(1)
        before = len(self.sent)
        addresses = {contact.address for contact in self.claim([*range(20, 60)] * 100)}
        self.clock.runFor(0.01)
        sent = self.sent[before:]
        pings = [to for _, to, each in sent if to in addresses and wire.isRequest(each)]
        self.assertEqual(len(pings), CLAIM_RATE)

    def test_contactUnderANewIdIsListedInAFlood(self) -> None:
        """
        During a flood of 4,000 claims, a contact sends a request under a new id. It is listed under
        the new id within 0.5 seconds.
        """
        contact = self.peer(answers="pong")
        self.introduce(contact, self.victim)
        self.clock.runFor(TRUSTED_FOR + 1)
        contact.id = self.target()
        self.claim([*range(20, 60)] * 100)
        datagram = wire.frameRequest(1, wire.requestBody(wire.PING, contact.id))
        self.victim.datagramReceived(datagram, contact.address)
        self.clock.runFor(0.5)
        self.assertEqual([each.id for each in self.victim.contacts()], [contact.id])

    def test_contactAtANewAddressIsListedInAFlood(self) -> None:
        """
        During a flood of 1,000 claims a second, a moved contact is listed at its new address within
        5 seconds.
        """
        former = self.peer(answers="pong")
        self.introduce(former, self.victim)
        self.clock.runFor(TRUSTED_FOR + 1)
        former.onRequest = former.ignore
        moved = self.peer(id=former.id, answers="pong")
        self.askAll([moved])
        for _ in range(50):
            self.claim(self.random.choices(range(20, 60), k=100))
            self.clock.runFor(0.1)
        self.assertEqual(self.victim.contacts(), [moved.contact])

    def test_claimsInOneBucketKeepOutNoNewcomer(self) -> None:
        """After 500 claims of ids in one bucket, a new node of the same bucket is listed."""
        for _ in range(100):
            self.claim([0] * 5)
            self.clock.runFor(0.1)
        newcomer = self.peer(id=bytes([self.victim.id[0] ^ 0x80]) + bytes(31), answers="pong")
        newcomer.ask(self.addressOf(self.victim), wire.PING)
        self.clock.runFor(0.5)
        self.assertIn(newcomer.contact, self.victim.contacts())

    def test_guessesEndACheck(self) -> None:
        """
        The ping of a claim is answered 16 times with a wrong transaction id, as often as
        `MAXIMUM_GUESSES` allows. The right answer that follows is ignored.
        """
        peer = self.peer()
        peer.ask(self.addressOf(self.victim), wire.PING)
        self.clock.runFor(0.1)
        [(ping, address)] = peer.requests
        for number in range(1, MAXIMUM_GUESSES + 1):
            wrong = (ping.transactionId + number) % (1 << wire.TRANSACTION_ID_BITS)
            peer.send(wire.encodeResponse(wrong), address)
        peer.pong(ping, address)
        self.clock.runFor(0.1)
        self.assertEqual(self.victim.contacts(), [])

    def test_newcomersAreListedAfterAFlood(self) -> None:
        """
        After 240 claims have timed out, ten nodes join one after the other. Each is listed within 2
        seconds.
        """
        self.claim([*range(20, 60)] * 5 + [0] * 40)
        self.clock.runFor(REQUEST_SECONDS)
        for _ in range(10):
            newcomer = self.node(bootstrap=[self.addressOf(self.victim)])
            self.clock.runFor(2)
            self.assertIn(self.contactOf(newcomer), self.victim.contacts())

    def test_claimsAreNamedOnlyToJoiningNodes(self) -> None:
        """
        An answer names a claim only to an asker that looks up its own id, as a joining node does.
        """
        self.introduce(self.peer(answers="pong"), self.victim)
        [claim] = self.claim([3])
        for id, target, expected in (
            (self.target(), None, [packContact(claim)]),
            (self.target(), claim.id, []),
            (None, claim.id, []),
        ):
            asker = self.peer(id=id)
            asker.ask(self.addressOf(self.victim), wire.FIND_NODE, target or id)
            self.clock.runFor(0.1)
            named = splitContacts(asker.responses[-1][0].nodes or b"")
            self.assertEqual([each for each in named if each == packContact(claim)], expected)

    def test_claimedAddressGetsOnlyPings(self) -> None:
        """
        Four nodes get forged requests in the name of one address. This address gets only pings from
        them, although all four nodes send updates.
        """
        bystander = self.peer()
        others = [self.node(bootstrap=[self.addressOf(self.victim)]) for _ in range(3)]
        self.clock.runFor(2)
        datagram = wire.frameRequest(1, wire.requestBody(wire.PING, self.target()))
        for node in (self.victim, *others):
            node.datagramReceived(datagram, bystander.address)
        for node in (self.victim, *others):
            node.update("note", self.target(), b"x" * 500).collect().addErrback(lambda _: None)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual({message.command for message, _ in bystander.requests}, {wire.PING})
