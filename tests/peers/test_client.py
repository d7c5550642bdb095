"""
`peers.announce`, `peers.unannounce` and `peers.lookUp` in networks in memory.
"""

from __future__ import annotations

from dwdht_twisted import Address, Pong, peers
from dwdht_twisted._core import wire
from dwdht_twisted.errors import (
    InvalidAddress,
    InvalidTarget,
    NoCloseNodes,
    NodeDestroyed,
    NoResponse,
)
from dwdht_twisted.peers.messages import encodeAnswer
from tests.helpers.networks.announcements import TOPIC, PeerNetworkTestCase
from tests.helpers.networks.nodes import NodeTestCase


class NetworkTests(PeerNetworkTestCase):
    """
    Peers of a network of 25 members.
    """

    def test_announcedPeerIsFound(self) -> None:
        """An announcement is kept by 20 members. A look-up finds the peer once."""
        announcer = self.user()
        nodes, others = self.announce(announcer, 8080)
        self.assertEqual(others, [])
        self.assertEqual(
            {node.id for node in nodes},
            {node.id for node, handler in zip(self.members, self.handlers, strict=True) if handler},
        )
        self.assertEqual(len(nodes), 20)
        (peer,) = self.find(self.user())
        self.assertEqual(peer.address, Address(self.addressOf(announcer).host, 8080))
        self.assertIn(peer.referrer, [self.contactOf(node) for node in self.members])
        self.assertFalse(peer.isLocal)

    def test_port0IsThatOfTheNode(self) -> None:
        """A node that announces port 0 is found under the port of its node."""
        announcer = self.user()
        self.announce(announcer)
        self.assertEqual(self.found(), {self.addressOf(announcer)})

    def test_announcementIsALookUp(self) -> None:
        """An announcement returns the peers that have announced themselves before."""
        first, second = self.user(), self.user()
        self.announce(first)
        announced = self.announce(second)
        self.assertEqual(len(announced.nodes), 20)
        self.assertEqual([peer.address for peer in announced.peers], [self.addressOf(first)])

    def test_unannouncedPeerIsGone(self) -> None:
        """A peer that has taken its announcement back is not found. Its other port is."""
        announcer = self.user()
        for port in (8080, 8081):
            self.announce(announcer, port)
        taken = self.clock.runUntil(peers.unannounce(announcer, TOPIC, 8080))
        self.assertEqual(taken, 20)
        self.assertEqual(self.found(), {Address(self.addressOf(announcer).host, 8081)})

    def test_announcementEnds(self) -> None:
        """A peer that announces no more is found for 368 seconds, and not for longer."""
        self.announce(self.user())
        self.clock.runFor(365)
        self.assertEqual(len(self.found()), 1)
        self.clock.runFor(4)
        self.assertEqual(self.found(), set())

    def test_ownPortIsLeftOut(self) -> None:
        """A node that looks up its own topic finds the others, if it says which port is its own."""
        one, other = self.user(), self.user()
        for node in (one, other):
            self.announce(node, 8080)
        self.assertEqual(len(self.find(one)), 2)
        (peer,) = self.find(one, 8080)
        self.assertEqual(peer.address.host, self.addressOf(other).host)

    def test_localPeersAreFound(self) -> None:
        """Hosts of one private network find each other under their local addresses, too."""
        self.announce(self.user(), 8080, localAddress=("192.168.1.2", 80))
        local = [
            peer.address
            for peer in self.find(self.user(), localAddress=("192.168.5.5", 0))
            if peer.isLocal
        ]
        self.assertEqual(local, [Address("192.168.1.2", 80)])
        for address in (None, ("10.0.0.1", 0)):
            self.assertEqual([p.isLocal for p in self.find(self.user(), localAddress=address)], [0])

    def test_memberFindsAndIsFound(self) -> None:
        """A member among the closest keeps its own announcement, and is found by others."""
        member = self.members[0]
        self.assertEqual(len(self.announce(member, 8080).nodes), 20)
        self.assertEqual(self.found(), {Address(self.addressOf(member).host, 8080)})
        self.assertEqual(self.clock.runUntil(peers.unannounce(member, TOPIC, 8080)), 20)
        self.assertEqual(self.found(), set())

    def test_nodesWithoutTheCommandAreNotChosen(self) -> None:
        """
        If only every second member keeps announcements, all of these take the announcement, and no
        other is asked to.
        """
        for node in self.members[::2]:
            node.unregister(peers.COMMAND)
        self.assertEqual(len(self.announce(self.user()).nodes), 12)
        self.assertEqual(len(self.found()), 1)
        self.assertEqual(sum(node.counters.updatesServed for node in self.members[::2]), 0)

    def test_everyReferrerPunchesAHole(self) -> None:
        """A user reaches an ephemeral announcer through the node that named it."""
        announcer, user = self.user(), self.user()
        self.announce(announcer)
        (peer,) = self.find(user)
        pong = self.clock.runUntil(user.holepunch(peer.address, peer.referrer))
        expected = self.contactOf(announcer)._replace(id=None)
        self.assertEqual(pong, Pong(expected, self.addressOf(user)))

    def test_requestsAreThoseOfHyperdht(self) -> None:
        """The values of the requests have the bytes of ``hyperdht``."""
        user = self.user()
        self.announce(user, 8080, localAddress=("192.168.1.2", 70))
        self.find(user)
        self.clock.runUntil(peers.unannounce(user, TOPIC, 8080))
        sent = [m for m in self.requestsBy(self.addressOf(user)) if m.command == peers.COMMAND]
        values = {message.value.hex() for message in sent if message.value is not None}
        self.assertEqual(values, {"080110903f1a06c0a801020046", "08001000", "080210903f"})

    def test_wrongArgumentsAreRefused(self) -> None:
        """A wrong topic, port or local address raises an exception at once."""
        user = self.user()
        for topic in (b"short", bytes(33)):
            with self.assertRaises(InvalidTarget):
                peers.lookUp(user, topic)
        for port in (-1, 65536, True, "80", None):
            with self.assertRaisesRegex(InvalidAddress, "a port is 0 to 65535"):
                peers.announce(user, TOPIC, port)  # type: ignore[arg-type]
        for local in (("name", 80), ("10.0.0.1", 65536), ("10.0.0.1",), "10.0.0.1", 5):
            with self.assertRaisesRegex(InvalidAddress, "a local address is"):
                peers.announce(user, TOPIC, localAddress=local)  # type: ignore[arg-type]
        with self.assertRaisesRegex(InvalidAddress, "has no port to announce"):
            peers.announce(user, TOPIC, localAddress=("10.0.0.1", 0))


class AmplificationTests(PeerNetworkTestCase):
    """
    The lists that an address gets that has not shown that it receives.
    """

    size = 1

    def ask(self, id: bytes | None, answers: str = "ignore") -> tuple[int, int]:
        """Look a popular topic up from a new address, and return the bytes sent and received."""
        peer = self.peer(id=id, answers=answers)
        asked = peer.ask(
            self.addressOf(self.members[0]), peers.COMMAND, TOPIC, value=bytes.fromhex("08001000")
        )
        self.clock.runFor(20)
        return len(asked), sum(len(datagram) for datagram, _ in peer.received)

    def test_strangerGetsAtMost14Times(self) -> None:
        """
        An address that doesn't answer gets at most 14 bytes for each byte of its look-up. One that
        answers gets the whole list.
        """
        for number in range(200):
            node = self.user(f"10.1.0.{number + 1}")
            self.clock.runUntil(peers.announce(node, TOPIC))
        for id in (None, self.target()):
            sent, received = self.ask(id)
            self.assertLessEqual(received, 14 * sent)
            _, received = self.ask(id, answers="pong")
            self.assertGreater(received, 900)


class AloneTests(NodeTestCase):
    """
    Peers of very small networks.
    """

    def test_announcerThatIsAloneIsFound(self) -> None:
        """
        The only member of a network keeps its own announcement. Users find it at the host at which
        they reach the member, although it knows itself as 127.0.0.1.
        """
        member = self.node("10.0.0.1")
        member.register(peers.COMMAND, peers.PeerHandler(self.clock))
        announced = self.clock.runUntil(peers.announce(member, "a topic", 8080))
        self.assertEqual(len(announced.nodes), 1)
        user = self.node(ephemeral=True, bootstrap=[self.addressOf(member)])
        (peer,) = self.clock.runUntil(peers.lookUp(user, "a topic").collect())
        self.assertEqual(peer.address, Address("10.0.0.1", 8080))

    def test_failuresAreThoseOfAnUpdate(self) -> None:
        """
        An announcement fails if no node answers, if no node keeps announcements, and if the node
        is destroyed.
        """
        away = self.node(ephemeral=True, bootstrap=["10.9.9.9:1"])
        self.assertFails(peers.announce(away, TOPIC), NoResponse)
        self.assertFails(peers.lookUp(away, TOPIC).collect(), NoResponse)
        member = self.node()
        user = self.node(ephemeral=True, bootstrap=[self.addressOf(member)])
        self.assertFails(peers.announce(user, TOPIC), NoCloseNodes)
        self.assertFails(peers.unannounce(user, TOPIC), NoCloseNodes)
        waiting = peers.announce(user, TOPIC)
        self.clock.runUntil(user.destroy())
        self.failureResultOf(waiting, NodeDestroyed)

    def assertFails(self, deferred: object, kind: type[Exception]) -> None:
        """Require that a Deferred fails with a kind of exception."""
        with self.assertRaises(kind):
            self.clock.runUntil(deferred)  # type: ignore[call-overload]


class LiarTests(NodeTestCase):
    """
    Look-ups among nodes that answer anything.
    """

    def lookUp(self, value: bytes | None, host: str | None = None) -> list[peers.Peer]:
        """Look up a topic on a node that answers with a value."""
        liar = self.peer(host, answers="serve")

        def serve(message: wire.RequestMessage, source: object) -> None:
            liar.serve(message, source, value=value)  # type: ignore[arg-type]

        liar.onRequest = serve
        user = self.node("8.8.4.4" if host else None, ephemeral=True, bootstrap=[liar.address])
        stream = peers.lookUp(user, TOPIC, localAddress=("192.168.0.1", 0))
        return self.clock.runUntil(stream.collect())

    def test_garbageHasNoPeers(self) -> None:
        """A look-up passes over 100 answers of random bytes, and over answers without a value."""
        for value in [None, b"", *(self.random.randbytes(n) for n in range(1, 100))]:
            for peer in self.lookUp(value):
                self.assertTrue(1 <= peer.address.port <= 65535)

    def test_peerIsGivenOnce(self) -> None:
        """A peer that an answer names 150 times is given once."""
        compact = wire.packAddress("10.0.0.1", 80) * 150
        self.assertEqual(len(self.lookUp(encodeAnswer(compact, b""))), 1)

    def test_privatePeerOfAPublicNodeIsPassedOver(self) -> None:
        """
        A public node can't send a user to a host of the user's private network, nor to the user's
        own machine: a loopback address stands for the node's machine. Local peers are in the
        network that the user has named.
        """
        compact = b"".join(
            wire.packAddress(host, 80) for host in ("10.0.0.1", "127.0.0.1", "9.9.9.9")
        )
        local = wire.packAddress("192.168.0.9", 5)[2:]
        found = [peer.address for peer in self.lookUp(encodeAnswer(compact, local), "8.8.8.8")]
        expected = [Address("8.8.8.8", 80), Address("9.9.9.9", 80), Address("192.168.0.9", 5)]
        self.assertEqual(found, expected)
