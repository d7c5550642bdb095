"""
Amplification: the bytes sent to an unproven address for each byte received from it.
"""

from __future__ import annotations

from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import AMPLIFICATION
from dwdht_twisted._core.wire import packAddress
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS
from tests.helpers.networks.peers import RawPeer
from tests.helpers.networks.servers import ValidationTestCase


class AmplificationTests(ValidationTestCase):
    """
    The limit `AMPLIFICATION`, 14, on the bytes sent to an unproven address for each byte received
    from it.
    """

    def factor(self, datagram: bytes, times: int = 1) -> float:
        """Return the bytes that a victim receives for each byte sent in its name."""
        victim = self.peer()
        for _ in range(times):
            victim.send(datagram, self.there)
        self.clock.runFor(2 * REQUEST_SECONDS)
        return sum(len(each) for each, _ in victim.received) / (times * len(datagram))

    def datagrams(self) -> list[bytes]:
        """Return requests of all kinds."""
        target, id = self.target(), self.target()
        self.server.register(COMMAND, Handler(lambda _: b"x" * 60000, lambda _: b"x" * 60000))
        self.server.register("small", Handler(lambda _: b"x"))
        bodies = [
            wire.requestBody(command, own, wanted, roundtripToken=token, value=value)
            for command in (wire.PING, wire.FIND_NODE, COMMAND, "small", "x")
            for own in (None, id)
            for wanted in (None, target)
            for token in (None, bytes(32))
            for value in (None, b"x" * 500)
        ]
        known = next(c for c in self.server.contacts())
        for field in ("forwardRequest", "forwardResponse"):
            bodies += [
                wire.requestBody(wire.PING, own, **{field: packAddress(*known.address)})
                for own in (None, id)
            ]
        return [wire.frameRequest(1, body) for body in bodies]

    def test_limitIsReachedExactly(self) -> None:
        """
        An unproven address without an id gets an answer of 14 times the bytes of its request at
        once. An answer with one byte more is held.
        """
        size = 2000
        self.server.register(COMMAND, Handler(lambda _: bytes(size)))
        known = self.peer(id=None, answers="pong")
        known.ask(self.there, COMMAND, self.target())
        self.clock.runFor(1)
        [overhead] = [len(each) - size for each, _ in known.received if not wire.isRequest(each)]
        datagram = wire.frameRequest(
            1, wire.requestBody(COMMAND, None, self.target(), value=bytes(100))
        )
        held = self.server.counters.answersHeld
        for more in (0, 1):
            size = AMPLIFICATION * len(datagram) - overhead + more
            self.peer(id=None).send(datagram, self.there)
            self.clock.runFor(0.1)
            self.assertEqual(self.server.counters.answersHeld - held, more)

    def test_oneRequestIsBounded(self) -> None:
        """
        For one request of each kind, a silent address gets at most 14 times the bytes of the
        request.
        """
        for datagram in self.datagrams():
            self.assertLessEqual(self.factor(datagram), AMPLIFICATION, datagram)

    def test_manyRequestsAreBounded(self) -> None:
        """
        For a hundred equal requests, a silent address gets at most 14 times the bytes of the
        requests.
        """
        for datagram in self.datagrams()[::3]:
            self.assertLessEqual(self.factor(datagram, 100), AMPLIFICATION, datagram)

    def test_findNodeOfEachSizeIsBounded(self) -> None:
        """
        For a ``_find_node`` of any size, a silent address gets at most 14 times the bytes of the
        request.
        """
        factors = [
            self.factor(
                wire.frameRequest(
                    1, wire.requestBody(wire.FIND_NODE, id, self.target(), value=bytes(size))
                )
            )
            for id in (None, self.target())
            for size in range(0, 60, 3)
        ]
        self.assertLessEqual(max(factors), AMPLIFICATION)

    def test_forwardedPingIsBounded(self) -> None:
        """The address named in a forwarded ping gets at most 14 times the bytes of the ping."""
        victim, sender = self.peer(), self.peer(id=None)
        datagram = sender.ask(self.there, wire.PING, forwardResponse=packAddress(*victim.address))
        self.clock.runFor(REQUEST_SECONDS)
        received = sum(len(each) for each, _ in victim.received)
        self.assertLessEqual(received, AMPLIFICATION * len(datagram))


class BudgetTests(ValidationTestCase):
    """
    The budget of a validated address for large answers.
    """

    def spendBudget(self, peer: RawPeer) -> None:
        """Let a contact ask for values of 60,000 bytes until it gets none."""
        self.server.register(
            COMMAND, Handler(lambda request: bytes(int(request.value or b"60000")))
        )
        self.introduce(peer, self.server)
        for _ in range(2):
            peer.responses.clear()
            peer.ask(self.there, COMMAND, self.target())
            self.clock.runFor(0.1)
        self.assertEqual(peer.responses, [])

    def test_spentBudgetDropsALargeValue(self) -> None:
        """
        A contact gets a first value of 60,000 bytes and no second one. Half a minute later it gets
        another.
        """
        peer = self.peer(answers="pong")
        self.spendBudget(peer)
        self.clock.runFor(30)
        peer.ask(self.there, COMMAND, self.target())
        self.clock.runFor(0.1)
        self.assertEqual([len(m.value or b"") for m in self.answersTo(peer)], [60_000])

    def test_spentBudgetLeavesOutContacts(self) -> None:
        """
        A contact without a budget gets values of 400 and 800 bytes. These answers name fewer than
        20 contacts. An answer without a value names all 20.
        """
        peer = self.peer(answers="pong")
        self.spendBudget(peer)
        peer.ask(self.there, COMMAND, self.target(), value=b"800")
        peer.ask(self.there, COMMAND, self.target(), value=b"400")
        peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(0.1)
        self.assertEqual([len(m.value or b"") for m in self.answersTo(peer)], [800, 400, 0])
        few, more, all = self.countNamed(peer)
        self.assertLess(few, more)
        self.assertLess(more, 20)
        self.assertEqual(all, 20)

    def test_spentBudgetLosesNoValueThatFits(self) -> None:
        """
        A contact without a budget gets values of 700 to 737 bytes, one more byte each time. Each
        answer leaves out as many contacts as it must, so none is dropped.
        """
        peer = self.peer(answers="pong")
        self.spendBudget(peer)
        # The answer to a command with updates has flags, which take bytes too.
        sizes = range(700, 700 + wire.COMPACT_CONTACT_BYTES)
        for size in sizes:
            peer.ask(self.there, COMMAND, self.target(), value=b"%d" % size)
        self.clock.runFor(0.1)
        self.assertEqual([len(m.value or b"") for m in self.answersTo(peer)], [*sizes])

    def test_spentBudgetIsThatOfOneAddress(self) -> None:
        """A contact gets a value of 60,000 bytes after another contact has spent its budget."""
        self.spendBudget(self.peer(answers="pong"))
        other = self.peer(answers="pong")
        self.introduce(other, self.server)
        other.responses.clear()
        other.ask(self.there, COMMAND, self.target())
        self.clock.runFor(0.1)
        self.assertEqual([len(m.value or b"") for m in self.answersTo(other)], [60_000])

    def test_heldAnswerComesOutOfTheBudget(self) -> None:
        """
        Three values of 60,000 bytes are held for one address. After its pong, the address gets one
        of them.
        """
        self.server.register(COMMAND, Handler(lambda _: b"x" * 60_000))
        peer = self.peer(id=None, answers="pong")
        for _ in range(3):
            peer.ask(self.there, COMMAND, self.target())
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual([len(m.value or b"") for m in self.answersTo(peer)], [60_000])

    def test_tokenNeedsNoBudget(self) -> None:
        """
        A contact without a budget gets a value of 60,000 bytes as the answer to a query with a
        valid token, and as the answer to an update.
        """
        peer = self.peer(answers="pong")
        self.spendBudget(peer)
        target = self.target()
        peer.ask(self.there, wire.FIND_NODE, target)
        self.clock.runFor(0.1)
        token = self.answersTo(peer)[-1].roundtripToken
        self.server.register("query", query=lambda _: b"x" * 60_000)
        self.server.register("update", update=lambda _: b"x" * 60_000)
        for command in ("query", "update"):
            peer.responses.clear()
            peer.ask(self.there, command, target, roundtripToken=token)
            self.clock.runFor(0.1)
            self.assertEqual([len(m.value or b"") for m in self.answersTo(peer)], [60_000])
