"""
Tests for `dwdht_twisted.proof`: nobody is sent much before it has proven its address.
"""

from __future__ import annotations

import gc

from dwdht_twisted import DHTNode, RateLimit, RequestTimeout
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import (
    AMPLIFICATION,
    HELD_ANSWERS_PER_ADDRESS,
    HELD_BYTES,
    MAXIMUM_CLAIMS,
    MAXIMUM_GUESSES,
    MAXIMUM_VALIDATIONS,
    VALIDATION_SILENCE_REMEMBERED_FOR,
)
from dwdht_twisted._core.timeouts import INITIAL_TIMEOUT
from dwdht_twisted._core.wire import HostPort, packAddress, splitContacts
from dwdht_twisted._net.answering.validation import HeldAnswer
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase
from tests.helpers.networks.peers import RawPeer


class ProofTestCase(NodeTestCase):
    """
    A node with a full answer.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server: DHTNode = self.swarm(30, rateLimit=RateLimit(1e6, 1e6))[0]
        self.there = self.addressOf(self.server)
        self.sent.clear()

    def answersTo(self, peer: RawPeer) -> list[wire.ResponseMessage]:
        """What a peer was answered."""
        return [message for message, _ in peer.responses]

    def named(self, peer: RawPeer) -> list[int]:
        """How many nodes each answer named."""
        return [len(splitContacts(message.nodes or b"")) for message in self.answersTo(peer)]


class HeldTests(ProofTestCase):
    """
    An answer that is too large for an unproven address waits for a proof.
    """

    def test_ephemeralAsker(self) -> None:
        """
        An ephemeral asker is pinged, and gets the whole answer when it has answered that.
        """
        peer = self.peer(id=None, answers="pong")
        peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(0.1)
        self.assertEqual([m.command for m, _ in peer.requests], [wire.PING])
        self.assertEqual(self.named(peer), [20])
        self.assertEqual(self.server.counters.answersHeld, 1)

    def test_onceProven(self) -> None:
        """
        Who has proven its address is answered at once from then on.
        """
        peer = self.peer(id=None, answers="pong")
        for _ in range(3):
            peer.ask(self.there, wire.FIND_NODE, self.target())
            self.clock.runFor(1)
        self.assertEqual(len(peer.requests), 1)
        self.assertEqual(self.named(peer), [20, 20, 20])

    def test_contact(self) -> None:
        """
        A contact has proven its address already.
        """
        peer = self.peer()
        self.introduce(peer, self.server)
        peer.responses.clear()
        peer.ask(self.there, wire.FIND_NODE, self.target(), id=None)
        self.clock.runFor(0.1)
        self.assertEqual(self.named(peer), [20])
        self.assertEqual(self.server.counters.answersHeld, 0)

    def test_token(self) -> None:
        """
        Who sends a token back has proven its address.
        """
        self.server.register(COMMAND, Handler(lambda _: b"x" * 2000))
        peer = self.peer(id=None)
        target = self.target()
        peer.ask(self.there, wire.FIND_NODE, target)
        self.clock.runFor(REQUEST_SECONDS)
        token = self.answersTo(peer)[0].roundtripToken
        peer.ask(self.there, COMMAND, target, roundtripToken=token)
        self.clock.runFor(1)
        peer.responses.clear()
        peer.ask(self.there, COMMAND, target)
        self.clock.runFor(0.1)
        self.assertEqual([m.value for m in self.answersTo(peer)], [b"x" * 2000])

    def test_silent(self) -> None:
        """
        An address that is silent gets a short answer, soon, and the next ones at once.
        """
        peer = self.peer(id=None)
        peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(1)
        [few] = self.named(peer)
        self.assertGreater(few, 0)
        self.assertLess(few, 20)
        self.clock.runFor(REQUEST_SECONDS)
        pings = len(peer.requests)
        peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(0.05)
        self.assertEqual(self.named(peer), [few, few])
        self.assertEqual(len(peer.requests), pings)

    def test_leavesNothing(self) -> None:
        """
        An answer that no longer waits is gone, without the help of the garbage collector.
        """
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        for answers in ("pong", ""):
            self.peer(id=None, answers=answers).ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(self.server.counters.answersHeld, 2)
        self.assertEqual([each for each in gc.get_objects() if isinstance(each, HeldAnswer)], [])

    def test_silenceIsForgotten(self) -> None:
        """
        A silent address is asked for a proof again after a while.
        """
        peer = self.peer(id=None)
        peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(REQUEST_SECONDS + VALIDATION_SILENCE_REMEMBERED_FOR)
        peer.onRequest = peer.pong
        peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(1)
        self.assertEqual(self.named(peer)[-1], 20)

    def test_value(self) -> None:
        """
        A value that is too large is not cut: who doesn't prove its address gets nothing.
        """
        self.server.register(COMMAND, Handler(lambda _: b"x" * 2000))
        silent, honest = self.peer(id=None), self.peer(id=None, answers="pong")
        for peer in (silent, honest):
            peer.ask(self.there, COMMAND, self.target())
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(self.answersTo(silent), [])
        self.assertEqual([m.value for m in self.answersTo(honest)], [b"x" * 2000])

    def test_valueAfterLoss(self) -> None:
        """
        A value that was not sent, for the proof of its asker was lost, is sent when it asks again.
        """
        self.server.register(COMMAND, Handler(lambda _: b"x" * 2000))
        peer = self.peer(id=None)
        target = self.target()
        peer.ask(self.there, COMMAND, target)
        self.clock.runFor(REQUEST_SECONDS)
        peer.onRequest = peer.pong
        peer.ask(self.there, COMMAND, target)
        self.clock.runFor(0.2)
        self.assertEqual([m.value for m in self.answersTo(peer)], [b"x" * 2000])

    def test_slow(self) -> None:
        """
        An asker whose pong takes as long as a round trip ever does gets its value.
        """
        self.server.register(COMMAND, Handler(lambda _: b"x" * 2000))
        peer = self.peer(id=None)
        peer.onRequest = lambda message, address: self.clock.callLater(
            2.0, peer.pong, message, address
        )
        peer.ask(self.there, COMMAND, self.target())
        self.clock.runFor(2.5)
        self.assertEqual([m.value for m in self.answersTo(peer)], [b"x" * 2000])

    def test_pingIsLost(self) -> None:
        """
        An asker that misses the first ping is sent another.
        """
        self.server.register(COMMAND, Handler(lambda _: b"x" * 2000))
        peer = self.peer(id=None)
        peer.ask(self.there, COMMAND, self.target())
        self.clock.runFor(0.1)
        peer.onRequest = peer.pong
        self.clock.runFor(1)
        self.assertEqual([m.value for m in self.answersTo(peer)], [b"x" * 2000])

    def test_contactStays(self) -> None:
        """
        A contact that misses what asks for a proof is not taken for dead.
        """
        self.server.register(COMMAND, Handler(lambda _: b"x" * 20_000))
        peer = self.peer()

        def answerClaimOnly(message: wire.RequestMessage, address: HostPort) -> None:
            if message.id is not None:
                peer.pong(message, address)

        peer.onRequest = answerClaimOnly
        peer.ask(self.there, COMMAND, self.target())
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual({message.id is None for message, _ in peer.requests}, {True, False})
        self.assertIn(peer.contact, self.server.contacts())

    def guess(self, guesses: int) -> RawPeer:
        """Have someone send so many wrong pongs in the name of a peer, then the right one."""
        self.server.register(COMMAND, Handler(lambda _: b"x" * 2000))
        peer = self.peer(id=None)
        peer.ask(self.there, COMMAND, self.target())
        self.clock.runFor(0.1)
        [(ping, address)] = peer.requests
        for number in range(1, guesses + 1):
            wrong = (ping.transactionId + number) % 65536
            peer.send(wire.encodeResponse(wrong), self.there)
        peer.pong(ping, address)
        self.clock.runFor(0.1)
        return peer

    def test_strayAnswers(self) -> None:
        """
        Fewer answers that nobody waits for make no difference.
        """
        peer = self.guess(MAXIMUM_GUESSES - 1)
        self.assertEqual([m.value for m in self.answersTo(peer)], [b"x" * 2000])

    def test_guesses(self) -> None:
        """
        Whoever guesses at the transaction id of the ping has a few guesses only.
        """
        peer = self.guess(MAXIMUM_GUESSES)
        self.assertEqual(self.answersTo(peer), [])

    def test_several(self) -> None:
        """
        Several answers wait until one ping is answered; too many of them don't wait.
        """
        peer = self.peer(id=None, answers="pong")
        for _ in range(HELD_ANSWERS_PER_ADDRESS + 5):
            peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(1)
        self.assertEqual(len(peer.requests), 1)
        self.assertEqual(
            sorted(self.named(peer))[-HELD_ANSWERS_PER_ADDRESS:], [20] * HELD_ANSWERS_PER_ADDRESS
        )
        self.assertEqual(len([few for few in self.named(peer) if few < 20]), 5)

    def test_flood(self) -> None:
        """
        A flood from very many addresses has a bounded number of them asked for a proof at a time,
        and all answered.
        """
        peers = [self.peer(id=None) for _ in range(MAXIMUM_VALIDATIONS + 100)]
        for peer in peers:
            peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(0.1)
        self.assertEqual(sum(not peer.responses for peer in peers), MAXIMUM_VALIDATIONS)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertTrue(all(len(peer.responses) == 1 for peer in peers))

    def test_newcomersInFlood(self) -> None:
        """
        Whoever comes during such a flood and answers within a tenth of a second gets everything.
        """
        honest = []
        for number in range(20):
            for each in range(500):
                address = (f"10.7.{number}.{each & 255}", 1 + each)
                body = wire.requestBody(wire.FIND_NODE, None, self.target())
                self.server.datagramReceived(wire.frameRequest(1, body), address)
            peer = self.peer(id=None, answers="pong")
            peer.ask(self.there, wire.FIND_NODE, self.target())
            honest.append(peer)
            self.clock.runFor(0.1)
        self.clock.runFor(1)
        self.assertEqual([self.named(peer) for peer in honest], [[20]] * 20)

    def test_bytes(self) -> None:
        """
        Answers wait for proofs up to a number of bytes for all addresses together.
        """
        self.server.register(COMMAND, Handler(lambda _: b"x" * 60_000))
        count = HELD_BYTES // 60_000 + 20
        peers = [self.peer(id=None, answers="pong") for _ in range(count)]
        for number, peer in enumerate(peers):
            datagram = wire.frameRequest(number, wire.requestBody(COMMAND, None, self.target()))
            self.server.datagramReceived(datagram, peer.address)
        self.clock.runFor(1)
        answered = sum(len(peer.responses) for peer in peers)
        self.assertTrue(0 <= HELD_BYTES - 60_000 * answered < 120_000)

    def test_newcomersAmongValues(self) -> None:
        """
        Large values that wait for silent askers give way to one whose asker answers.
        """
        self.server.register(COMMAND, Handler(lambda _: b"x" * 60_000))
        for number in range(2 * HELD_BYTES // 60_000):
            datagram = wire.frameRequest(1, wire.requestBody(COMMAND, None, self.target()))
            self.server.datagramReceived(datagram, ("10.7.7.7", 1 + number))
        peer = self.peer(id=None, answers="pong")
        peer.ask(self.there, COMMAND, self.target())
        self.clock.runFor(0.2)
        self.assertEqual([len(m.value or b"") for m in self.answersTo(peer)], [60_000])

    def test_fullQueue(self) -> None:
        """
        A proof is asked for, however many requests of the node's own wait.
        """
        silent = self.peer()
        for _ in range(256 + 4096):
            self.server.ping(silent.address).addErrback(lambda _: None)
        peer = self.peer(id=None, answers="pong")
        peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(0.2)
        self.assertEqual(self.named(peer), [20])

    def test_ownRequests(self) -> None:
        """
        However many addresses owe a proof, and an answer to a claim, the node's own requests go out
        at once, and are not waited for longer.
        """
        datagrams = [
            wire.frameRequest(number, wire.requestBody(wire.FIND_NODE, id, self.target()))
            for number in range(MAXIMUM_VALIDATIONS + MAXIMUM_CLAIMS)
            for id in (None, self.target())
        ]
        for _ in range(3):
            for number, datagram in enumerate(datagrams):
                self.server.datagramReceived(datagram, (f"10.8.{number >> 8}.{number & 255}", 1))
            self.clock.runFor(5)
        peer = self.peer()
        lost = self.server.ping(peer.address)
        self.clock.runFor(0.1)
        self.assertEqual(len(peer.requests), 1)
        self.clock.runFor(8 * INITIAL_TIMEOUT)
        self.failureResultOf(lost, RequestTimeout)


class AmplificationTests(ProofTestCase):
    """
    An unproven address is sent at most `AMPLIFICATION` bytes for each byte that came from it.
    """

    def factor(self, datagram: bytes, times: int = 1) -> float:
        """How many bytes a victim gets for each that is sent in its name."""
        victim = self.peer()
        for _ in range(times):
            victim.send(datagram, self.there)
        self.clock.runFor(2 * REQUEST_SECONDS)
        return sum(len(each) for each, _ in victim.received) / (times * len(datagram))

    def datagrams(self) -> list[bytes]:
        """A request of each kind."""
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

    def test_allCommands(self) -> None:
        """
        One datagram of each kind, from an address that is silent.
        """
        for datagram in self.datagrams():
            self.assertLessEqual(self.factor(datagram), AMPLIFICATION, datagram)

    def test_many(self) -> None:
        """
        A hundred of each kind, from one address that is silent.
        """
        for datagram in self.datagrams()[::3]:
            self.assertLessEqual(self.factor(datagram, 100), AMPLIFICATION, datagram)

    def test_findNode(self) -> None:
        """
        The most that ``_find_node`` gives for a byte, over all sizes of the request.
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

    def test_thirdParty(self) -> None:
        """
        Whom a forwarded ping reaches gets no more than was sent for it.
        """
        victim, sender = self.peer(), self.peer(id=None)
        datagram = sender.ask(self.there, wire.PING, forwardResponse=packAddress(*victim.address))
        self.clock.runFor(REQUEST_SECONDS)
        received = sum(len(each) for each, _ in victim.received)
        self.assertLessEqual(received, AMPLIFICATION * len(datagram))
