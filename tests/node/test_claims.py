"""
Tests for what a node makes of many claims at once: requests with ids, from addresses that may be
forged.
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
    """A node gets more claims than it can look into."""

    def setUp(self) -> None:
        super().setUp()
        self.victim = self.node()
        self.numbers = count()

    def claims(self, prefixes: Iterable[int]) -> list[Contact]:
        """Let silent addresses claim ids that share so many bits with the node's."""
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

    def named(self, target: bytes) -> list[bytes]:
        """The compact contacts that the node names to one that asks."""
        asker = self.peer(id=None, answers="pong")
        asker.ask(self.addressOf(self.victim), wire.FIND_NODE, target)
        self.clock.runFor(1)
        return list(splitContacts(asker.responses[-1][0].nodes or b""))

    def test_forgotten(self) -> None:
        """Claims that nobody stands by are all gone when the last ping has timed out."""
        claimed = self.claims([*range(20, 60)] * 20 + [*range(10)] * 40)
        self.assertGreater(len(claimed), 2 * MAXIMUM_CLAIMS)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(self.named(claimed[-1].id or b""), [])

    def test_contactsAreChecked(self) -> None:
        """However many there are, a contact that has died leaves the table."""
        contact = self.peer(answers="pong")
        self.introduce(contact, self.victim)
        contact.onRequest = contact.ignore
        for _ in range(int(DEAD_GONE_AFTER)):
            self.claims(self.random.choices(range(20, 60), k=40))
            self.clock.runFor(1)
        self.assertNotIn(contact.contact, self.victim.contacts())

    def test_newcomers(self) -> None:
        """A node that asks in the midst of many is listed all the same."""
        newcomers = [self.peer(answers="pong") for _ in range(10)]
        for newcomer in newcomers:
            for _ in range(5):
                self.claims(self.random.choices([*range(20, 60), 0], k=50))
                self.clock.runFor(0.1)
            newcomer.ask(self.addressOf(self.victim), wire.PING)
            for _ in range(5):
                self.claims(self.random.choices([*range(20, 60), 0], k=50))
                self.clock.runFor(0.1)
        listed = self.victim.contacts()
        self.assertEqual([each for each in newcomers if each.contact not in listed], [])

    def test_fewHosts(self) -> None:
        """Nor do hosts that each claim as often as they may keep it out, when they are few."""
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

    def test_neighbour(self) -> None:
        """Nor does a host keep out its neighbours."""
        newcomers = [self.peer(f"8.8.8.{number}", answers="pong") for number in range(10, 20)]
        self.clock.callLater(1.5, self.askAll, newcomers)
        for moment in range(300):
            claim = wire.frameRequest(1, wire.requestBody(wire.PING, self.target()))
            self.victim.datagramReceived(claim, Address("8.8.8.8", 1000 + moment))
            self.clock.runFor(0.01)
        listed = self.victim.contacts()
        self.assertEqual([each for each in newcomers if each.contact not in listed], [])

    def askAll(self, peers: Iterable[RawPeer]) -> None:
        """Let each of these ask the node once."""
        for peer in peers:
            peer.ask(self.addressOf(self.victim), wire.PING)

    def test_rate(self) -> None:
        """So many claims are looked into a second, however many there are."""
        contacts = self.claims([*range(20, 60)] * 100)
        self.clock.runFor(0.01)
        addresses = {contact.address for contact in contacts}
        pings = [to for _, to, sent in self.sent if to in addresses and wire.isRequest(sent)]
        self.assertLess(len(pings), len(contacts))
        self.assertEqual(len(pings), CLAIM_RATE)
        self.assertEqual(self.victim.counters.claimsRefused, len(contacts) - CLAIM_RATE)

    def test_rateAgain(self) -> None:
        """A second later as many more are."""
        self.claims([*range(20, 60)] * 100)
        self.clock.runFor(1)
        before = len(self.sent)
        addresses = {contact.address for contact in self.claims([*range(20, 60)] * 100)}
        self.clock.runFor(0.01)
        sent = self.sent[before:]
        pings = [to for _, to, each in sent if to in addresses and wire.isRequest(each)]
        self.assertEqual(len(pings), CLAIM_RATE)

    def test_restarted(self) -> None:
        """However many there are, a contact that asks under another id is asked at once."""
        contact = self.peer(answers="pong")
        self.introduce(contact, self.victim)
        self.clock.runFor(TRUSTED_FOR + 1)
        contact.id = self.target()
        self.claims([*range(20, 60)] * 100)
        datagram = wire.frameRequest(1, wire.requestBody(wire.PING, contact.id))
        self.victim.datagramReceived(datagram, contact.address)
        self.clock.runFor(0.5)
        self.assertEqual([each.id for each in self.victim.contacts()], [contact.id])

    def test_moved(self) -> None:
        """Nor do they keep a contact that has moved from being known at its new address."""
        former = self.peer(answers="pong")
        self.introduce(former, self.victim)
        self.clock.runFor(TRUSTED_FOR + 1)
        former.onRequest = former.ignore
        moved = self.peer(id=former.id, answers="pong")
        self.askAll([moved])
        for _ in range(50):
            self.claims(self.random.choices(range(20, 60), k=100))
            self.clock.runFor(0.1)
        self.assertEqual(self.victim.contacts(), [moved.contact])

    def test_oneBucket(self) -> None:
        """Nor do claims keep out a node whose id is like theirs."""
        for _ in range(100):
            self.claims([0] * 5)
            self.clock.runFor(0.1)
        newcomer = self.peer(id=bytes([self.victim.id[0] ^ 0x80]) + bytes(31), answers="pong")
        newcomer.ask(self.addressOf(self.victim), wire.PING)
        self.clock.runFor(0.5)
        self.assertIn(newcomer.contact, self.victim.contacts())

    def test_guesses(self) -> None:
        """Whoever claims in the name of an address has a few guesses at what it is asked."""
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

    def test_roomAgain(self) -> None:
        """They don't take the room of a node that comes afterwards."""
        self.claims([*range(20, 60)] * 5 + [0] * 40)
        self.clock.runFor(REQUEST_SECONDS)
        for _ in range(10):
            newcomer = self.node(bootstrap=[self.addressOf(self.victim)])
            self.clock.runFor(2)
            self.assertIn(self.contactOf(newcomer), self.victim.contacts())

    def test_namedToNewcomers(self) -> None:
        """Where others are, they are named to whoever looks for its own id, as one that joins."""
        self.introduce(self.peer(answers="pong"), self.victim)
        [claim] = self.claims([3])
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

    def test_updatesGoElsewhere(self) -> None:
        """Nothing is sent to an address because somebody has claimed to be there."""
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
