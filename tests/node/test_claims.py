"""
Floods of claims: requests with new ids, from addresses that may be forged.
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
    """A node that gets more claims than it can check."""

    def setUp(self) -> None:
        super().setUp()
        self.victim = self.node()
        self.numbers = count()

    def claim(self, prefixes: Iterable[int]) -> list[Contact]:
        """
        Claim an id from a silent address for each of ``prefixes``, and return the claimed contacts.

        :param prefixes: the number of bits that each id shares with the node's
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
        """Return the compact contacts that the node names for a target."""
        asker = self.peer(id=None, answers="pong")
        asker.ask(self.addressOf(self.victim), wire.FIND_NODE, target)
        self.clock.runFor(1)
        return list(splitContacts(asker.responses[-1][0].nodes or b""))

    def test_claimsOfSilentAddressesAreForgotten(self) -> None:
        """All 1,200 claims of silent addresses are forgotten once their pings have timed out."""
        claimed = self.claim([*range(20, 60)] * 20 + [*range(10)] * 40)
        self.assertGreater(len(claimed), 2 * MAXIMUM_CLAIMS)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(self.namedFor(claimed[-1].id or b""), [])

    def test_deadContactLeavesTheTableInAFlood(self) -> None:
        """
        A contact that has died leaves the table within `DEAD_GONE_AFTER` seconds while 40 ids a
        second are claimed.
        """
        contact = self.peer(answers="pong")
        self.introduce(contact, self.victim)
        contact.onRequest = contact.ignore
        for _ in range(int(DEAD_GONE_AFTER)):
            self.claim(self.random.choices(range(20, 60), k=40))
            self.clock.runFor(1)
        self.assertNotIn(contact.contact, self.victim.contacts())

    def test_newcomersAreListedInAFlood(self) -> None:
        """
        Ten nodes that ask one after the other while 500 ids a second are claimed are all listed.
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
        """
        Nine public hosts that each claim 100 ids a second keep none of ten newcomers out of the
        table.
        """
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
        A host that claims 100 ids a second keeps none of ten newcomers in its own /24 network out
        of the table.
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
        """Make each peer ask the node once."""
        for peer in peers:
            peer.ask(self.addressOf(self.victim), wire.PING)

    def test_claimsAreCheckedAtARate(self) -> None:
        """
        Of 4,000 claims at once `CLAIM_RATE`, 500, are pinged, and all others are counted as
        refused.
        """
        contacts = self.claim([*range(20, 60)] * 100)
        self.clock.runFor(0.01)
        addresses = {contact.address for contact in contacts}
        pings = [to for _, to, sent in self.sent if to in addresses and wire.isRequest(sent)]
        self.assertLess(len(pings), len(contacts))
        self.assertEqual(len(pings), CLAIM_RATE)
        self.assertEqual(self.victim.counters.claimsRefused, len(contacts) - CLAIM_RATE)

    def test_claimRateIsRestoredAfterASecond(self) -> None:
        """A second after 4,000 claims another `CLAIM_RATE`, 500, of 4,000 new ones are pinged."""
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
        A contact that asks under another id is listed under that id within 0.5 seconds, although
        4,000 ids are claimed at the same time.
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
        A contact that has moved is listed at its new address within 5 seconds while 1,000 ids a
        second are claimed.
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
        """A newcomer is listed after 500 claims of ids in its own bucket."""
        for _ in range(100):
            self.claim([0] * 5)
            self.clock.runFor(0.1)
        newcomer = self.peer(id=bytes([self.victim.id[0] ^ 0x80]) + bytes(31), answers="pong")
        newcomer.ask(self.addressOf(self.victim), wire.PING)
        self.clock.runFor(0.5)
        self.assertIn(newcomer.contact, self.victim.contacts())

    def test_guessesEndACheck(self) -> None:
        """
        The right answer to the ping of a claim is not taken after `MAXIMUM_GUESSES`, 16, answers
        with wrong transaction ids.
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
        """Ten nodes that join after 240 claims have timed out are listed within 2 seconds each."""
        self.claim([*range(20, 60)] * 5 + [0] * 40)
        self.clock.runFor(REQUEST_SECONDS)
        for _ in range(10):
            newcomer = self.node(bootstrap=[self.addressOf(self.victim)])
            self.clock.runFor(2)
            self.assertIn(self.contactOf(newcomer), self.victim.contacts())

    def test_claimsAreNamedOnlyToJoiningNodes(self) -> None:
        """
        A claim is named to an asker that looks up its own id, but neither to one that looks up
        another id nor to an ephemeral one.
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
        An address that a request was forged from gets nothing but pings when four nodes send
        updates.
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
