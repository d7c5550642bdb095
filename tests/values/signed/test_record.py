"""
`values.Record`, its signed text, and its encoding.
"""

from __future__ import annotations

from itertools import permutations
from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import values
from dwdht_twisted.values.signed.encoding import (
    MAXIMUM_LIFETIME,
    MAXIMUM_MESSAGE_BYTES,
    Message,
    decode,
    encode,
)
from dwdht_twisted.values.signed.record import MAXIMUM_SEQUENCE, Record, signedText
from dwdht_twisted.values.signed.signing import isSigned, signed

#: The public key of the test vectors of BEP 44.
KEY = bytes.fromhex("77ff84905a91936367c01360803104f92432fcd904a43511876df5cdf3e7e548")

#: The salt and the signature of each test vector of BEP 44 with a mutable item.
VECTORS = {
    b"": (
        "305ac8aeb6c9c151fa120f120ea2cfb923564e11552d06a5d856091e5e853cff"
        "1260d3f39e4999684aa92eb73ffd136e6f4f3ecbfda0ce53a1608ecd7ae21f01"
    ),
    b"foobar": (
        "6834284b6b24c3204eb2fea824d82f88883a3d95e8b4a21b8c0ded553d17d17d"
        "df9a8a7104b1258f30bed3787e6cb896fca78c58f8e03b5f18f14951a87d9a08"
    ),
}


def keyFrom(random: Random) -> Ed25519PrivateKey:
    """Return a private key that is drawn from a seed."""
    return Ed25519PrivateKey.from_private_bytes(random.randbytes(32))


def drawn(random: Random) -> Message:
    """Return a message whose fields are drawn from a seed, with extremes among them."""
    number = random.choice([0, 1, random.getrandbits(64), MAXIMUM_SEQUENCE])
    record = Record(
        random.randbytes(32),
        random.randbytes(random.choice([0, 1, 63, 64])),
        number,
        random.randbytes(random.choice([0, 1, 999, 1000])),
        random.randbytes(64),
    )
    expected = random.choice([None, 0, random.getrandbits(64), MAXIMUM_SEQUENCE])
    lifetime = random.choice([None, 0, random.getrandbits(32), MAXIMUM_LIFETIME])
    return Message(record, expected, lifetime)


class RecordTests(SynchronousTestCase):
    """
    The signature, the target and the order of records.
    """

    def test_vectorsOfBEP44(self) -> None:
        """The signatures of BEP 44's test vectors are valid, and valid for nothing else."""
        for salt, signature in VECTORS.items():
            record = Record(KEY, salt, 1, b"Hello World!", bytes.fromhex(signature))
            self.assertTrue(isSigned(record))
            for change in (
                {"salt": b"x"},
                {"sequence": 2},
                {"value": b"Hello World?"},
                {"publicKey": bytes(32)},
                {"signature": bytes(64)},
            ):
                self.assertFalse(isSigned(record._replace(**change)), change)

    def test_signedText(self) -> None:
        """The signed text has the form of BEP 44; an empty salt is left out."""
        self.assertEqual(signedText(b"", 1, b"Hello World!"), b"3:seqi1e1:v12:Hello World!")
        self.assertEqual(
            signedText(b"foobar", 4, b"Hello World!"),
            b"4:salt6:foobar3:seqi4e1:v12:Hello World!",
        )

    def test_targetIsHashOfKeyAndSalt(self) -> None:
        """The target of a record is the SHA-256 of its public key and its salt."""
        record = signed(keyFrom(Random(1)), b"value", 1, b"salt")
        self.assertEqual(record.target, values.keyOf(record.publicKey + b"salt"))
        self.assertEqual(record.target, values.targetOf(record.publicKey, b"salt"))

    def test_oneOfTwoRecordsSupersedes(self) -> None:
        """
        Of two different records of a target, exactly one supersedes the other: the one with the
        higher sequence number, and of equal numbers the one with the larger value.
        """
        key = keyFrom(Random(1))
        ascending = [signed(key, value, number) for number in (1, 2) for value in (b"a", b"b")]
        for one, other in permutations(ascending, 2):
            isLater = ascending.index(one) > ascending.index(other)
            self.assertEqual(one.supersedes(other), isLater)
        self.assertFalse(one.supersedes(one))


class EncodingTests(SynchronousTestCase):
    """
    The functions `encode` and `decode`.
    """

    def test_decodeReturnsWhatWasEncoded(self) -> None:
        """Each of 300 drawn messages is decoded as it was encoded."""
        random = Random(1)
        for _ in range(300):
            message = drawn(random)
            data = encode(message)
            self.assertLessEqual(len(data), MAXIMUM_MESSAGE_BYTES)
            self.assertEqual(decode(data), message)

    def test_cutMessageIsMalformed(self) -> None:
        """A message that ends before its value is malformed, wherever it is cut."""
        record = Record(bytes(32), b"salt", 5, b"", bytes(64))
        data = encode(Message(record, 4, 60))
        for size in range(len(data)):
            with self.assertRaises(ValueError):
                decode(data[:size])

    def test_tooLargeFieldsAreMalformed(self) -> None:
        """A value of 1,001 bytes, a salt of 65 bytes and unknown flags are malformed."""
        record = Record(bytes(32), b"", 5, b"x", bytes(64))
        for message, reason in (
            (encode(Message(record._replace(value=bytes(1001)))), "up to 1000 bytes"),
            (encode(Message(record._replace(salt=bytes(65)))), "up to 64 bytes"),
            (encode(Message(record._replace(value=bytes(2000)))), "takes up to 1182 bytes"),
            (b"\x04" + encode(Message(record))[1:], "unknown flags 4"),
        ):
            with self.assertRaisesRegex(ValueError, reason):
                decode(message)

    def test_randomBytesAreRecordsOrMalformed(self) -> None:
        """Decoding random bytes raises nothing but ValueError."""
        random = Random(2)
        for _ in range(2000):
            data = bytes([random.randrange(8)]) + random.randbytes(random.randrange(1300))
            try:
                message = decode(data)
            except ValueError:
                continue
            self.assertEqual(encode(message), data)
