"""
The streams that a node seals and opens: the numbers that are used up, and those that were received.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..bounds import NUMBERS_REMEMBERED, STREAM_DATAGRAMS, STREAM_LIFETIME
from .sealing import (
    ANYBODY,
    END_OF_TO,
    KEY_ID_BYTES,
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
    A stream of another node, and the numbers of its datagrams that were received.

    The highest `NUMBERS_REMEMBERED` numbers, or at least half as many, are remembered one by one.
    All numbers below them count as received.  So no datagram is ever accepted twice.

    :param sender: what stands in front of each datagram: the key id and the name
    :param cipher: the cipher of the stream
    :ivar decrypt: opens a datagram of the stream: takes its nonce, its text and None
    :ivar to: what marks the answers to this stream
    :ivar floor: this number and all below it count as received
    :ivar received: the numbers above it that were received
    """

    __slots__ = ("decrypt", "floor", "received", "to")

    def __init__(self, sender: bytes, cipher: AESGCM) -> None:
        self.decrypt = cipher.decrypt
        self.to = sender[KEY_ID_BYTES:END_OF_TO]
        self.floor = 0
        self.received: set[int] = set()

    def forget(self) -> None:
        """Forget the lower half of the numbers one by one, and count all below as received."""
        highest = sorted(self.received)[-(NUMBERS_REMEMBERED // 2) :]
        self.floor = highest[0] - 1
        self.received = set(highest)


__all__ = ["OwnStream", "ReceivedStream"]
