"""
The streams that a node seals and opens: the numbers that are used up, and those that were received.
"""

from __future__ import annotations

from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from ..bounds import NUMBERS_REMEMBERED, STREAM_DATAGRAMS, STREAM_LIFETIME
from .sealing import ANYBODY, NONCE, STREAM_BYTES, TO_BYTES, DerivedKeys


class OwnStream:
    """
    A stream that this node seals.

    :param keys: the keys of the network
    :param name: 8 random bytes
    :param now: the time by the clock of the machine, in whole seconds
    :ivar sender: what stands in front of each datagram: the key id and the name
    :ivar to: the first bytes of the name, which mark an answer as one for this node
    """

    __slots__ = ("_begun", "_cipher", "_number", "sender", "to")

    def __init__(self, keys: DerivedKeys, name: bytes, now: int) -> None:
        assert len(name) == STREAM_BYTES and name[:TO_BYTES] != ANYBODY
        self.sender = keys.id + name
        self.to = name[:TO_BYTES]
        self._cipher = keys.cipher(name)
        self._begun = now
        self._number = 0

    def isOver(self, now: int) -> bool:
        """Whether another stream has to follow.  This is so, too, when the clock was set back."""
        return (
            not self._begun <= now < self._begun + STREAM_LIFETIME
            or self._number == STREAM_DATAGRAMS
        )

    def seal(self, text: bytes, to: bytes, now: int) -> bytes:
        """Seal a datagram."""
        self._number += 1
        nonce = NONCE.pack(to, now & 0xFFFFFFFF, self._number)
        return self.sender + nonce + self._cipher.encrypt(nonce, text, None)


class ReceivedStream:
    """
    A stream of another node, and the numbers of its datagrams that were received.

    The highest `NUMBERS_REMEMBERED` numbers, or at least half as many, are remembered one by one.
    All numbers below them count as received.  So no datagram is ever accepted twice.

    :ivar cipher: opens the datagrams of the stream
    """

    __slots__ = ("_floor", "_received", "cipher")

    def __init__(self, cipher: ChaCha20Poly1305) -> None:
        self.cipher = cipher
        self._floor = 0
        self._received: set[int] = set()

    def isNew(self, number: int) -> bool:
        """Whether the datagram of a number has not been received."""
        return number > self._floor and number not in self._received

    def add(self, number: int) -> None:
        """Note that the datagram of a number was received."""
        received = self._received
        received.add(number)
        if len(received) > NUMBERS_REMEMBERED:
            highest = sorted(received)[-(NUMBERS_REMEMBERED // 2) :]
            self._floor = highest[0] - 1
            self._received = set(highest)


__all__ = ["OwnStream", "ReceivedStream"]
