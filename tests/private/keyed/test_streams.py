"""
The format of sealed datagrams, checked with primitives alone, and the end of a stream's numbers.
"""

from __future__ import annotations

import hashlib
import hmac
from struct import unpack

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted.private.bounds import STREAM_DATAGRAMS, STREAM_LIFETIME
from dwdht_twisted.private.keyed.sealing import DerivedKeys
from dwdht_twisted.private.keyed.streams import OwnStream

KEY = bytes(range(32))
NAME = b"12345678"


def extract(salt: bytes, secret: bytes) -> bytes:
    """Return the first step of HKDF (RFC 5869)."""
    return hmac.digest(salt, secret, "sha256")


def expand(key: bytes, info: bytes, length: int) -> bytes:
    """Return the second step of HKDF."""
    result = block = b""
    for number in range(1, 3):
        block = hmac.digest(key, block + info + bytes([number]), hashlib.sha256().name)
        result += block
    return result[:length]


class FormatTests(SynchronousTestCase):
    """
    One sealed datagram, byte for byte.
    """

    def test_sealedDatagramFollowsTheFormat(self) -> None:
        """
        A datagram is opened by the text of the format: HKDF with SHA-256, the key id and the stream
        in front, and the next 12 bytes as the nonce.
        """
        root = expand(extract(b"dwdht private network 1", KEY), b"key id and root", 36)
        key = expand(root[4:], b"stream" + NAME, 32)
        stream = OwnStream(DerivedKeys(KEY), NAME, 1_800_000_000)
        for number in (1, 2):
            sealed = stream.seal(b"text", b"to..", 1_800_000_123)
            self.assertEqual(sealed[:12], root[:4] + NAME)
            self.assertEqual(unpack(">4sII", sealed[12:24]), (b"to..", 1_800_000_123, number))
            text = AESGCM(key).decrypt(sealed[12:24], sealed[24:], None)
            self.assertEqual(text, b"text")

    def test_formatStaysTheSame(self) -> None:
        """The datagram of a key, name, time and text stays the same from release to release."""
        stream = OwnStream(DerivedKeys(KEY), NAME, 0)
        self.assertEqual(stream.seal(b"text", bytes(4), 7).hex(), EXPECTED)


class OwnStreamTests(SynchronousTestCase):
    """
    When a stream is over.
    """

    def test_streamEndsWithItsTime(self) -> None:
        """A stream is over an hour after its beginning, and when the clock is set to before it."""
        stream = OwnStream(DerivedKeys(KEY), NAME, 5000)
        end = 5000 + STREAM_LIFETIME
        over = [stream.isOver(now) for now in (4999, 5000, end - 1, end)]
        self.assertEqual(over, [True, False, False, True])

    def test_streamEndsWithItsNumbers(self) -> None:
        """A stream is over when half of its numbers of 32 bits are used up."""
        stream = OwnStream(DerivedKeys(KEY), NAME, 5000)
        stream._number = STREAM_DATAGRAMS - 1
        self.assertFalse(stream.isOver(5000))
        stream.seal(b"text", bytes(4), 5000)
        self.assertTrue(stream.isOver(5000))


#: The datagram of `FormatTests.test_formatStaysTheSame`.
EXPECTED = (
    "ab487e7631323334353637380000000000000007000000019edd908b8cb060e108356ba8ecd655013501f467"
)
