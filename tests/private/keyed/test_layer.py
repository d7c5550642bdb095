"""
The layer of a network with a key: what it opens, and what it refuses.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogPublisher
from zope.interface import implementer

from dwdht_twisted.private import KeyedNetwork
from dwdht_twisted.private.bounds import (
    CLOCK_TOLERANCE,
    STREAM_LIFETIME,
)
from tests.helpers.networks.keyed import KEY, OTHER, REQUEST, RESPONSE, LayerTestCase, Member


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
        for size in (2, 100, 1192):
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
        """A sealed datagram without a whole framing, which no node sends, is refused."""
        self.alice.seal()
        stream = self.alice.layer._stream
        assert stream is not None
        for text in (b"", b"\x80"):
            short = stream.seal(text, bytes(4), int(self.clock.seconds()))
            self.assertEqual(self.bob.receive(short), [])
        self.assertEqual(self.bob.refused, (2, 0))

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
