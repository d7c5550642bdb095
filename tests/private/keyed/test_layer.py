"""
The layer of a network with a key: what it opens, and what it refuses.
"""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from dwdht_twisted.private import KeyedNetwork
from dwdht_twisted.private.bounds import (
    ASKERS_REMEMBERED,
    ASKERS_REMEMBERED_FOR,
    CLOCK_TOLERANCE,
    NUMBERS_REMEMBERED,
    STREAM_LIFETIME,
    STREAMS_REMEMBERED,
)
from tests.helpers.networks.keyed import KEY, OTHER, REQUEST, RESPONSE, Member


class LayerTestCase(SynchronousTestCase):
    """
    A base for tests with two members, ``alice`` and ``bob``.
    """

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_800_000_000)
        self.alice = self.member(1)
        self.bob = self.member(2)

    def member(self, seed: int, *keys: bytes, offset: float = 0.0) -> Member:
        """Return a member whose host has this number."""
        address = (f"10.0.0.{seed % 250}", 1000 + seed)
        return Member(self.clock, *keys, address=address, seed=seed, offset=offset)


class SealingTests(LayerTestCase):
    """
    What passes from one member to another.
    """

    def test_memberReadsWhatAMemberSends(self) -> None:
        """A datagram of a member arrives as it was sent, with the address that it came from."""
        self.bob.receive(self.alice.seal(), self.alice)
        self.assertEqual(self.bob.delivered, [(REQUEST, self.alice.address)])

    def test_datagramGetsFortyBytesLonger(self) -> None:
        """A sealed datagram has 40 bytes more, as the network's overhead says."""
        for size in (1, 100, 1192):
            sealed = self.alice.seal(b"\x80" * size)
            self.assertEqual(len(sealed), size + 40)
        self.assertEqual(KeyedNetwork(KEY).overhead, 40)

    def test_nothingIsSentInTheClear(self) -> None:
        """No four bytes of a datagram are found in what is sent, and equal ones look different."""
        sealed = self.alice.seal(REQUEST), self.alice.seal(REQUEST)
        for at in range(len(REQUEST) - 3):
            self.assertNotIn(REQUEST[at : at + 4], sealed[0])
        self.assertNotEqual(sealed[0][24:], sealed[1][24:])

    def test_noTwoDatagramsShareANonce(self) -> None:
        """
        Of 1,000 datagrams within an hour and more, with the clock set back and forth, no two have
        the same header.
        """
        headers = set()
        for step in range(1000):
            self.clock.advance(7)
            self.alice.offset = -5000.0 if step % 100 == 50 else 0.0
            headers.add(self.alice.seal()[:24])
        self.assertEqual(len(headers), 1000)

    def test_eachProcessHasItsOwnStream(self) -> None:
        """Two members, and two runs of one member, seal under different keys."""
        names = {self.member(seed).seal()[4:12] for seed in range(10)}
        self.assertEqual(len(names), 10)

    def test_streamEndsAfterAnHour(self) -> None:
        """A member seals under a new key after an hour, and others read on."""
        first = self.alice.seal()
        self.clock.advance(STREAM_LIFETIME - 1)
        self.assertEqual(self.alice.seal()[:12], first[:12])
        self.clock.advance(1)
        second = self.alice.seal()
        self.assertNotEqual(second[4:12], first[4:12])
        self.assertEqual(self.bob.receive(second), [REQUEST])

    def test_answerMayCrossTheEndOfAStream(self) -> None:
        """An answer that is for the stream before the present one is read."""
        self.bob.receive(self.alice.seal(to=self.bob), self.alice)
        answer = self.bob.seal(RESPONSE, self.alice)
        self.clock.advance(30)
        self.alice.offset = STREAM_LIFETIME
        self.alice.seal()
        self.alice.offset = 0.0
        self.assertEqual(self.alice.receive(answer, self.bob), [RESPONSE])

    def test_keyIdSaysNothingOfTheKey(self) -> None:
        """The key id is the same for all members, and isn't a part of the network key."""
        self.assertEqual(self.alice.seal()[:4], self.bob.seal()[:4])
        self.assertNotIn(self.alice.seal()[:4], KEY)


class StrangerTests(LayerTestCase):
    """
    Datagrams that no member has sealed.
    """

    def test_anotherKeyIsRefused(self) -> None:
        """A datagram under another network key is refused, and counted as a stranger's."""
        stranger = self.member(3, OTHER)
        self.assertEqual(self.bob.receive(stranger.seal()), [])
        self.assertEqual(self.bob.refused, (1, 0))

    def test_openDatagramIsRefused(self) -> None:
        """Datagrams of the open wire, and the empty one, are refused."""
        for datagram in (b"", b"\x80", REQUEST, RESPONSE, bytes(1232)):
            self.assertEqual(self.bob.receive(datagram), [])
        self.assertEqual(self.bob.refused, (5, 0))

    def test_changedDatagramIsRefused(self) -> None:
        """A datagram with any byte changed, or any byte cut off, is refused."""
        sealed = self.alice.seal()
        for at in range(len(sealed)):
            changed = bytearray(sealed)
            changed[at] ^= 0x10
            self.assertEqual(self.bob.receive(bytes(changed)), [], f"byte {at}")
            self.assertEqual(self.bob.receive(sealed[:at]), [], f"cut to {at}")
        self.assertEqual(self.bob.receive(sealed), [REQUEST])

    def test_datagramWithoutTextIsRefused(self) -> None:
        """A sealed datagram that holds nothing, which no node sends, is refused."""
        self.alice.seal()
        stream = self.alice.layer._stream
        assert stream is not None
        empty = stream.seal(b"", bytes(4), int(self.clock.seconds()))
        self.assertEqual(self.bob.receive(empty), [])

    @given(st.binary(max_size=200))
    def test_anyBytesAreRefused(self, tail: bytes) -> None:
        """Any bytes behind the key id, the stream and the time of a member are refused."""
        sealed = self.alice.seal()
        for kept in (4, 12, 20, 24):
            forged = sealed[:kept] + tail
            if forged != sealed:
                self.assertEqual(self.bob.receive(forged), [])

    def test_forgeriesTakeNoMemory(self) -> None:
        """10,000 forged streams under the right key id leave no stream remembered."""
        sealed = self.alice.seal()
        for forged in range(10_000):
            self.bob.receive(sealed[:4] + forged.to_bytes(8, "big") + sealed[12:])
        self.assertEqual(len(self.bob.layer._received), 0)
        self.assertEqual(self.bob.receive(sealed), [REQUEST])


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

    def test_datagramOfOneByteIsDelivered(self) -> None:
        """A text that is too short for a transaction id is delivered, and leaves nothing behind."""
        self.assertEqual(self.bob.receive(self.alice.seal(b"\x80")), [b"\x80"])
        self.assertEqual(len(self.bob.layer._askers), 0)

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


class TimeTests(LayerTestCase):
    """
    Datagrams that come late, and machines whose clocks are wrong.
    """

    def test_oldDatagramIsRefused(self) -> None:
        """A datagram is accepted until 120 seconds after it was sealed, and never later."""
        for seconds, accepted in ((0, 1), (119, 1), (120, 1), (121, 0), (3600, 0), (86400, 0)):
            sealed = self.alice.seal()
            self.clock.advance(seconds)
            fresh = self.member(100 + seconds)
            self.assertEqual(len(fresh.receive(sealed)), accepted, f"after {seconds} s")

    def test_clocksMayDifferByTwoMinutes(self) -> None:
        """Members whose clocks differ by 120 seconds hear each other, and with 122 they don't."""
        for offset in (-122, -120, 120, 122):
            other = self.member(300 + offset, offset=offset)
            accepted = abs(offset) <= CLOCK_TOLERANCE
            self.assertEqual(bool(self.bob.receive(other.seal())), accepted, offset)
            self.assertEqual(bool(other.receive(self.bob.seal())), accepted, offset)

    def test_nodeIsBackWhenItsClockIsRight(self) -> None:
        """A node whose clock is set hears others, and is heard, from this moment on."""
        self.alice.offset = -3600.0
        self.assertEqual(self.bob.receive(self.alice.seal()), [])
        self.alice.offset = 0.0
        self.assertEqual(self.bob.receive(self.alice.seal()), [REQUEST])
        self.assertEqual(self.alice.receive(self.bob.seal()), [REQUEST])

    def test_setBackClockAcceptsNothingTwice(self) -> None:
        """After the clock of a receiver was set back by a day, it refuses what it had received."""
        sealed = [self.alice.seal() for _ in range(300)]
        for each in sealed:
            self.bob.receive(each)
        self.clock.advance(86400)
        self.bob.offset = -86400.0
        self.assertEqual([self.bob.receive(each) for each in sealed], [[]] * 300)

    def test_wrongClockIsLogged(self) -> None:
        """A member's datagram out of time is logged as a warning, once in ten minutes."""
        events = self.capture()
        ahead = self.member(7, offset=500)
        for _ in range(50):
            self.clock.advance(1)
            self.bob.receive(ahead.seal(), ahead)
        [text] = events
        self.assertIn("10.0.0.7", text)
        self.assertIn("500 s after the time of this machine", text)

    def test_forgedTimeIsNotLogged(self) -> None:
        """A stranger that writes another time into a datagram of a member causes no log line."""
        events = self.capture()
        sealed = self.alice.seal()
        for _ in range(50):
            self.clock.advance(1)
            self.bob.receive(sealed[:16] + bytes(4) + sealed[20:])
        self.assertEqual(events, [])
        self.assertEqual(self.bob.refused, (0, 50))

    def test_timeWrapsAroundIn2106(self) -> None:
        """Members hear each other when the 32 bits of the time begin anew."""
        self.clock.advance(2**32 - self.clock.seconds() - 5)
        sealed = self.alice.seal()
        self.clock.advance(10)
        self.assertEqual(self.bob.receive(sealed), [REQUEST])
        self.assertEqual(self.bob.receive(self.alice.seal()), [REQUEST])

    def capture(self) -> list[str]:
        """Return a list to which each line that a layer logs is added."""
        events: list[str] = []

        @implementer(ILogObserver)
        def observe(event: LogEvent) -> None:
            if str(event.get("log_namespace", "")).startswith("dwdht_twisted.private"):
                events.append(formatEvent(event))

        globalLogPublisher.addObserver(observe)
        self.addCleanup(globalLogPublisher.removeObserver, observe)
        return events


class RekeyTests(LayerTestCase):
    """
    Members that replace the network key.
    """

    def test_twoKeysAreAccepted(self) -> None:
        """A member with two keys reads both, and seals with the first."""
        old, new = self.member(3, KEY), self.member(4, OTHER)
        both = self.member(5, KEY, OTHER)
        self.assertEqual(both.receive(old.seal()), [REQUEST])
        self.assertEqual(both.receive(new.seal()), [REQUEST])
        sealed = both.seal()
        self.assertEqual(new.receive(sealed), [])
        self.assertEqual(old.receive(sealed), [REQUEST])

    def test_replacedKeysAreUsedAtOnce(self) -> None:
        """``replaceKeys`` changes what all nodes of a network seal with, and what they accept."""
        network = KeyedNetwork(KEY)
        member = Member(self.clock, network=network, seed=6)
        member.seal()
        network.replaceKeys(OTHER, KEY)
        new = self.member(7, OTHER)
        self.assertEqual(new.receive(member.seal()), [REQUEST])
        self.assertEqual(member.receive(self.alice.seal()), [REQUEST])
        network.replaceKeys(OTHER)
        self.assertEqual(member.receive(self.alice.seal()), [])
        self.assertEqual(member.receive(new.seal()), [REQUEST])

    def test_keyThatComesBackBringsNoReplay(self) -> None:
        """A datagram that was received is refused after its key was removed and added again."""
        network = KeyedNetwork(KEY)
        member = Member(self.clock, network=network, seed=6)
        sealed = self.alice.seal()
        self.assertEqual(member.receive(sealed), [REQUEST])
        network.replaceKeys(OTHER)
        network.replaceKeys(OTHER, KEY)
        self.assertEqual(member.receive(sealed), [])

    def test_invalidKeysAreRefused(self) -> None:
        """No key, one of another size, and one that is given twice are a ValueError."""
        network = KeyedNetwork(KEY)
        text: list[object] = ["a password", bytes(31), bytes(33), b""]
        for keys in ((), *((each,) for each in text), (KEY, KEY)):
            with self.assertRaises(ValueError):
                KeyedNetwork(*keys)  # type: ignore[arg-type]
            with self.assertRaises(ValueError):
                network.replaceKeys(*keys)  # type: ignore[arg-type]
