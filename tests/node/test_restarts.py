"""
Nodes that were restarted under their id at another address, and liars that claim the ids of others.
"""

from __future__ import annotations

from dwdht_twisted import Contact, DHTNode
from dwdht_twisted._clock import reactorOf
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import MAXIMUM_GUESSES
from dwdht_twisted._core.routing import TRUSTED_FOR
from dwdht_twisted._net.upkeep.upkeep import INTERVAL
from tests.helpers.networks.nodes import REQUEST_SECONDS, NodeTestCase
from tests.helpers.networks.peers import RawPeer

#: The seconds after which a recheck has found that a contact is silent, and the node at the new
#: address has been pinged and has answered.
RECHECK_SECONDS = 4.0


class RestartTests(NodeTestCase):
    """
    A contact that has just answered and is restarted under its id at another address.
    """

    def restarted(self, former: DHTNode) -> DHTNode:
        """Destroy a node. Return a node with its id on the same host, at another port."""
        reactor, id = reactorOf(former.clock), former.id
        self.clock.runUntil(former.destroy())
        return self.node(reactor=reactor, id=id, bootstrap=[self.bootstrap])

    def listing(self, contact: Contact, nodes: list[DHTNode]) -> int:
        """Return the number of nodes that list a contact."""
        return sum(contact in node.contacts() for node in nodes)

    def test_restartedNodeIsListedAtOnce(self) -> None:
        """
        A node in a network of 13 is restarted at another port, a few seconds after it has answered.
        Within 5 seconds, all 12 others list the new address and not the old one.
        """
        *others, former = self.swarm(13)
        self.clock.runFor(3)
        old = self.contactOf(former)
        self.assertEqual(self.listing(old, others), 12)
        new = self.contactOf(self.restarted(former))
        self.assertNotEqual(new, old)
        self.clock.runFor(5)
        self.assertEqual((self.listing(new, others), self.listing(old, others)), (12, 0))

    def test_nodeRestartedTwiceIsListedAtOnce(self) -> None:
        """
        A node in a network of 13 is restarted twice, ten seconds apart. All 12 others list its last
        address within 5 seconds.
        """
        *others, former = self.swarm(13)
        former = self.restarted(former)
        self.clock.runFor(10)
        new = self.contactOf(self.restarted(former))
        self.clock.runFor(5)
        self.assertEqual(self.listing(new, others), 12)


class ClaimedIdTests(NodeTestCase):
    """
    A contact whose id is claimed by other addresses.
    """

    def setUp(self) -> None:
        super().setUp()
        self.victim = self.node()
        self.contact = self.peer(answers="serve")
        self.introduce(self.contact, self.victim)

    def claimant(self) -> RawPeer:
        """Return a new peer that answers pings and has the id of the contact."""
        return self.peer(id=self.contact.id, answers="pong")

    def ask(self, peer: RawPeer) -> None:
        """Send a ping from a peer to the node."""
        peer.ask(self.addressOf(self.victim), wire.PING)

    def pings(self, peer: RawPeer) -> list[wire.RequestMessage]:
        """Return the pings that the node has sent to a peer, including retries."""
        requests = self.requestsBy(self.addressOf(self.victim), peer.address)
        return [request for request in requests if request.command == wire.PING]

    def test_claimsPushOutNoContact(self) -> None:
        """
        For 10 minutes, ten liars claim a contact's id once a second each. The contact stays listed,
        and none of the liars is pinged.
        """
        liars = [self.claimant() for _ in range(10)]
        for _ in range(600):
            for liar in liars:
                self.ask(liar)
            self.clock.runFor(1)
            self.assertEqual(self.victim.contacts(), [self.contact.contact])
        self.assertEqual([self.pings(liar) for liar in liars], [[]] * 10)

    def test_claimsDrawOneRecheck(self) -> None:
        """
        A contact whose id is claimed a hundred times a second is pinged at most once in
        `TRUSTED_FOR`, 30 seconds.
        """
        liar = self.claimant()
        before = len(self.pings(self.contact))
        for _ in range(300):
            for _ in range(100):
                self.ask(liar)
            self.clock.runFor(1)
        pings = len(self.pings(self.contact)) - before
        self.assertGreater(pings, 1)
        self.assertLessEqual(pings, 1 + 300 / TRUSTED_FOR)

    def test_claimantOfASilentContactIsListed(self) -> None:
        """
        A contact falls silent, and another address claims the contact's id with a single request.
        This address is listed in place of the contact within 4 seconds.
        """
        self.contact.onRequest = self.contact.ignore
        moved = self.claimant()
        self.ask(moved)
        self.clock.runFor(RECHECK_SECONDS)
        self.assertEqual(self.victim.contacts(), [moved.contact])

    def test_earlierClaimOnlyDelaysAMovedNode(self) -> None:
        """
        A liar claims a contact's id, and the contact answers its recheck. A second later the node
        of the contact moves and asks once. It is listed at its new address as soon as another
        recheck is allowed.
        """
        self.ask(self.claimant())
        self.clock.runFor(1)
        self.contact.onRequest = self.contact.ignore
        moved = self.claimant()
        self.ask(moved)
        self.clock.runFor(TRUSTED_FOR + INTERVAL + RECHECK_SECONDS)
        self.assertEqual(self.victim.contacts(), [moved.contact])

    def test_silentClaimantKeepsNoMovedNodeOut(self) -> None:
        """
        After the node of a contact has moved, a silent address and the node itself claim its id.
        The node is listed, although the silent address asked first.
        """
        self.contact.onRequest = self.contact.ignore
        liar, moved = self.peer(id=self.contact.id), self.claimant()
        for peer in (liar, moved, liar):
            self.ask(peer)
        self.clock.runFor(RECHECK_SECONDS)
        self.assertEqual(self.victim.contacts(), [moved.contact])

    def test_guessesDoNotPushOutAContact(self) -> None:
        """
        A contact is silent to its recheck, and a liar sends forged answers in the contact's name.
        The recheck is given up without a result, so the contact stays listed.
        """
        self.contact.onRequest = self.contact.ignore
        self.ask(self.claimant())
        self.clock.runFor(0.1)
        for number in range(MAXIMUM_GUESSES):
            self.contact.send(
                wire.encodeResponse(number, id=self.target()), self.addressOf(self.victim)
            )
        self.clock.runFor(RECHECK_SECONDS)
        self.assertEqual(self.victim.contacts(), [self.contact.contact])

    def test_claimantIsPingedAfterASilentRequest(self) -> None:
        """
        An address claims the id of a contact before the next recheck of this contact is allowed.
        The address is listed after the contact has not answered a ping by the node's user.
        """
        self.ask(self.claimant())
        self.clock.runFor(1)
        self.contact.onRequest = self.contact.ignore
        moved = self.claimant()
        self.ask(moved)
        self.victim.ping(self.contact.address).addErrback(lambda _: None)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(self.victim.contacts(), [moved.contact])
