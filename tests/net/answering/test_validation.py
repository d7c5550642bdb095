"""
Address validation: large answers are held until the address has proved that it receives datagrams.
"""

from __future__ import annotations

import gc
from functools import partial

from dwdht_twisted import RequestTimeout
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import (
    HELD_ANSWERS_PER_ADDRESS,
    HELD_BYTES,
    MAXIMUM_CLAIMS,
    MAXIMUM_GUESSES,
    MAXIMUM_VALIDATIONS,
    VALIDATION_SILENCE_REMEMBERED_FOR,
)
from dwdht_twisted._core.timeouts import INITIAL_TIMEOUT
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted._net.answering.validation import HeldAnswer
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS
from tests.helpers.networks.peers import RawPeer
from tests.helpers.networks.servers import ValidationTestCase


class HeldTests(ValidationTestCase):
    """
    Answers too large for an unproven address, which are held until the address is validated.
    """

    def test_heldAnswerIsSentAfterAPong(self) -> None:
        """An ephemeral asker is pinged. After its pong, it gets the answer with all 20 contacts."""
        peer = self.peer(id=None, answers="pong")
        peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(0.1)
        self.assertEqual([m.command for m, _ in peer.requests], [wire.PING])
        self.assertEqual(self.countNamed(peer), [20])
        self.assertEqual(self.server.counters.answersHeld, 1)

    def test_validatedAddressIsAnsweredAtOnce(self) -> None:
        """A validated address is pinged once for 3 answers."""
        peer = self.peer(id=None, answers="pong")
        for _ in range(3):
            peer.ask(self.there, wire.FIND_NODE, self.target())
            self.clock.runFor(1)
        self.assertEqual(len(peer.requests), 1)
        self.assertEqual(self.countNamed(peer), [20, 20, 20])

    def test_contactNeedsNoValidation(self) -> None:
        """
        A contact's address gets a whole answer without validation, even to a request without an id.
        """
        peer = self.peer()
        self.introduce(peer, self.server)
        peer.responses.clear()
        peer.ask(self.there, wire.FIND_NODE, self.target(), id=None)
        self.clock.runFor(0.1)
        self.assertEqual(self.countNamed(peer), [20])
        self.assertEqual(self.server.counters.answersHeld, 0)

    def test_tokenValidatesItsAddress(self) -> None:
        """An address that sends back a valid token is validated. It gets a value of 2,000 bytes."""
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

    def test_silentAddressGetsAShortAnswer(self) -> None:
        """
        A silent address gets an answer with fewer than 20 contacts within a second. It gets the
        next short answer at once, without a ping.
        """
        peer = self.peer(id=None)
        peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(1)
        [few] = self.countNamed(peer)
        self.assertGreater(few, 0)
        self.assertLess(few, 20)
        self.clock.runFor(REQUEST_SECONDS)
        pings = len(peer.requests)
        peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(0.05)
        self.assertEqual(self.countNamed(peer), [few, few])
        self.assertEqual(len(peer.requests), pings)

    def test_sentAnswerLeavesNoObject(self) -> None:
        """
        A held answer leaves no object in memory after it has been sent, even without the garbage
        collector.
        """
        gc.collect()
        gc.disable()
        self.addCleanup(gc.enable)
        for answers in ("pong", ""):
            self.peer(id=None, answers=answers).ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(self.server.counters.answersHeld, 2)
        self.assertEqual([each for each in gc.get_objects() if isinstance(each, HeldAnswer)], [])

    def test_silentAddressIsValidatedLater(self) -> None:
        """
        A silent address is pinged again after `VALIDATION_SILENCE_REMEMBERED_FOR`, 30 seconds. If
        it answers then, it gets all 20 contacts.
        """
        peer = self.peer(id=None)
        peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(REQUEST_SECONDS + VALIDATION_SILENCE_REMEMBERED_FOR)
        peer.onRequest = peer.pong
        peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(1)
        self.assertEqual(self.countNamed(peer)[-1], 20)

    def test_largeValueIsSentWholeOrNotAtAll(self) -> None:
        """
        An asker that answers its ping gets a value of 2,000 bytes. A silent asker gets no answer.
        """
        self.server.register(COMMAND, Handler(lambda _: b"x" * 2000))
        silent, honest = self.peer(id=None), self.peer(id=None, answers="pong")
        for peer in (silent, honest):
            peer.ask(self.there, COMMAND, self.target())
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(self.answersTo(silent), [])
        self.assertEqual([m.value for m in self.answersTo(honest)], [b"x" * 2000])

    def test_largeValueIsSentAtTheSecondRequest(self) -> None:
        """
        An asker that missed its pings gets no value at first. It gets the value when it asks again
        and answers the ping.
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

    def test_slowAskerGetsItsValue(self) -> None:
        """An asker that answers its ping after 2 seconds gets its value."""
        self.server.register(COMMAND, Handler(lambda _: b"x" * 2000))
        peer = self.peer(id=None)
        peer.onRequest = lambda message, address: self.clock.callLater(
            2.0, peer.pong, message, address
        )
        peer.ask(self.there, COMMAND, self.target())
        self.clock.runFor(2.5)
        self.assertEqual([m.value for m in self.answersTo(peer)], [b"x" * 2000])

    def test_secondPingIsSent(self) -> None:
        """An asker that misses the first ping and answers the second one gets its value."""
        self.server.register(COMMAND, Handler(lambda _: b"x" * 2000))
        peer = self.peer(id=None)
        peer.ask(self.there, COMMAND, self.target())
        self.clock.runFor(0.1)
        peer.onRequest = peer.pong
        self.clock.runFor(1)
        self.assertEqual([m.value for m in self.answersTo(peer)], [b"x" * 2000])

    def test_silenceToAValidationEvictsNoContact(self) -> None:
        """
        A contact that answers the ping of its claim stays listed, although it ignores the pings for
        its validation.
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

    def answerAfterGuesses(self, guesses: int) -> RawPeer:
        """Let a peer answer its ping after pongs with wrong transaction ids. Return the peer."""
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

    def test_fewGuessesSpareTheValidation(self) -> None:
        """
        A pong is accepted after 15 pongs with wrong transaction ids, one fewer than
        `MAXIMUM_GUESSES`.
        """
        peer = self.answerAfterGuesses(MAXIMUM_GUESSES - 1)
        self.assertEqual([m.value for m in self.answersTo(peer)], [b"x" * 2000])

    def test_manyGuessesEndTheValidation(self) -> None:
        """
        A pong is ignored after 16 pongs with wrong transaction ids, the number `MAXIMUM_GUESSES`.
        """
        peer = self.answerAfterGuesses(MAXIMUM_GUESSES)
        self.assertEqual(self.answersTo(peer), [])

    def test_answersOfAnAddressAreHeldTogether(self) -> None:
        """
        Of 21 answers for one address, 16 are held until the address answers one ping, as
        `HELD_ANSWERS_PER_ADDRESS` allows. The other five are sent with fewer than 20 contacts.
        """
        peer = self.peer(id=None, answers="pong")
        for _ in range(HELD_ANSWERS_PER_ADDRESS + 5):
            peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(1)
        self.assertEqual(len(peer.requests), 1)
        self.assertEqual(
            sorted(self.countNamed(peer))[-HELD_ANSWERS_PER_ADDRESS:],
            [20] * HELD_ANSWERS_PER_ADDRESS,
        )
        self.assertEqual(len([few for few in self.countNamed(peer) if few < 20]), 5)

    def test_validationsAreLimited(self) -> None:
        """
        Of 612 unproven addresses, 512 are validated at the same time, as `MAXIMUM_VALIDATIONS`
        allows. All are answered within 15 seconds.
        """
        peers = [self.peer(id=None) for _ in range(MAXIMUM_VALIDATIONS + 100)]
        for peer in peers:
            peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(0.1)
        self.assertEqual(sum(not peer.responses for peer in peers), MAXIMUM_VALIDATIONS)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertTrue(all(len(peer.responses) == 1 for peer in peers))

    def test_quickAskersAreValidatedInAFlood(self) -> None:
        """
        During a flood from 5,000 unproven addresses a second, 20 askers that answer their ping
        within 0.1 seconds get all 20 contacts.
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
        self.assertEqual([self.countNamed(peer) for peer in honest], [[20]] * 20)

    def test_heldBytesAreLimited(self) -> None:
        """
        Answers of 60,000 bytes are held up to a total of `HELD_BYTES`, 4 MB, for all addresses.
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

    def test_heldBytesFillTheirLimit(self) -> None:
        """
        Held answers of `HELD_BYTES` in total, 4 MB, are all held. One byte more gives up the
        oldest.
        """
        validation = self.server._parts.responder._answers._validation
        dropped: list[int] = []
        for number, size in enumerate([HELD_BYTES // 100] * 100 + [1]):
            self.assertEqual(dropped, [])
            send = partial(lambda number, _: dropped.append(number), number)
            validation.holdUntilValidated(("10.7.7.7", 1 + number), HeldAnswer(size, True, send))
        self.assertEqual(dropped, [0])

    def test_valuesForSilentAskersGiveWay(self) -> None:
        """
        An asker that answers gets a value of 60,000 bytes, although silent askers asked for twice
        `HELD_BYTES` of values before.
        """
        self.server.register(COMMAND, Handler(lambda _: b"x" * 60_000))
        for number in range(2 * HELD_BYTES // 60_000):
            datagram = wire.frameRequest(1, wire.requestBody(COMMAND, None, self.target()))
            self.server.datagramReceived(datagram, ("10.7.7.7", 1 + number))
        peer = self.peer(id=None, answers="pong")
        peer.ask(self.there, COMMAND, self.target())
        self.clock.runFor(0.2)
        self.assertEqual([len(m.value or b"") for m in self.answersTo(peer)], [60_000])

    def test_fullQueueDelaysNoValidation(self) -> None:
        """
        An address is validated although 256 of the node's own requests are in flight and 4,096
        wait.
        """
        silent = self.peer()
        for _ in range(256 + 4096):
            self.server.ping(silent.address).addErrback(lambda _: None)
        peer = self.peer(id=None, answers="pong")
        peer.ask(self.there, wire.FIND_NODE, self.target())
        self.clock.runFor(0.2)
        self.assertEqual(self.countNamed(peer), [20])

    def test_validationsDelayNoOwnRequest(self) -> None:
        """
        With the maximum of validations and claims in progress, the node's own ping is sent at once
        and times out as usual.
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
