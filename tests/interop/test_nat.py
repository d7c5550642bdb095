"""
Hole punching between NATs of the Linux kernel, in network namespaces.

In every test, the target has joined the network through the referrer and doesn't know the asker.
The asker knows only the referrer.
"""

from __future__ import annotations

from dwdht_twisted import Address, Contact, Pong, Reply
from tests.helpers.peer.interop import eventually
from tests.helpers.processes.nat import (
    PORT,
    PUBLIC_HOST,
    REFERRER_HOST,
    CallFailed,
    NatNode,
    NatTestCase,
)
from tests.helpers.processes.nat_kinds import Nat

VALUE = b"Hello, World!"

REFERRER = Address(REFERRER_HOST, PORT)

# The ids of all other nodes differ from the referrer's in the first bit. So no node has a second
# bucket to refresh. A lookup for a refresh would find the other node and open the NATs too early.
REFERRER_ID = b"\xff" * 32
TARGET_ID = b"\x01" * 32
ASKER_ID = b"\x02" * 32
STRANGER_ID = b"\x03" * 32

#: The most seconds that a hole punch may take: all transmissions of one request to a near node.
PUNCH_SECONDS = 6.0

#: The most seconds that a query may take if one node is silent.
QUERY_SECONDS = 12.0


class PunchTestCase(NatTestCase):
    """
    A base for tests with a public referrer and a target behind a NAT.

    :ivar referrer: the referrer
    :ivar target: the target, which the referrer lists
    :ivar contact: the target's contact as the referrer knows it
    """

    async def setUp(self) -> None:  # type: ignore[override]
        super().setUp()
        self.referrer = await self.publicNode(REFERRER_HOST, REFERRER_ID)
        self.target = await self.lanNode(self.targetsLan, TARGET_ID, REFERRER)
        await eventually(self.reactor, self._isListed)

    async def _isListed(self) -> bool:
        for contact in await self.referrer.contacts():
            if contact.id == TARGET_ID:
                self.contact = contact
                return True
        return False

    async def startAsker(self) -> NatNode:
        """Return a node behind the other NAT. It knows only the referrer."""
        asker = await self.lanNode(self.askersLan, ASKER_ID)
        await asker.ping(REFERRER)
        return asker

    async def startPublicAsker(self) -> NatNode:
        """Return a node without a NAT. It knows only the referrer."""
        asker = await self.publicNode(PUBLIC_HOST, ASKER_ID)
        await asker.ping(REFERRER)
        return asker

    async def assertTimesOut(self, asker: NatNode, referrer: Address) -> None:
        """
        Require that a hole punch fails within `PUNCH_SECONDS` with a time-out that contains the
        target's address.
        """
        started = self.reactor.seconds()
        try:
            await asker.holepunch(self.contact.address, referrer)
        except CallFailed as failure:
            self.assertEqual(failure.error, "RequestTimeout")
            self.assertIn(str(self.contact.address), str(failure))
        else:
            self.fail("the hole punch succeeded")
        self.assertLess(self.reactor.seconds() - started, PUNCH_SECONDS)


class PreservingNatTests(PunchTestCase):
    """
    Asker and target behind NATs that keep ports and filter by address and port.
    """

    async def test_natDropsQueryWithoutHolePunching(self) -> None:
        """Without hole punching, the target's NAT drops every datagram of the asker's query."""
        asker = await self.startAsker()
        replies = await asker.query(TARGET_ID, VALUE, holepunching=False)
        self.assertEqual([reply.node.id for reply in replies], [REFERRER_ID])
        self.assertGreater(self.targetsLan.count("refused"), 0)
        self.assertEqual(self.targetsLan.count("admitted"), 0)
        self.assertEqual(self.askersLan.count("admitted"), 0)

    async def test_queryReachesTarget(self) -> None:
        """
        The target's NAT drops the first request of a query. The query still reaches the target,
        through the node that named it.
        """
        asker = await self.startAsker()
        replies = await asker.query(TARGET_ID, VALUE)
        self.assertIn(Reply(self.contact, VALUE), replies)
        self.assertGreater(self.targetsLan.count("refused"), 0)

    async def test_updateRunsOnce(self) -> None:
        """An update to a target behind a NAT runs the handler once."""
        asker = await self.startAsker()
        replies = await asker.update(TARGET_ID, VALUE)
        self.assertIn(Reply(self.contact, VALUE), replies)
        self.assertEqual(await self.target.updates(), [VALUE])

    async def test_holePunchReturnsTargetAndOwnAddress(self) -> None:
        """
        A hole punch returns the target's contact and the public address at which the target sees
        the asker.
        """
        asker = await self.startAsker()
        pong = await asker.holepunch(self.contact.address, REFERRER)
        seenAs = Address(self.askersLan.publicAddress, PORT)
        self.assertEqual(pong, Pong(self.contact, seenAs))

    async def test_holePunchOpensBothNats(self) -> None:
        """After a hole punch, asker and target can ping each other, and no NAT drops a ping."""
        asker = await self.startAsker()
        await asker.holepunch(self.contact.address, REFERRER)
        admitted = [lan.count("admitted") for lan in (self.askersLan, self.targetsLan)]
        refused = self.targetsLan.count("refused")
        seenAs = Address(self.askersLan.publicAddress, PORT)

        self.assertEqual((await asker.ping(self.contact.address)).contact, self.contact)
        self.assertEqual((await self.target.ping(seenAs)).contact, Contact(ASKER_ID, *seenAs))

        self.assertGreater(self.askersLan.count("admitted"), admitted[0])
        self.assertGreater(self.targetsLan.count("admitted"), admitted[1])
        self.assertEqual(self.targetsLan.count("refused"), refused)

    async def test_holePunchThroughStrangerTimesOut(self) -> None:
        """
        A hole punch through a node that doesn't know the target fails within 6 seconds. No datagram
        passes the target's NAT.
        """
        await self.publicNode(PUBLIC_HOST, STRANGER_ID)
        await self.assertTimesOut(await self.startAsker(), Address(PUBLIC_HOST, PORT))
        self.assertEqual(self.targetsLan.count("admitted"), 0)

    async def test_joiningNodeReachesNattedNode(self) -> None:
        """A node behind a NAT joins. It and a node behind another NAT list each other."""
        asker = await self.lanNode(self.askersLan, ASKER_ID, REFERRER)
        self.assertIn(self.contact, await asker.contacts())
        seenAs = Contact(ASKER_ID, self.askersLan.publicAddress, PORT)

        async def isListed() -> bool:
            return seenAs in await self.target.contacts()

        await eventually(self.reactor, isListed)


class SymmetricNatTests(PunchTestCase):
    """
    Asker and target behind symmetric NATs, which use another port for each destination.

    Neither node can know from which port the datagrams of the other node will come.
    """

    askersNat = targetsNat = Nat.SYMMETRIC

    async def test_holePunchTimesOut(self) -> None:
        """
        A hole punch between two symmetric NATs fails within 6 seconds. The error contains the
        target's address.
        """
        self.assertNotEqual(self.contact.port, PORT)
        await self.assertTimesOut(await self.startAsker(), REFERRER)

    async def test_queryEndsWithoutTarget(self) -> None:
        """
        A query between two symmetric NATs ends within 12 seconds with the replies of all nodes
        except the target.
        """
        asker = await self.startAsker()
        started = self.reactor.seconds()
        replies = await asker.query(TARGET_ID, VALUE)
        self.assertLess(self.reactor.seconds() - started, QUERY_SECONDS)
        self.assertEqual([reply.node.id for reply in replies], [REFERRER_ID])


class SymmetricTargetTests(PunchTestCase):
    """
    Only the target is behind a symmetric NAT.

    The asker has no NAT, or one that accepts datagrams from every port of a host that the asker has
    sent to.
    """

    askersNat = Nat.OPEN_TO_HOST
    targetsNat = Nat.SYMMETRIC

    async def test_queryFromPublicNodeReachesTarget(self) -> None:
        """
        A public node's query reaches a target behind a symmetric NAT, although the answer comes
        from another port.
        """
        await self._askFrom(await self.startPublicAsker())

    async def test_queryFromNatThatOpensToHostsReachesTarget(self) -> None:
        """
        A query from behind a NAT that filters only by address reaches a target behind a symmetric
        NAT.
        """
        await self._askFrom(await self.startAsker())
        self.assertGreater(self.askersLan.count("admitted"), 0)

    async def _askFrom(self, asker: NatNode) -> None:
        replies = {reply.node.id: reply for reply in await asker.query(TARGET_ID, VALUE)}
        node, value = replies[TARGET_ID]
        self.assertEqual(value, VALUE)
        self.assertEqual(node.host, self.contact.host)
        self.assertNotIn(node.port, (self.contact.port, PORT))


class SymmetricAskerTests(PunchTestCase):
    """
    Only the asker is behind a symmetric NAT, which uses another port for each destination.
    """

    askersNat = Nat.SYMMETRIC

    async def test_holePunchTimesOut(self) -> None:
        """
        A hole punch fails within 6 seconds, because the target opens its NAT only for the port that
        the referrer sees.
        """
        await self.assertTimesOut(await self.startAsker(), REFERRER)
