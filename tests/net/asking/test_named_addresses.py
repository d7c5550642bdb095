"""
The bytes that an address gets because a liar has named it, although it has never answered.
"""

from __future__ import annotations

from functools import partial

from dwdht_twisted import Contact
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits import namedAllowance
from dwdht_twisted._core.limits.bounds import SILENCE_TO_REQUEST_REMEMBERED_FOR
from dwdht_twisted._core.wire import HostPort, packAddress, packContact
from tests.helpers.networks.nodes import COMMAND, NodeTestCase
from tests.helpers.networks.peers import RawPeer


class NamedAddressTests(NodeTestCase):
    """
    Queries of a node whose only contact, a liar, names an address where nobody listens.
    """

    def setUp(self) -> None:
        super().setUp()
        self.wanted = self.random.randbytes(32)
        self.victim = Contact(self.wanted, "60.0.0.1", 6620)
        self.named = packContact(self.victim)
        self.forgesAfter: float | None = None
        self.liar = self.peer()
        self.liar.onRequest = partial(self.serve, self.liar)
        self.asker = self.node(bootstrap=[self.liar.address])
        self.clock.runUntil(self.asker.ready())
        self.clock.runFor(2 * SILENCE_TO_REQUEST_REMEMBERED_FOR)
        self.sent.clear()

    def serve(self, liar: RawPeer, message: wire.RequestMessage, source: HostPort) -> None:
        """Name the victim, and answer in its name when a ping to it has to be relayed."""
        if message.forwardRequest is not None:
            if self.forgesAfter is not None:
                self.clock.callLater(self.forgesAfter, self.forge, message.transactionId, source)
            return
        # The node's own lookups and pings name nobody.
        named = self.named if message.command == COMMAND else None
        liar.send(wire.encodeResponse(message.transactionId, liar.id, named, None, None), source)

    def forge(self, transactionId: int, source: HostPort) -> None:
        """Answer a relayed ping in the name of the victim."""
        pong = wire.encodeResponse(transactionId, self.wanted, None, packAddress(*source))
        at = self.liar.address
        self.network.transmit(at, source, pong, shown=self.victim.address)

    def sentToVictim(self, value: bytes | None = None) -> list[bytes]:
        """
        Query once, and return all datagrams to the victim while its silence is remembered.

        The query has to have named the victim once.
        """
        source = self.addressOf(self.asker)
        self.clock.runUntil(
            self.asker.query(COMMAND, self.wanted, value).collect().addErrback(lambda _: None)
        )
        self.clock.runFor(SILENCE_TO_REQUEST_REMEMBERED_FOR)
        answers = self.sentBy(self.liar.address, source)
        self.assertEqual(sum(self.named in answer for answer in answers), 1)
        return self.sentBy(source, self.victim.address)

    def assertWithinAllowance(self, sent: list[bytes], transmissions: int = 4) -> None:
        """Require as many transmissions of the query, and no more bytes than one naming allows."""
        queries = [each for each in sent if wire.decodeRequest(each).command != wire.PING]
        self.assertEqual(len(queries), transmissions)
        self.assertLessEqual(sum(map(len, sent)), namedAllowance(1))

    def test_silentAddressGetsNoMoreThanItsNamingAllows(self) -> None:
        """
        A query is sent four times to an address that an answer has named. With all pings in the
        next five minutes, the address gets at most 14 bytes for each of the 38 that name it.
        """
        sent = self.sentToVictim()
        self.assertWithinAllowance(sent)
        self.assertGreater(len(sent), 4)

    def test_longerQueriesLeaveFewerPings(self) -> None:
        """
        The bound holds for queries of any size up to 177 bytes, a third of what a naming allows:
        the longer a query is, the fewer retries and pings follow it.
        """
        for length, transmissions in ((1, 4), (20, 4), (40, 3), (60, 2)):
            self.setUp()
            self.assertWithinAllowance(self.sentToVictim(value=bytes(length)), transmissions)

    def test_pathThatALiarForgesCostsOneMoreTransmission(self) -> None:
        """
        If a liar answers in the name of the address when the ping is to be relayed, at once or
        later, the query is sent once more. The bound holds.
        """
        for seconds in (0.01, 0.3):
            self.setUp()
            self.forgesAfter = seconds
            self.assertWithinAllowance(self.sentToVictim(), 5)

    def test_largeQueryIsSentOnce(self) -> None:
        """A query that is larger than a naming allows is sent once to a silent address."""
        self.assertEqual(len(self.sentToVictim(value=bytes(1000))), 1)

    def test_everyNamingCounts(self) -> None:
        """
        A query of 160 bytes is sent four times to an address that two answers have named, and only
        twice to one that a single answer has named.
        """
        other = self.peer()
        other.onRequest = partial(self.serve, other)
        self.introduce(other, self.asker)
        self.clock.runFor(1)
        self.collect(self.asker, self.wanted, value=bytes(60))
        queries = [
            each
            for each in self.requestsBy(self.addressOf(self.asker), self.victim.address)
            if each.command == COMMAND
        ]
        self.assertEqual(len(queries), 4)
