"""
The keys that are derived from a network key, and the format of a sealed datagram.

What one process seals for up to an hour is a *stream*.  Each stream has a random name, and a key of
its own.  A sealed datagram has:

===== ======= ========================================================================
bytes part    meaning
===== ======= ========================================================================
4     key id  derived from the network key, so that a receiver knows which of two it is
8     stream  the name of the sender's stream
4     to      the first bytes of the receiver's stream in an answer; else 0
4     time    when it was sealed, in seconds since 1970, modulo 2**32
4     number  different for each datagram of the stream
any   text    the datagram of the open wire, encrypted
16    tag     of AES-256-GCM
===== ======= ========================================================================

The key follows from the first two parts, and the nonce of 96 bits is the next three.  So a change
of any byte makes the tag wrong, and no two datagrams share key and nonce.
"""

from __future__ import annotations

from struct import Struct

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

#: The size of a network key, in bytes.
NETWORK_KEY_BYTES = 32

#: The sizes of the parts in front of the text, in bytes.
KEY_ID_BYTES = 4
STREAM_BYTES = 8
TO_BYTES = 4
HEADER_BYTES = 24

#: Where the nonce begins: behind the key id and the name of the stream, which are the sender.
SENDER_BYTES = KEY_ID_BYTES + STREAM_BYTES

#: Where the part of the name of a stream ends that marks answers to it.
END_OF_TO = KEY_ID_BYTES + TO_BYTES

#: The bytes by which a sealed datagram is longer.
OVERHEAD = HEADER_BYTES + 16

#: The receiver of a datagram that is for any member.
ANYBODY = bytes(TO_BYTES)

#: Make a nonce of its parts: receiver, time and number.
packNonce = Struct(">4sII").pack

#: Read the parts of a header: sender, receiver, time and number.
unpackHeader = Struct(">12s4sII").unpack_from

#: Separates the keys of this format from those of any other use of a network key.
_CONTEXT = b"dwdht private network 1"


class DerivedKeys:
    """
    What is derived from one network key.

    :param networkKey: 32 secret bytes
    :ivar id: names the network key on the network, 4 bytes, and says nothing else about it
    """

    __slots__ = ("_root", "id")

    def __init__(self, networkKey: bytes) -> None:
        derived = HKDF(SHA256(), KEY_ID_BYTES + 32, salt=_CONTEXT, info=b"key id and root")
        both = derived.derive(networkKey)
        self.id = both[:KEY_ID_BYTES]
        self._root = both[KEY_ID_BYTES:]

    def cipher(self, stream: bytes) -> AESGCM:
        """The cipher of a stream, by its name of 8 bytes."""
        return AESGCM(HKDFExpand(SHA256(), 32, b"stream" + stream).derive(self._root))


__all__ = [
    "ANYBODY",
    "END_OF_TO",
    "HEADER_BYTES",
    "KEY_ID_BYTES",
    "NETWORK_KEY_BYTES",
    "OVERHEAD",
    "SENDER_BYTES",
    "STREAM_BYTES",
    "TO_BYTES",
    "DerivedKeys",
    "InvalidTag",
    "packNonce",
    "unpackHeader",
]
