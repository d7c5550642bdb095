"""
Hole punching between real NATs, those of the kernel, in network namespaces.

In every test the target has joined the network through the referrer, and has never heard of the
asker; the asker knows the referrer, and nobody else.
"""

from __future__ import annotations

from dwdht_twisted import Address, Contact, Pong, Reply
from tests.helpers.peer.interop import eventually
from tests.helpers.processes.nat import (
    PORT,
    PUBLIC_HOST,
    REFERRER_HOST,
    CallFailed,
    Nat,
    NatNode,
    NatTestCase,
)

VALUE = b"Hello, World!"

REFERRER = Address(REFERRER_HOST, PORT)

# The ids of the others differ from the referrer's in the first bit.  So none of them has a bucket
# beside the referrer's that would be refreshed with a lookup: that finds the other node, and opens
# the NATs before the test does.
REFERRER_ID = b"\xff" * 32
TARGET_ID = b"\x01" * 32
ASKER_ID = b"\x02" * 32
STRANGER_ID = b"\x03" * 32

#: A hole punch ends within this time, in seconds: all the transmissions of one request.
PUNCH_SECONDS = 6.0

#: A query with one silent node ends within this time, in seconds.
QUERY_SECONDS = 12.0


class PunchTestCase(NatTestCase):
    """
    :ivar referrer: a public node
    :ivar target: a node behind a NAT, which the referrer lists
    :ivar contact: the target as the referrer knows it
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
        """A node behind the other NAT, that knows the referrer."""
        asker = await self.lanNode(self.askersLan, ASKER_ID)
        await asker.ping(REFERRER)
        return asker

    async def startPublicAsker(self) -> NatNode:
        """A node behind no NAT, that knows the referrer."""
        asker = await self.publicNode(PUBLIC_HOST, ASKER_ID)
        await asker.ping(REFERRER)
        return asker

    async def assertTimesOut(self, asker: NatNode, referrer: Address) -> None:
        """A hole punch fails with a time-out, before long."""
        started = self.reactor.seconds()
        try:
            await asker.holepunch(self.contact.address, referrer)
        except CallFailed as failure:
            self.assertEqual(failure.error, "RequestTimeout")
            self.assertIn(str(self.contact.address), str(failure))
        else:
            self.fail("the NAT was passed")
        self.assertLess(self.reactor.seconds() - started, PUNCH_SECONDS)


class PreservingNatTests(PunchTestCase):
    """Both nodes are behind NATs that keep ports and filter by address and port."""

    async def test_closed(self) -> None:
        """Without hole punching the target's NAT drops all that the asker sends."""
        asker = await self.startAsker()
        replies = await asker.query(TARGET_ID, VALUE, holepunching=False)
        self.assertEqual([reply.node.id for reply in replies], [REFERRER_ID])
        self.assertGreater(self.targetsLan.counted("refused"), 0)
        self.assertEqual(self.targetsLan.counted("admitted"), 0)
        self.assertEqual(self.askersLan.counted("admitted"), 0)

    async def test_query(self) -> None:
        """A query reaches a target that doesn't answer, through the node that named it."""
        asker = await self.startAsker()
        replies = await asker.query(TARGET_ID, VALUE)
        self.assertIn(Reply(self.contact, VALUE), replies)
        self.assertGreater(self.targetsLan.counted("refused"), 0)

    async def test_update(self) -> None:
        """An update is taken by a target behind a NAT, once."""
        asker = await self.startAsker()
        replies = await asker.update(TARGET_ID, VALUE)
        self.assertIn(Reply(self.contact, VALUE), replies)
        self.assertEqual(await self.target.updates(), [VALUE])

    async def test_holepunch(self) -> None:
        """A hole punch tells who the target is, and where it sees the asker."""
        asker = await self.startAsker()
        pong = await asker.holepunch(self.contact.address, REFERRER)
        seenAs = Address(self.askersLan.publicAddress, PORT)
        self.assertEqual(pong, Pong(self.contact, seenAs))

    async def test_bothOpened(self) -> None:
        """A hole punch opens both NATs: either node then reaches the other by itself."""
        asker = await self.startAsker()
        await asker.holepunch(self.contact.address, REFERRER)
        admitted = [lan.counted("admitted") for lan in (self.askersLan, self.targetsLan)]
        refused = self.targetsLan.counted("refused")
        seenAs = Address(self.askersLan.publicAddress, PORT)

        self.assertEqual((await asker.ping(self.contact.address)).contact, self.contact)
        self.assertEqual((await self.target.ping(seenAs)).contact, Contact(ASKER_ID, *seenAs))

        self.assertGreater(self.askersLan.counted("admitted"), admitted[0])
        self.assertGreater(self.targetsLan.counted("admitted"), admitted[1])
        self.assertEqual(self.targetsLan.counted("refused"), refused)

    async def test_unknownReferrer(self) -> None:
        """A hole punch through a node that doesn't know the target fails in bounded time."""
        await self.publicNode(PUBLIC_HOST, STRANGER_ID)
        await self.assertTimesOut(await self.startAsker(), Address(PUBLIC_HOST, PORT))
        self.assertEqual(self.targetsLan.counted("admitted"), 0)

    async def test_join(self) -> None:
        """A node that joins reaches the nodes behind other NATs, and either lists the other."""
        asker = await self.lanNode(self.askersLan, ASKER_ID, REFERRER)
        self.assertIn(self.contact, await asker.contacts())
        seenAs = Contact(ASKER_ID, self.askersLan.publicAddress, PORT)

        async def isListed() -> bool:
            return seenAs in await self.target.contacts()

        await eventually(self.reactor, isListed)


class SymmetricNatTests(PunchTestCase):
    """
    Both nodes are behind NATs that take another port for each address and port that is sent to, so
    that neither can tell the other where its datagrams will come from.
    """

    askersNat = targetsNat = Nat.SYMMETRIC

    async def test_holepunch(self) -> None:
        """A hole punch fails with a time-out that names the target, in bounded time."""
        self.assertNotEqual(self.contact.port, PORT)
        await self.assertTimesOut(await self.startAsker(), REFERRER)

    async def test_query(self) -> None:
        """A query ends in bounded time, with the answers of all nodes but the target."""
        asker = await self.startAsker()
        started = self.reactor.seconds()
        replies = await asker.query(TARGET_ID, VALUE)
        self.assertLess(self.reactor.seconds() - started, QUERY_SECONDS)
        self.assertEqual([reply.node.id for reply in replies], [REFERRER_ID])


class SymmetricTargetTests(PunchTestCase):
    """
    Only the target is behind a NAT that takes another port for each address and port; the asker is
    reached from every port of a host that it has sent something to.
    """

    askersNat = Nat.OPEN_TO_HOST
    targetsNat = Nat.SYMMETRIC

    async def test_publicAsker(self) -> None:
        """A public node's query reaches the target, whose answer comes from another port."""
        await self._askFrom(await self.startPublicAsker())

    async def test_natThatOpensToHosts(self) -> None:
        """So does the query of a node whose NAT lets in all that comes from the target's host."""
        await self._askFrom(await self.startAsker())
        self.assertGreater(self.askersLan.counted("admitted"), 0)

    async def _askFrom(self, asker: NatNode) -> None:
        replies = {reply.node.id: reply for reply in await asker.query(TARGET_ID, VALUE)}
        node, value = replies[TARGET_ID]
        self.assertEqual(value, VALUE)
        self.assertEqual(node.host, self.contact.host)
        self.assertNotIn(node.port, (self.contact.port, PORT))


class SymmetricAskerTests(PunchTestCase):
    """Only the asker is behind a NAT that takes another port for each address and port."""

    askersNat = Nat.SYMMETRIC

    async def test_holepunch(self) -> None:
        """A hole punch fails too: the target opens its NAT for the port that the referrer sees."""
        await self.assertTimesOut(await self.startAsker(), REFERRER)
