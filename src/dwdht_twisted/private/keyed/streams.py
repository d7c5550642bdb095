"""
The streams that a node seals and opens: the numbers that are used up, and those that were received.
"""

from __future__ import annotations

from array import array

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..bounds import NUMBERS_REMEMBERED, STREAM_DATAGRAMS, STREAM_LIFETIME
from .sealing import (
    ANYBODY,
    STREAM_BYTES,
    TO_BYTES,
    DerivedKeys,
    packNonce,
)


class OwnStream:
    """
    A stream that this node seals.

    :param keys: the keys of the network
    :param name: 8 random bytes
    :param now: the time by the clock of the machine, in whole seconds
    :ivar sender: what stands in front of each datagram: the key id and the name
    :ivar begun: when the stream begins, in seconds.  If the clock was set to before it, another
        stream has to follow.
    :ivar ends: when another stream has to follow, in seconds
    """

    __slots__ = ("_encrypt", "_number", "begun", "ends", "sender")

    def __init__(self, keys: DerivedKeys, name: bytes, now: int) -> None:
        assert len(name) == STREAM_BYTES and name[:TO_BYTES] != ANYBODY
        self.sender = keys.id + name
        self._encrypt = keys.cipher(name).encrypt
        self.begun = now
        self.ends = now + STREAM_LIFETIME
        self._number = 0

    def seal(self, text: bytes, to: bytes, now: int) -> bytes:
        """Seal a datagram.  The stream must not be over."""
        self._number = number = self._number + 1
        if number == STREAM_DATAGRAMS:
            self.ends = self.begun
        nonce = packNonce(to, now & 0xFFFFFFFF, number)
        return self.sender + nonce + self._encrypt(nonce, text, None)


class ReceivedStream:
    """
    A stream of another node, and which of its datagrams were received.

    Numbers with the same remainder by `NUMBERS_REMEMBERED` share a place, which holds the highest
    of them that was received.  Lower numbers of this place count as received.  So no datagram is
    ever accepted twice, and only one that many later ones overtook is lost.

    :param name: the name of the stream
    :param cipher: the cipher of the stream
    :ivar decrypt: opens a datagram of the stream: takes its nonce, its text and None
    :ivar to: what marks the answers to this stream
    :ivar highest: for each remainder, the highest number that was received, or 0
    """

    __slots__ = ("decrypt", "highest", "to")

    def __init__(self, name: bytes, cipher: AESGCM) -> None:
        self.decrypt = cipher.decrypt
        self.to = name[:TO_BYTES]
        # Four bytes for each, as many as a number has.
        self.highest = array("I", [0]) * NUMBERS_REMEMBERED


__all__ = ["OwnStream", "ReceivedStream"]
