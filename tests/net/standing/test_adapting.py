"""
The adaptive mode of a node, and `DHTNode.standing`.
"""

from __future__ import annotations

from typing import Any

from dwdht_twisted import DHTNode
from dwdht_twisted._core.wire import FIND_NODE, HostPort, RequestMessage, packContact
from dwdht_twisted._net.standing.adapting import MEMBER_AFTER, RETEST_AFTER, ROUND
from tests.helpers.networks.nats import ForgetfulNat, Nat, NattedReactor
from tests.helpers.networks.nodes import NodeTestCase


class AdaptiveTestCase(NodeTestCase):
    """
    A base for tests with public nodes, each in a network of its own.
    """

    def public(self, number: int) -> str:
        """Return a public host in a network of its own."""
        return f"11.{number // 250}.{number % 250}.7"

    def network_(self, count: int) -> list[DHTNode]:
        """Return public members that have joined, of which the first is everybody's bootstrap."""
        first = self.node(self.public(0), port=6620)
        bootstrap = [self.addressOf(first)]
        members = [first]
        for number in range(1, count):
            members.append(self.node(self.public(number), port=6620, bootstrap=bootstrap))
            self.clock.runUntil(members[-1].ready())
        self.clock.runFor(30)
        return members

    def adaptive(self, host: str = "99.1.1.1", reactor: Any = None, **options: Any) -> DHTNode:
        """Return an adaptive node that has joined through the first member."""
        options.setdefault("bootstrap", [f"{self.public(0)}:6620"])
        node = self.node(host, reactor=reactor, port=6620, adaptive=True, **options)
        self.clock.runUntil(node.ready())
        return node

    def untilEphemeral(self, node: DHTNode) -> None:
        """Wait until a node is ephemeral, at most for ten minutes."""
        self.clock.runUntil(lambda: node.ephemeral, limit=600)

    def untilMember(self, node: DHTNode) -> None:
        """Wait until a node is a member, at most for ten minutes."""
        self.clock.runUntil(lambda: not node.ephemeral, limit=600)

    def isListed(self, node: DHTNode, members: list[DHTNode]) -> bool:
        """Whether half of the members, or 10 of them, list a node."""
        lists = [any(c.id == node.id for c in member.contacts()) for member in members]
        return sum(lists) >= min(10, len(members) / 2)


class AdaptingTests(AdaptiveTestCase):
    """
    Adaptive nodes on public networks, behind NATs, and on private networks.
    """

    def test_reachableNodeBecomesAMember(self) -> None:
        """
        A reachable node is ephemeral for the stated time, and then a member that others list. It
        knows its address, and that no NAT is in front of it.
        """
        for size in (4, 40):
            members = self.network_(size)
            node = self.adaptive()
            self.clock.runFor(MEMBER_AFTER - 2 * ROUND)
            self.assertTrue(node.ephemeral)
            self.clock.runFor(5 * ROUND)
            self.assertFalse(node.ephemeral)
            self.assertTrue(self.isListed(node, members))
            standing = node.standing
            self.assertEqual(standing.address, ("99.1.1.1", 6620))
            self.assertEqual((standing.isPortStable, standing.isReachable), (True, True))
            self.assertIn("no NAT", standing.kind)
            self.destroyAll()

    def test_nodeBehindANatStaysEphemeral(self) -> None:
        """
        A node behind a NAT that lets in only those to whom it was sent stays ephemeral for hours,
        whatever it asks, and knows the kind.
        """
        for size in (4, 40):
            self.network_(size)
            reactor = NattedReactor(
                self.network.reactor("99.1.1.1"), lambda inside: ForgetfulNat(inside, self.clock)
            )
            node = self.adaptive(reactor=reactor)
            for _ in range(10):
                node.query("nothing", self.random.randbytes(32)).collect().addErrback(
                    lambda _: None
                )
                self.clock.runFor(900)
                self.assertTrue(node.ephemeral)
            self.assertEqual(node.standing.isReachable, False)
            self.assertIn("only those in", node.standing.kind)
            self.destroyAll()

    def test_openedPortMakesAMember(self) -> None:
        """A node whose router is set to let everybody in becomes a member in the stated time."""
        members = self.network_(30)
        reactor = NattedReactor(self.network.reactor("99.1.1.1"))
        node = self.adaptive(reactor=reactor)
        self.clock.runFor(1000)
        self.assertTrue(node.ephemeral)
        [nat] = reactor.nats
        nat.datagramReceived = nat._inside.datagramReceived  # type: ignore[method-assign]
        self.clock.runFor(RETEST_AFTER + MEMBER_AFTER + 60)
        self.assertFalse(node.ephemeral)
        self.assertTrue(self.isListed(node, members))

    def test_firstNodeIsAMemberAtOnce(self) -> None:
        """The first node of a network, with or without a bootstrap server, is a member at once."""
        node = self.node("99.1.1.1", adaptive=True)
        self.assertFalse(node.ephemeral)
        server = self.node("99.2.1.1", port=6620, ephemeral=True)
        other = self.adaptive("99.3.1.1", bootstrap=[self.addressOf(server)])
        self.assertFalse(other.ephemeral)

    def test_privateNodesAreMembersAtOnce(self) -> None:
        """On a private network, nodes are members when they have joined."""
        server = self.node("10.0.0.1", port=6620)
        node = self.adaptive("10.0.0.2", bootstrap=[self.addressOf(server)])
        self.assertFalse(node.ephemeral)
        self.clock.runFor(1)
        self.assertIn(self.contactOf(node), server.contacts())

    def test_privateNodeIsReadyARoundTripLater(self) -> None:
        """
        On a private network, an adaptive node is ready, and a member, at most one round trip later
        than a node that is a member from its start.
        """
        server = self.node("10.0.0.1", port=6620)
        for number in range(2, 8):
            self.adaptive(f"10.0.0.{number}", bootstrap=[self.addressOf(server)])
        took = []
        for number, isAdaptive in enumerate((False, True), 8):
            started = self.clock.seconds()
            node = self.node(
                f"10.0.0.{number}", bootstrap=[self.addressOf(server)], adaptive=isAdaptive
            )
            self.clock.runUntil(node.ready())
            self.assertFalse(node.ephemeral)
            took.append(self.clock.seconds() - started)
        self.assertLess(took[1], took[0] + 2 * self.latency + 0.001)

    def test_smallNetworkGrows(self) -> None:
        """Public adaptive nodes that start one after the other all become members."""
        nodes = [self.node(self.public(0), port=6620, adaptive=True)]
        for number in range(1, 8):
            nodes.append(self.adaptive(self.public(number)))
        self.clock.runFor(MEMBER_AFTER + RETEST_AFTER)
        self.assertEqual([node.ephemeral for node in nodes], [False] * 8)

    def test_lateBootstrapNode(self) -> None:
        """A node whose bootstrap node starts later becomes a member all the same."""
        node = self.node("99.1.1.1", port=6620, adaptive=True, bootstrap=[f"{self.public(0)}:6620"])
        self.clock.runFor(300)
        self.assertTrue(node.ephemeral)
        self.network_(10)
        self.clock.runUntil(node.ready())
        self.clock.runFor(MEMBER_AFTER + 120)
        self.assertFalse(node.ephemeral)

    def test_destroyLeavesNothing(self) -> None:
        """A node that is destroyed at any moment of its start leaves no timer."""
        self.network_(5)
        for _ in range(20):
            node = self.node(
                "99.1.1.1", port=6620, adaptive=True, bootstrap=[f"{self.public(0)}:6620"]
            )
            self.clock.runFor(self.random.random() * 3)
            self.clock.runUntil(node.destroy())
        self.destroyAll()

    def test_movedNodeIsTestedAnew(self) -> None:
        """
        A member whose address changes is ephemeral when most contacts see the new address, and a
        member again in the stated time after that.
        """
        for size in (12, 16, 25, 40):
            members = self.network_(size)
            node = self.adaptive()
            self.clock.runFor(MEMBER_AFTER + 100)
            self.assertFalse(node.ephemeral)
            moved = f"77.{size}.1.1"
            self.network.changeAddress("99.1.1.1", moved)
            movedAt = self.clock.seconds()
            self.untilEphemeral(node)
            self.untilMember(node)
            self.assertLess(self.clock.seconds() - movedAt, 600)
            self.assertEqual(node.standing.address, (moved, 6620))
            self.clock.runFor(120)
            self.assertTrue(self.isListed(node, members))
            self.destroyAll()

    def test_memberMovesBehindANat(self) -> None:
        """
        A member whose new address is that of a NAT which lets in only those to whom it was sent
        stays ephemeral from then on, although others still list it, if its network is not too small
        to test it.
        """
        for size in (25, 40):
            self.network_(size)
            reactor = NattedReactor(self.network.reactor("99.1.1.1"), self.openNat)
            node = self.adaptive(reactor=reactor)
            [nat] = reactor.nats
            self.clock.runFor(MEMBER_AFTER + 60)
            self.assertFalse(node.ephemeral)
            del nat.datagramReceived
            self.network.changeAddress("99.1.1.1", f"77.{size}.1.1")
            self.untilEphemeral(node)
            for _ in range(200):
                self.clock.runFor(10)
                self.assertTrue(node.ephemeral)
            self.assertIsNot(node.standing.isReachable, True)
            self.destroyAll()

    def openNat(self, inside: Any) -> Nat:
        """Return a NAT that lets everybody in until its ``datagramReceived`` is deleted."""
        nat = ForgetfulNat(inside, self.clock)
        nat.datagramReceived = inside.datagramReceived  # type: ignore[method-assign]
        return nat

    def test_lyingContacts(self) -> None:
        """
        With a third of the contacts lying about the address alike, the right one is found or none.
        """
        known = 0
        for _ in range(5):
            members = self.network_(45)
            for liar in members[1:16]:
                self.lie(liar)
            node = self.adaptive()
            self.clock.runFor(900)
            address = node.standing.address
            self.assertIn(address, (None, ("99.1.1.1", 6620)))
            known += address is not None
            self.destroyAll()
        self.assertGreater(known, 2)

    def lie(self, node: DHTNode) -> None:
        """Let a node tell everybody that they are at the same wrong address."""
        responder = node._parts.responder
        send = responder._send

        def sendLie(datagram: bytes, address: tuple[str, int]) -> None:
            own = bytes(map(int, address[0].split("."))) + address[1].to_bytes(2, "big")
            send(datagram.replace(own, bytes((66, 6, 6, 6, 1, 2))), address)

        responder._send = sendLie


class StartingOrderTests(AdaptiveTestCase):
    """
    Networks of adaptive nodes that start in any order, and their first members.
    """

    def test_anyOrder(self) -> None:
        """
        Nodes that start in any order, before their ephemeral bootstrap server or after it, are all
        members in the stated time, on every kind of network.
        """
        for case in range(24):
            kind = ("public", "private", "loopback")[case % 3]
            count = self.random.choice((2, 3, 7, 15))
            starts = [self.random.choice((0, 5, 100)) * self.random.random() for _ in range(count)]
            lateness = self.random.choice((0, 1, 30, 300))
            self.clock.callLater(lateness, self.start, kind, 0)
            for number, delay in enumerate(starts, 1):
                self.clock.callLater(delay, self.start, kind, number)
            self.clock.runFor(max(lateness, *starts) + 60 + 2 * MEMBER_AFTER + 60)
            members = [node for node in self._nodes if not node.ephemeral]
            self.assertEqual(len(members), count, f"{kind} {starts} {lateness}")
            self.destroyAll()
            self._nodes.clear()

    def start(self, kind: str, number: int) -> DHTNode:
        """
        Start the ephemeral bootstrap server, which is number 0, or an adaptive node.

        :param kind: ``"public"``, ``"private"``, or ``"loopback"`` for nodes of one machine
        """
        hosts = {
            "public": self.public,
            "private": lambda number: f"10.0.0.{number + 1}",
            "loopback": lambda number: "10.0.0.1",
        }
        host = hosts[kind](number)
        port = 6620 + number
        if not number:
            return self.node(host, port=port, ephemeral=True)
        server = "127.0.0.1" if kind == "loopback" else hosts[kind](0)
        return self.node(host, port=port, adaptive=True, bootstrap=[f"{server}:6620"])

    def test_privateContactsOfAPublicNode(self) -> None:
        """
        A public node that has contacts in private networks, too, knows its address and is a member
        in the stated time.
        """
        for public, private in ((5, 1), (5, 8), (30, 3)):
            members = self.network_(public)
            bootstrap = [self.addressOf(members[0])]
            for number in range(private):
                near = self.node(
                    f"10.{number}.0.1", port=6620, bootstrap=[self.addressOf(members[1])]
                )
                bootstrap.append(self.addressOf(near))
            node = self.adaptive(bootstrap=bootstrap)
            self.clock.runFor(MEMBER_AFTER + 120)
            self.assertIn("10.0.0.1", [contact.host for contact in node.contacts()])
            self.assertFalse(node.ephemeral, f"{public} public, {private} private")
            self.assertEqual(node.standing.address, ("99.1.1.1", 6620))
            self.destroyAll()

    def test_lateBootstrapNodeOfAFewMembers(self) -> None:
        """
        A reachable node that joins a network of few members after its bootstrap node was down is a
        member in the stated time, and so is one whose address has changed.
        """
        for size in (3, 8, 25):
            self.network_(size)
            node = self.node("99.1.1.1", port=6620, adaptive=True, bootstrap=["99.2.2.2:6620"])
            self.clock.runFor(30)
            self.node("99.2.2.2", port=6620, bootstrap=[f"{self.public(0)}:6620"])
            self.clock.runUntil(node.ready())
            self.clock.runFor(2 * MEMBER_AFTER)
            self.assertFalse(node.ephemeral, f"{size} members")
            self.network.changeAddress("99.1.1.1", f"77.1.{size}.1")
            self.clock.runFor(300)
            self.clock.runFor(600)
            self.assertFalse(node.ephemeral, f"moved among {size} members")
            self.destroyAll()

    def test_lyingContact(self) -> None:
        """
        A node behind a NAT stays ephemeral although a contact says now and again that it knows
        nobody.
        """
        members = self.network_(5)
        self.lyingPeer(members, lies=1000, isMember=True)
        node = self.behindANat(f"{self.public(0)}:6620")
        for _ in range(1000):
            self.clock.runFor(ROUND)
            self.assertTrue(node.ephemeral)

    def test_lyingBootstrapNode(self) -> None:
        """
        A node behind a NAT that its bootstrap node has made a member, by saying that it knows
        nobody, is ephemeral once the node knows others.
        """
        members = self.network_(40)
        self.lyingPeer(members, lies=2, isMember=False)
        node = self.behindANat("66.1.1.1:6620")
        self.assertFalse(node.ephemeral)
        self.clock.runFor(2500)
        self.assertTrue(node.ephemeral)
        self.assertGreater(len(node.contacts()), 20)

    def lyingPeer(self, members: list[DHTNode], *, lies: int, isMember: bool) -> None:
        """
        Start a peer that all members list, at 66.1.1.1.

        :param lies: the number of answers in which it denies to know anybody
        :param isMember: whether it sends its id otherwise
        """
        liar = self.peer("66.1.1.1", port=6620, answers="serve")
        for member in members:
            self.introduce(liar, member)
        known = b"".join(map(packContact, map(self.contactOf, members[:20])))
        lied = 0

        def answer(message: RequestMessage, address: HostPort) -> None:
            nonlocal lied
            isLie = message.command == FIND_NODE and lied < lies
            # A contact that says at once that it is no member is not a contact any more.
            isLie = isLie and not (isMember and self.random.random() < 0.8)
            lied += isLie
            id = liar.id
            liar.id = id if isMember and not isLie else None
            liar.serve(message, address, nodes=None if isLie else known)
            liar.id = id

        liar.onRequest = answer

    def behindANat(self, bootstrap: str) -> DHTNode:
        """Return an adaptive node behind a NAT that has joined."""
        reactor = NattedReactor(
            self.network.reactor("99.1.1.1"), lambda inside: ForgetfulNat(inside, self.clock)
        )
        return self.adaptive(reactor=reactor, bootstrap=[bootstrap])
