"""
The layer of a network with a key: what is sent again, and whom an answer is for.
"""

from __future__ import annotations

from random import Random

from dwdht_twisted.private.bounds import (
    ASKERS_REMEMBERED,
    ASKERS_REMEMBERED_FOR,
    NUMBERS_REMEMBERED,
    STREAM_LIFETIME,
    STREAMS_REMEMBERED,
)
from tests.helpers.networks.keyed import REQUEST, RESPONSE, LayerTestCase


class ReplayTests(LayerTestCase):
    """
    Datagrams that were sealed by a member, and are sent again by somebody else.
    """

    def test_datagramIsDeliveredOnce(self) -> None:
        """A datagram that comes twice is delivered once, from whatever address it comes again."""
        sealed = self.alice.seal()
        self.assertEqual(self.bob.receive(sealed, self.alice), [REQUEST])
        self.assertEqual(self.bob.receive(sealed, self.alice), [])
        self.assertEqual(self.bob.receive(sealed, ("10.9.9.9", 9)), [])
        self.assertEqual(self.bob.refused, (0, 2))

    def test_orderDoesNotMatter(self) -> None:
        """100 datagrams that arrive in the reverse order are all delivered, each once."""
        sealed = [self.alice.seal() for _ in range(100)]
        delivered = [self.bob.receive(each) for each in sealed[::-1] + sealed]
        self.assertEqual(delivered, [[REQUEST]] * 100 + [[]] * 100)

    def test_overtakenDatagramIsLost(self) -> None:
        """A datagram that 128 later ones of its stream have overtaken is lost."""
        first, *later = [self.alice.seal() for _ in range(NUMBERS_REMEMBERED + 2)]
        for each in later:
            self.bob.receive(each)
        self.assertEqual(self.bob.receive(first), [])

    def test_numbersTakeBoundedMemory(self) -> None:
        """Of 10,000 datagrams, 128 numbers are remembered, and none is accepted twice."""
        sealed = [self.alice.seal() for _ in range(10_000)]
        for each in sealed:
            self.assertEqual(self.bob.receive(each), [REQUEST])
            [stream] = self.bob.layer._received.values()
            self.assertEqual(len(stream.highest), NUMBERS_REMEMBERED)
        for each in sealed:
            self.assertEqual(self.bob.receive(each), [])

    def test_noNumberIsAcceptedTwice(self) -> None:
        """
        Whatever the order of a stream's datagrams, and however often each comes: each is accepted
        at most once, and at the first time if fewer than 128 later ones had been sent before it.
        """
        for seed in range(20):
            random = Random(seed)
            sender = self.member(100 + seed)
            sealed = [sender.seal() for _ in range(500)]
            spread = random.choice([10, 100, 1000])
            order = sorted(
                [number for number in range(500) for _ in range(random.randrange(1, 3))],
                key=lambda number: number + random.uniform(0, spread),
            )
            accepted: set[int] = set()
            newest = 0
            for number in order:
                isAccepted = bool(self.bob.receive(sealed[number]))
                if number in accepted:
                    self.assertFalse(isAccepted, f"seed {seed}: {number} came twice")
                elif newest - number < NUMBERS_REMEMBERED:
                    self.assertTrue(isAccepted, f"seed {seed}: {number} is lost")
                if isAccepted:
                    accepted.add(number)
                newest = max(newest, number)

    def test_rememberedStreamsAreBounded(self) -> None:
        """Of 4,200 members that were heard, a node remembers 4,096 streams, those heard last."""
        first = self.member(5000).seal()
        self.bob.receive(first)
        for seed in range(STREAMS_REMEMBERED + 100):
            self.bob.receive(self.member(10_000 + seed).seal())
        self.assertEqual(len(self.bob.layer._received), STREAMS_REMEMBERED)
        self.assertNotIn(first[:12], self.bob.layer._received)

    def test_reflectedDatagramIsRefused(self) -> None:
        """A node refuses what it has sent itself."""
        request = self.alice.seal(to=self.bob)
        self.assertEqual(self.alice.receive(request, self.bob), [])
        self.bob.receive(request, self.alice)
        answer = self.bob.seal(RESPONSE, self.alice)
        self.assertEqual(self.bob.receive(answer, self.alice), [])
        self.assertEqual((self.alice.refused, self.bob.refused), ((0, 1), (0, 1)))

    def test_reflectedDatagramOfAFormerStream(self) -> None:
        """A node refuses what it has sent before its clock was set forth and back."""
        request = self.alice.seal()
        for self.alice.offset in (2.0 * STREAM_LIFETIME, 0.0):
            self.alice.seal()
        self.assertEqual(self.alice.receive(request, self.bob), [])

    def test_answerIsForItsAskerAlone(self) -> None:
        """The answer to one member is refused by another that asked the same node."""
        carol = self.member(3)
        self.bob.receive(self.alice.seal(), self.alice)
        self.bob.receive(carol.seal(), carol)
        answer = self.bob.seal(RESPONSE, self.alice)
        self.assertEqual(carol.receive(answer, self.bob), [])
        self.assertEqual(self.alice.receive(answer, self.bob), [RESPONSE])

    def test_answerAtOnceIsForItsAskerAlone(self) -> None:
        """The answer to a request that is answered while it is delivered is for its asker, too."""
        carol = self.member(3)
        self.bob.receive(carol.seal(), carol)
        answer = self.bob.answer(self.alice.seal(), self.alice)
        self.assertEqual(carol.receive(answer, self.bob), [])
        self.assertEqual(self.alice.receive(answer, self.bob), [RESPONSE])

    def test_unaskedAnswerIsForAnyRun(self) -> None:
        """
        After a member was restarted at its address, an answer that it has not asked for, as in a
        hole punch, isn't sealed for its former run, whose request was not answered.
        """
        self.bob.receive(self.alice.seal(), self.alice)
        again = self.member(1 + 250)
        again.address = self.alice.address
        unasked = b"\x00\x02response"
        self.assertEqual(again.receive(self.bob.seal(unasked, again), self.bob), [unasked])

    def test_replayUnderAnotherAddressDivertsNoAnswer(self) -> None:
        """
        Requests of a member that somebody sends again under the address of another one, before and
        after those of this one, don't keep this one from its answers.
        """
        carol = self.member(3)
        asked = [bytes((0x80, number)) + b"request" for number in range(20)]
        for number, request in enumerate(asked):
            if number % 2:
                self.bob.receive(carol.seal(bytes((0x81, number))), self.alice)
            self.bob.receive(self.alice.seal(request), self.alice)
            if not number % 2:
                self.bob.receive(carol.seal(bytes((0x81, number))), self.alice)
        for request in asked:
            response = bytes((0, request[1])) + b"response"
            answer = self.bob.seal(response, self.alice)
            self.assertEqual(carol.receive(answer, self.bob), [])
            self.assertEqual(self.alice.receive(answer, self.bob), [response])

    def test_hostMakesTheNodeForgetItsOwnAskersAlone(self) -> None:
        """Two requests for each place of the memory, all of one host, leave the other askers."""
        carol = self.member(3)
        self.bob.receive(self.alice.seal(), self.alice)
        for port in range(1, 2 * ASKERS_REMEMBERED + 1):
            self.bob.receive(carol.seal(), ("10.0.7.7", port))
        answer = self.bob.seal(RESPONSE, self.alice)
        self.assertEqual(carol.receive(answer, self.bob), [])
        self.assertEqual(self.alice.receive(answer, self.bob), [RESPONSE])
        self.assertLessEqual(len(self.bob.layer._askers), ASKERS_REMEMBERED)

    def test_answerIsForOneRunOfItsAsker(self) -> None:
        """The answer to a member is refused by its next run at the same address."""
        self.bob.receive(self.alice.seal(), self.alice)
        answer = self.bob.seal(RESPONSE, self.alice)
        again = self.member(1 + 250)
        again.address = self.alice.address
        self.assertEqual(again.receive(answer, self.bob), [])
        self.bob.receive(again.seal(), again)
        self.assertEqual(again.receive(self.bob.seal(RESPONSE, again), self.bob), [RESPONSE])

    def test_relayedPingIsAnsweredToAnybody(self) -> None:
        """A node answers a member that it has never heard, as it does for a hole punch."""
        answer = self.bob.seal(RESPONSE, self.alice)
        self.assertEqual(self.alice.receive(answer, self.bob), [RESPONSE])

    def test_runsOfAnAskerAreForgotten(self) -> None:
        """
        Two minutes after a request, the answer to it is for any member at its address, whether the
        node was asked by others meanwhile or not.
        """
        for others in (0, 1, 2):
            self.bob.receive(self.alice.seal(), self.alice)
            for number in range(2):
                self.clock.advance(ASKERS_REMEMBERED_FOR)
                if number < others:
                    self.bob.receive(self.member(20 + 10 * others + number).seal())
            again = self.member(251 + 250 * others)
            answer = self.bob.seal(RESPONSE, self.alice)
            self.assertEqual(again.receive(answer, self.bob), [RESPONSE])

    def test_requestMayGoToAnyMember(self) -> None:
        """A request that was not received by its receiver is accepted by another member, once."""
        carol = self.member(3)
        request = self.alice.seal(to=self.bob)
        self.assertEqual(carol.receive(request), [REQUEST])
        self.assertEqual(carol.receive(request), [])
