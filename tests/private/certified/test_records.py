"""
`dwdht_twisted.private.certified.records`
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted.private.certified.records import (
    COOKIE_BYTES,
    helloVerifyRequest,
    isHello,
    isProtected,
    isSingleRecord,
    isTooLong,
    mayHaveCookie,
    messageType,
    readClientHello,
    readRecords,
    splitFlight,
    wellFormed,
    withoutClearAlerts,
)
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from simulation.certified_hosts import makeAuthority, makeHost, makeMember


def record(body: bytes, *, type: int = 22, epoch: int = 0, sequence: int = 0) -> bytes:
    """The bytes of a record."""
    header = bytes((type,)) + b"\xfe\xfd" + epoch.to_bytes(2, "big") + sequence.to_bytes(6, "big")
    return header + len(body).to_bytes(2, "big") + body


def recordedHello() -> bytes:
    """The first datagram that a member sends to another."""
    sent: list[bytes] = []
    network = MemoryNetwork(SimulatedClock())
    network.onDatagram = lambda source, destination, data: sent.append(data)
    host = makeHost(network, "10.0.0.1", makeMember(makeAuthority()))
    host.layer.send(b"\0\0", ("10.0.0.2", 6620))
    host.layer.stop()
    return sent[0]


class RecordsTests(SynchronousTestCase):
    """
    Datagrams of DTLS.
    """

    def test_readRecords(self) -> None:
        """The records of a datagram are read with their types and epochs, in their order."""
        datagram = record(b"one") + record(b"", type=20) + record(b"two", type=23, epoch=1)
        self.assertEqual(
            [tuple(each) for each in readRecords(datagram)],
            [(22, 0, 0, 16), (20, 0, 16, 29), (23, 1, 29, 45)],
        )

    def test_readRecordsStopsAtTheFirstThatIsNotWhole(self) -> None:
        """A record that ends beyond the datagram, or of an unknown type, ends the reading."""
        whole = record(b"one")
        for rest in (record(b"two")[:-1], b"\x16\xfe", record(b"", type=24), b"\0" * 20):
            self.assertEqual(len(list(readRecords(whole + rest))), 1)

    def test_splitFlight(self) -> None:
        """A flight is split between records, into datagrams that are as full as the size allows."""
        flight = b"".join(record(bytes(each)) for each in (37, 37, 37, 200, 10))
        parts = splitFlight(flight, 100)
        self.assertEqual([len(part) for part in parts], [100, 50, 213, 23])
        self.assertEqual(b"".join(parts), flight)

    def test_splitNothing(self) -> None:
        """An empty flight has no datagrams."""
        self.assertEqual(splitFlight(b""), [])

    def test_isProtected(self) -> None:
        """Only a datagram whose first record has an epoch above 0 is protected."""
        self.assertTrue(isProtected(record(b"x", epoch=1)))
        self.assertFalse(isProtected(record(b"x") + record(b"x", epoch=1)))
        self.assertFalse(isProtected(b""))
        self.assertFalse(isProtected(b"\x16\xfe\xfd\0\1"))

    def test_isSingleRecord(self) -> None:
        """Two records in a datagram, or a datagram that is cut off, are not a single record."""
        self.assertTrue(isSingleRecord(record(b"x")))
        self.assertFalse(isSingleRecord(record(b"x") + record(b"y")))
        self.assertFalse(isSingleRecord(record(b"x")[:-1]))
        self.assertFalse(isSingleRecord(b""))

    def test_tooLong(self) -> None:
        """Of datagrams above 1,232 bytes, only those are taken that are one protected record."""
        for size in (1, 1232, 1233, 16384):
            sealed = record(bytes(size), type=23, epoch=1)
            self.assertFalse(isTooLong(sealed))
            clear = record(bytes(size))
            self.assertEqual(isTooLong(clear), len(clear) > 1232)
            several = record(b"x", type=23, epoch=1) + clear
            self.assertEqual(isTooLong(several), len(several) > 1232)

    def test_messageType(self) -> None:
        """The type of a message is its first byte, and other records have none."""
        self.assertEqual(messageType(record(b"\2rest")), 2)
        self.assertIsNone(messageType(record(b"\2rest", type=20)))
        self.assertIsNone(messageType(b""))

    def test_clearAlertsAreTakenOut(self) -> None:
        """
        An alert in the clear is taken out of a datagram, and what a fatal one says is returned.
        """
        kept = record(b"one") + record(b"\2\x2a", type=21, epoch=1)
        datagram = record(b"\2\x2c", type=21) + kept + record(b"\1\x00", type=21)
        self.assertEqual(withoutClearAlerts(datagram), (kept, "the certificate is revoked"))
        self.assertEqual(withoutClearAlerts(kept), (kept, None))

    def test_wellFormed(self) -> None:
        """
        Protected records that are shorter than any that was sealed are taken out of a datagram, and
        so is everything from a record of an unknown type on.
        """
        sealed = record(bytes(25), type=23, epoch=1)
        short = record(bytes(23), type=23, epoch=1)
        self.assertEqual(wellFormed(sealed), sealed)
        self.assertEqual(wellFormed(short + sealed), sealed)
        self.assertEqual(wellFormed(sealed + record(b"", type=80, epoch=1) + sealed), sealed)
        self.assertEqual(wellFormed(short), b"")

    def test_unknownAlert(self) -> None:
        """An alert without a name is told by its number."""
        self.assertEqual(withoutClearAlerts(record(b"\2\xff", type=21)), (b"", "alert 255"))


class HelloTests(SynchronousTestCase):
    """
    Hellos, and the requests to verify them.
    """

    def test_helloOfOpenSSL(self) -> None:
        """A hello of OpenSSL is read: it has a random number and no cookie."""
        hello = readClientHello(recordedHello())
        assert hello is not None
        self.assertEqual((len(hello.random), hello.cookie), (32, b""))
        self.assertEqual(hello.sequence, bytes(6))

    def test_otherDatagramsAreNoHellos(self) -> None:
        """A hello that is cut off, extended, fragmented or protected is not read."""
        whole = recordedHello()
        fragment = bytearray(whole)
        fragment[21] ^= 1
        protected = bytearray(whole)
        protected[4] = 1
        for other in (whole[:-1], whole + b"\0", bytes(fragment), bytes(protected), b""):
            self.assertIsNone(readClientHello(other))

    def test_noBytesMakeItRaise(self) -> None:
        """No change of the bytes of a hello makes the reader raise."""
        whole, random = recordedHello(), Random(1)
        for _ in range(20_000):
            changed = bytearray(whole)
            for _ in range(random.randint(1, 4)):
                changed[random.randrange(len(changed))] = random.randrange(256)
            readClientHello(bytes(changed[: random.randint(0, len(changed))]))

    def test_helloVerifyRequestIsShorterThanAHello(self) -> None:
        """The answer to a hello repeats its sequence number, and is shorter than the hello."""
        datagram = recordedHello()
        hello = readClientHello(datagram)
        assert hello is not None
        answer = helloVerifyRequest(hello._replace(sequence=b"abcdef"), b"c" * COOKIE_BYTES)
        self.assertLess(len(answer), len(datagram))
        self.assertEqual(answer[5:11], b"abcdef")
        self.assertTrue(isSingleRecord(answer))
        self.assertEqual(messageType(answer), 3)

    def test_firstLook(self) -> None:
        """
        A hello is known by its first bytes, and whether it may bring a cookie by the length of
        that.  A cut-off, protected or other datagram is no hello, and has no cookie.
        """
        whole = recordedHello()
        withCookie = whole[:60] + bytes((COOKIE_BYTES,)) + whole[61:]
        self.assertTrue(isHello(whole))
        self.assertFalse(mayHaveCookie(whole))
        self.assertTrue(mayHaveCookie(withCookie))
        protected = whole[:4] + b"\1" + whole[5:]
        for other in (protected, b"\x17" + whole[1:], record(b"\2" + bytes(60)), whole[:13], b""):
            self.assertFalse(isHello(other))
        for end in range(61):
            self.assertFalse(mayHaveCookie(withCookie[:end]))
