"""
The bytes of the requests and answers of the command ``peers``.
"""

from __future__ import annotations

from hashlib import sha256
from os import fsdecode
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Address, peers
from dwdht_twisted._core.wire import packAddress
from dwdht_twisted.errors import InvalidTarget
from dwdht_twisted.peers.bounds import PEERS_PER_LIST
from dwdht_twisted.peers.messages import (
    Kind,
    PeerRequest,
    decodeAnswer,
    decodeRequest,
    encodeAnswer,
)

LOCAL = packAddress("192.168.1.2", 70)

#: Requests, and the bytes that ``hyperdht@1.3.0`` writes for them.
REQUESTS = {
    PeerRequest(Kind.LOOK_UP, 0): "08001000",
    PeerRequest(Kind.LOOK_UP, 8080): "080010903f",
    PeerRequest(Kind.LOOK_UP, 0, packAddress("192.168.1.2", 0)): "080010001a06c0a801020000",
    PeerRequest(Kind.ANNOUNCE, 0): "08011000",
    PeerRequest(Kind.ANNOUNCE, 8080): "080110903f",
    PeerRequest(Kind.ANNOUNCE, 8080, LOCAL): "080110903f1a06c0a801020046",
    PeerRequest(Kind.UNANNOUNCE, 8080): "080210903f",
}


def answer(text: str, shared: bytes | None = None) -> list[tuple[Address, bool]]:
    """Return the peers of an answer in hexadecimal."""
    return list(decodeAnswer(bytes.fromhex(text), shared))


class RequestTests(SynchronousTestCase):
    """
    The value of a request.
    """

    def test_requestsAreThoseOfHyperdht(self) -> None:
        """Each request has the bytes of ``hyperdht``, and is read from them."""
        for request, text in REQUESTS.items():
            self.assertEqual(request.encode().hex(), text)
            self.assertEqual(decodeRequest(bytes.fromhex(text)), request)

    def test_garbageIsNoRequest(self) -> None:
        """
        A value is no request if it is absent, empty or garbage, has no type, or has a port over
        65535.
        """
        for value in (None, b"", b"\xff", b"hello", b"\x10\x01", b"\x08\x01\x10\xff\xff\x04"):
            self.assertIsNone(decodeRequest(value), value)

    def test_absentPortIs0(self) -> None:
        """A request without a port has port 0."""
        self.assertEqual(decodeRequest(b"\x08\x01"), PeerRequest(Kind.ANNOUNCE, 0))

    def test_localAddressOfAnotherSizeIsPassedOver(self) -> None:
        """A local address that has not 6 bytes is left out of the request."""
        for size in (0, 5, 7, 12):
            value = b"\x08\x00\x1a" + bytes((size,)) + b"x" * size
            self.assertEqual(decodeRequest(value), PeerRequest(Kind.LOOK_UP, 0))

    def test_anythingIsReadOrRefused(self) -> None:
        """Of 5,000 random values, each is read as a request or refused without an exception."""
        random = Random(18)
        for _ in range(5000):
            value = bytearray(bytes.fromhex("080110903f1a06c0a801020046"))
            for _ in range(random.randrange(4)):
                value[random.randrange(len(value))] = random.getrandbits(8)
            del value[random.randrange(1, len(value) + 1) :]
            request = decodeRequest(bytes(value))
            if request is not None:
                self.assertEqual(decodeRequest(request.encode()), request)


class AnswerTests(SynchronousTestCase):
    """
    The value of an answer.
    """

    EXAMPLE = "0a12 7f0000010fa2 7f0000010fa0 7f0000090fa1 1208 01020046 07080047"

    def test_answerIsThatOfHyperdht(self) -> None:
        """An answer with local peers has the bytes of ``hyperdht``."""
        compact = bytes.fromhex("7f0000010fa2 7f0000010fa0 7f0000090fa1")
        local = bytes.fromhex("01020046 07080047")
        self.assertEqual(encodeAnswer(compact, local), bytes.fromhex(self.EXAMPLE))

    def test_localPeersAreInTheOwnNetwork(self) -> None:
        """The local peers of an answer begin with the two bytes that the asker has sent."""
        self.assertEqual(
            answer(self.EXAMPLE, b"\xc0\xa8"),
            [
                (Address("127.0.0.1", 4002), False),
                (Address("127.0.0.1", 4000), False),
                (Address("127.0.0.9", 4001), False),
                (Address("192.168.1.2", 70), True),
                (Address("192.168.7.8", 71), True),
            ],
        )

    def test_localPeersThatWereNotAskedForArePassedOver(self) -> None:
        """Without a local address in the request, the local peers of an answer are ignored."""
        self.assertEqual(len(answer(self.EXAMPLE)), 3)

    def test_emptyListHasNoPeers(self) -> None:
        """An answer with an empty list, without a list or without a value has no peers."""
        for text in ("0a00", "", "1204 01020046", "ff"):
            self.assertEqual(answer(text, b"\xc0\xa8"), [])
        self.assertEqual(list(decodeAnswer(None, None)), [])

    def test_badEntryVoidsOnlyItself(self) -> None:
        """An entry with port 0 or with a host that can't be reached is passed over alone."""
        text = "0a18 0a0000010001 0a0000020000 e00000010001 0a0000030001"
        hosts = [address.host for address, _ in answer(text)]
        self.assertEqual(hosts, ["10.0.0.1", "10.0.0.3"])

    def test_shortRestIsPassedOver(self) -> None:
        """A rest that is too short for an entry is passed over."""
        self.assertEqual(answer("0a08 0a0000010001 0a00"), [(Address("10.0.0.1", 1), False)])

    def test_longListIsCut(self) -> None:
        """Of a list of 10,000 peers, 150 are taken."""
        entries = b"".join(b"\x0a\x00" + n.to_bytes(2, "big") + b"\0\x01" for n in range(10_000))
        found = list(decodeAnswer(encodeAnswer(entries, b""), None))
        self.assertEqual(len(found), PEERS_PER_LIST)


class TopicTests(SynchronousTestCase):
    """
    `peers.topicOf` and `peers.readTopic`.
    """

    def test_textIsHashed(self) -> None:
        """The topic of a text is the SHA-256 of its UTF-8."""
        self.assertEqual(peers.topicOf("caf\u00e9"), sha256("caf\u00e9".encode()).digest())

    def test_bytesAreTaken(self) -> None:
        """32 bytes are a topic. Other sizes raise InvalidTarget."""
        self.assertEqual(peers.topicOf(bytes(32)), bytes(32))
        with self.assertRaises(InvalidTarget):
            peers.topicOf(bytes(31))

    def test_hexadecimalOfAUserIsBytes(self) -> None:
        """A user's text of 64 hexadecimal digits is 32 bytes. Any other text is hashed."""
        self.assertEqual(peers.readTopic("aB" * 32), b"\xab" * 32)
        for text in ("my-site", "ab" * 31, "xy" * 32):
            self.assertEqual(peers.readTopic(text), peers.topicOf(text))

    def test_anyTextIsATopicOrRefused(self) -> None:
        """
        A text that UTF-8 can't express raises InvalidTarget. The bytes of a user's command line are
        hashed, even if they are not UTF-8.
        """
        for text in ("\ud800", "site\udcff", "\udcfe\udcff"):
            with self.assertRaises(InvalidTarget):
                peers.topicOf(text)
        for typed in (b"\xff\xfe", b"caf\xe9", bytes(range(1, 256))):
            topic = peers.readTopic(fsdecode(typed))
            self.assertEqual(topic, sha256(typed).digest())
