"""
Which handshakes a node begins, and which associations give way to them.
"""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.private.bounds import OPENING, UNASKED
from dwdht_twisted.private.certified import layer
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from simulation.certified_hosts import LayerHost, makeAuthority, makeHost, makeMember

ANSWER = b"\0\1"
REQUEST = b"\x80\1"


class TurnTests(SynchronousTestCase):
    """
    A member, others that it has associations with, and addresses where nobody is.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=1, latency=0.04)
        self.one = self.host("10.0.0.1")
        self.named = 0

    def host(self, address: str) -> LayerHost:
        """Make a member."""
        made = makeHost(self.network, address, makeMember(makeAuthority()))
        self.addCleanup(lambda: made.layer.stop())
        return made

    def associated(self, count: int) -> list[LayerHost]:
        """Make members that the node has associations with."""
        others = [self.host(f"10.0.1.{number}") for number in range(1, count + 1)]
        for other in others:
            self.one.layer.send(REQUEST, other.address)
        self.clock.runFor(3)
        self.assertEqual(self.held(others), count)
        return others

    def held(self, others: list[LayerHost]) -> int:
        """The number of these members that the node has an association with."""
        return sum(self.one.isLinked(other) for other in others)

    def nobody(self) -> HostPort:
        """An address where nobody is, another one each time."""
        self.named += 1
        return f"10.7.{self.named // 250}.{1 + self.named % 250}", 6620

    def test_namedAddressesDelayNothing(self) -> None:
        """
        While a node answers 20 addresses a second that a member has named and where nobody is, it
        keeps its associations, and a request to a further member arrives within a second.
        """
        others = self.associated(8)
        further = self.host("10.0.2.1")
        for second in range(40):
            for _ in range(20):
                self.one.layer.send(ANSWER, self.nobody())
                self.clock.runFor(0.05)
            if second == 30:
                self.one.layer.send(REQUEST, further.address)
        self.assertEqual(further.delivered, [(REQUEST, self.one.address)])
        self.assertEqual(self.held(others), 8)
        self.assertLessEqual(len(self.one.layer.links), 8 + 1 + UNASKED)

    def test_latestAnswersHaveAHandshake(self) -> None:
        """Of 100 answers at once to addresses without an association, the last 16 are kept."""
        addresses = [self.nobody() for _ in range(100)]
        for address in addresses:
            self.one.layer.send(ANSWER, address)
        self.assertEqual(list(self.one.layer.links), addresses[-UNASKED:])

    def test_answerAfterAHandshakeArrives(self) -> None:
        """An answer that nobody has asked for, as in a hole punch, reaches its member."""
        other = self.host("10.0.2.1")
        for _ in range(2 * UNASKED):
            self.one.layer.send(ANSWER, self.nobody())
        self.one.layer.send(ANSWER, other.address)
        self.clock.runFor(1)
        self.assertEqual(other.delivered, [(ANSWER, self.one.address)])

    def test_requestGivesAPlaceOfItsOwn(self) -> None:
        """An address that is sent a request, too, doesn't give way to those named later."""
        address = self.nobody()
        self.one.layer.send(ANSWER, address)
        self.one.layer.send(REQUEST, address)
        for _ in range(2 * UNASKED):
            self.one.layer.send(ANSWER, self.nobody())
        self.assertIn(address, self.one.layer.links)

    def test_requestsWaitForTheirTurn(self) -> None:
        """Answers that nobody has asked for take none of the 64 places of requests."""
        asked: set[str] = set()
        self.network.onDatagram = lambda source, destination, data: asked.add(destination[0])
        for _ in range(UNASKED):
            self.one.layer.send(ANSWER, self.nobody())
        for _ in range(200):
            self.one.layer.send(REQUEST, self.nobody())
        self.assertEqual(len(asked), OPENING + UNASKED)

    def test_deadAddressesPushOutFewAssociations(self) -> None:
        """
        In a full table of 24 links, requests to 500 addresses where nobody is push out as many
        associations as there may be links without one, and no more.
        """
        self.patch(layer, "ASSOCIATIONS", 24)
        self.patch(layer, "UNESTABLISHED", 8)
        others = self.associated(24)
        for _ in range(500):
            self.one.layer.send(REQUEST, self.nobody())
            self.clock.runFor(0.01)
        self.assertEqual(self.held(others), 24 - 8 - 1)
        self.assertEqual(len(self.one.layer.links), 24)
