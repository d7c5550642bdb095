"""
Adaptive nodes on a public host and behind NATs of the Linux kernel, in a network of public members.

The times of the adaptive mode and of the NATs are a sixtieth of the usual ones or less, so one
second stands for a minute. The times of a request are the usual ones.
"""

from __future__ import annotations

from random import Random

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from dwdht_twisted import Address, Standing
from dwdht_twisted._core.standing import recent
from dwdht_twisted._net.standing import adapting, survey
from tests.helpers.peer.interop import eventually
from tests.helpers.processes.nat import PORT, REFERRER_HOST, Lan, NatNode, NatTestCase
from tests.helpers.processes.nat_kinds import Nat

#: The addresses of the members, each in a network of its own.
HOSTS = [REFERRER_HOST, *(f"1.{number}.0.1" for number in range(3, 8))]

#: The address of the adaptive node without a NAT, in a network without a member.
ADAPTIVE_HOST = "1.20.0.1"

#: The time-outs of the NATs, in seconds: at least a sixtieth of Linux's 30 and 120.
NEW_PATH_TIMEOUT, PATH_TIMEOUT = 1, 2

#: The times of the adaptive nodes, in seconds. A node is tested again as soon as the NAT has closed
#: its paths.
MEMBER_AFTER = adapting.MEMBER_AFTER / 60
RETEST_AFTER = OPEN_FOR = 4.0
ROUND = adapting.ROUND / 60

CONSTANTS: dict[str, dict[str, float]] = {
    recent.__name__: {"OPEN_FOR": OPEN_FOR},
    adapting.__name__: {
        "MEMBER_AFTER": MEMBER_AFTER,
        "RETEST_AFTER": RETEST_AFTER,
        "ROUND": ROUND,
    },
    survey.__name__: {"SURVEY_INTERVAL": survey.SURVEY_INTERVAL / 60},
}

#: The most seconds that a test of a node may take: all transmissions of a request.
TEST_SECONDS = 6.0

#: The most seconds after which a reachable node is a member that others list. The rest is for
#: lookups and a busy machine.
MEMBER_WITHIN = MEMBER_AFTER + 2 * ROUND + 5.0

#: The time for which an unreachable node is watched, in seconds. A second test is made in it.
WATCHED = 2 * OPEN_FOR + RETEST_AFTER + TEST_SECONDS

NO_NAT = "no NAT: everybody reaches it"
OPEN = "a NAT that lets everybody in"
OPEN_TO_SENT = "a NAT with a stable port that lets only those in to whom this node has sent"


class StandingTests(NatTestCase):
    """
    Six public members, and adaptive nodes that join through the first of them.
    """

    timeout = 120

    askersNat = Nat.FORWARDED
    targetsNat = Nat.PRESERVING

    def setUp(self) -> None:
        super().setUp()
        self.random = Random(1)
        self.constants = CONSTANTS
        for host in (*HOSTS[1:], ADAPTIVE_HOST):
            self.public.ip(f"address add {host}/32 dev lo")
        self.lans = {Nat.FORWARDED: self.askersLan, Nat.PRESERVING: self.targetsLan}
        for number, nat in ((3, Nat.SYMMETRIC), (4, Nat.OPEN_TO_HOST)):
            self.lans[nat] = Lan(number, nat, self.public, self._makeNamespace)
        for lan in self.lans.values():
            lan.setTimeouts(NEW_PATH_TIMEOUT, PATH_TIMEOUT)

    async def startMembers(self) -> None:
        """Start the members."""
        self.first = Address(HOSTS[0], PORT)
        members = [await self.publicNode(HOSTS[0], self.random.randbytes(32))]
        joining = [
            self.publicNode(host, self.random.randbytes(32), self.first) for host in HOSTS[1:]
        ]
        members += await gatherResults([Deferred.fromCoroutine(each) for each in joining])
        self.members = members

    async def startAdaptive(self, *nats: Nat | None) -> list[NatNode]:
        """Return adaptive nodes behind NATs, or on a public host for None."""
        starting = [Deferred.fromCoroutine(self._startAdaptive(nat)) for nat in nats]
        nodes: list[NatNode] = await gatherResults(starting)
        return nodes

    async def _startAdaptive(self, nat: Nat | None) -> NatNode:
        namespace, host = self.public, ADAPTIVE_HOST
        if nat is not None:
            namespace, host = self.lans[nat].host, self.lans[nat].hostAddress
        node = NatNode(self.reactor, namespace, host, self.random.randbytes(32))
        node.isAdaptive = True
        return await self._start(node, self.first)

    async def standing(self, node: NatNode) -> tuple[Standing, bool]:
        """Return where a node stands and whether it is a member, once it knows its address."""

        async def isKnown() -> bool:
            return (await node.standing())[0].kind != "unknown"

        await eventually(self.reactor, isKnown)
        return await node.standing()

    async def assertBecomesMember(self, node: NatNode, host: str, kind: str, within: float) -> None:
        """Require that others reach and list a node, not at once but in time."""
        _, isMember = await node.standing()
        self.assertFalse(isMember, "the node was a member at once")
        started = self.reactor.seconds()

        async def isListed() -> bool:
            lists = [await member.contacts() for member in self.members]
            return sum(any(c.id == node.id for c in contacts) for contacts in lists) > 3

        await eventually(self.reactor, isListed, within)
        self.assertGreater(self.reactor.seconds() - started, MEMBER_AFTER / 2)
        expected = Standing(Address(host, PORT), True, True, kind)
        self.assertEqual(await self.standing(node), (expected, True))

    async def test_reachableNodesBecomeMembers(self) -> None:
        """
        A node on a public host, and one behind a NAT that forwards the node's port, become members
        after the stated time. They know their addresses, and that everybody reaches them.
        """
        await self.startMembers()
        public, forwarded = await self.startAdaptive(None, Nat.FORWARDED)
        host = self.lans[Nat.FORWARDED].publicAddress
        checks = [
            self.assertBecomesMember(public, ADAPTIVE_HOST, NO_NAT, MEMBER_WITHIN),
            self.assertBecomesMember(forwarded, host, OPEN, MEMBER_WITHIN),
        ]
        await gatherResults([Deferred.fromCoroutine(each) for each in checks])

    async def test_unreachableNodesStayEphemeral(self) -> None:
        """
        Behind NATs that let in only those to whom the node has sent, nodes stay ephemeral, after
        they were tested again too, and no member lists them. They know whether their port is
        stable. When a NAT forwards the port from then on, its node becomes a member.
        """
        await self.startMembers()
        nats = Nat.PRESERVING, Nat.OPEN_TO_HOST, Nat.SYMMETRIC
        nodes = await self.startAdaptive(*nats)
        await deferLater(self.reactor, WATCHED)
        found = {nat: await self.standing(node) for nat, node in zip(nats, nodes, strict=True)}
        for nat in (Nat.PRESERVING, Nat.OPEN_TO_HOST):
            address = Address(self.lans[nat].publicAddress, PORT)
            self.assertEqual(found[nat], (Standing(address, True, False, OPEN_TO_SENT), False))
        standing, isMember = found[Nat.SYMMETRIC]
        self.assertFalse(isMember)
        assert standing.address is not None
        self.assertEqual(standing.address.host, self.lans[Nat.SYMMETRIC].publicAddress)
        self.assertEqual((standing.isPortStable, standing.isReachable), (False, False))
        self.assertIn("a NAT with another port for each peer", standing.kind)
        for member in self.members:
            listed = {contact.id for contact in await member.contacts()}
            self.assertFalse(listed & {node.id for node in nodes})

        lan = self.lans[Nat.PRESERVING]
        lan.forward()
        within = RETEST_AFTER + TEST_SECONDS + MEMBER_WITHIN
        await self.assertBecomesMember(nodes[0], lan.publicAddress, OPEN, within)
