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
    """

    __slots__ = ("_begun", "_encrypt", "_number", "sender")

    def __init__(self, keys: DerivedKeys, name: bytes, now: int) -> None:
        assert len(name) == STREAM_BYTES and name[:TO_BYTES] != ANYBODY
        self.sender = keys.id + name
        self._encrypt = keys.cipher(name).encrypt
        self._begun = now
        self._number = 0

    def isOver(self, now: int) -> bool:
        """
        Whether another stream has to follow before anything is sealed in this second.

        It has to when the time or the numbers are used up, or the clock was set to before the
        stream.
        """
        isInTime = self._begun <= now < self._begun + STREAM_LIFETIME
        return not isInTime or self._number >= STREAM_DATAGRAMS

    def seal(self, text: bytes, to: bytes, now: int) -> bytes:
        """Seal a datagram.  The stream must not be over."""
        self._number = number = self._number + 1
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
