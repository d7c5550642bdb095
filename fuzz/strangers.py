"""
Datagrams of strangers on a private network: what members have sent, changed and unchanged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from random import Random
from typing import TypeAlias

from dwdht_twisted._core.wire import HostPort

from .campaign import readCorpus

#: A way to make a datagram from one that a member has sent.
Mutation: TypeAlias = Callable[[bytes], bytes]

#: The datagrams of members that strangers have recorded, the last ones.
RECORDED = 512

#: The bytes at the front of a datagram that are overwritten in part: more than any header has.
HEAD_BYTES = 48

#: The share of recorded datagrams that are sent under the address of their sender, from 0 to 1.
TRUE_SOURCE = 0.5


class Strangers:
    """
    Makes the datagrams of strangers, who have recorded those of members.

    They know no key.  They may send under any address, but get no answers to another one than
    their own.

    :param random: the source of all choices
    :param members: the addresses of members
    :ivar recorded: the last datagrams that members have sent to the node, with their sources
    """

    def __init__(self, random: Random, members: Sequence[HostPort]) -> None:
        self._random = random
        self._members = members
        self._corpus = readCorpus()
        self.recorded: deque[tuple[bytes, HostPort]] = deque(maxlen=RECORDED)
        self.kinds: list[Mutation] = [
            self.same,
            self.flipped,
            self.cut,
            self.part,
            self.longer,
            self.overwritten,
            self.otherText,
            self.spliced,
            self.joined,
            self.open,
            self.noise,
        ]

    def next(self) -> tuple[bytes, HostPort]:
        """The next datagram, and its source."""
        recorded, sender = self.choose()
        datagram = self._random.choice(self.kinds)(recorded)
        isTrue = self._random.random() < TRUE_SOURCE
        return datagram, sender if isTrue else self.source()

    def choose(self) -> tuple[bytes, HostPort]:
        """A datagram that was recorded, and its source."""
        return self._random.choice(self.recorded)

    def source(self) -> HostPort:
        """An address of a stranger, or the forged one of a member."""
        if self._random.random() < 0.3:
            return self._random.choice(self._members)
        # Of so many addresses none comes twice while a node remembers it, unless it is meant to.
        a, b, c = self._random.randbytes(3)
        return f"5.{a}.{b}.{c}", self._random.randrange(65536)

    # Kinds of datagrams.

    def same(self, datagram: bytes) -> bytes:
        """Replay a datagram."""
        return datagram

    def flipped(self, datagram: bytes) -> bytes:
        """Flip one to eight bits, anywhere or in the head."""
        changed = bytearray(datagram)
        end = len(changed) if self._random.random() < 0.5 else min(HEAD_BYTES, len(changed))
        for _ in range(self._random.choice((1, 1, 2, 8))):
            changed[self._random.randrange(end)] ^= 1 << self._random.randrange(8)
        return bytes(changed)

    def cut(self, datagram: bytes) -> bytes:
        """Leave out the end."""
        return datagram[: self._random.randrange(len(datagram))]

    def part(self, datagram: bytes) -> bytes:
        """Leave out the beginning."""
        return datagram[self._random.randrange(len(datagram)) :]

    def longer(self, datagram: bytes) -> bytes:
        """Append random bytes."""
        return datagram + self._random.randbytes(self._random.randrange(1, 40))

    def overwritten(self, datagram: bytes) -> bytes:
        """Overwrite a field of the head with random bytes."""
        at = self._random.randrange(HEAD_BYTES)
        size = self._random.choice((1, 2, 4, 8, 12))
        return datagram[:at] + self._random.randbytes(size) + datagram[at + size :]

    def otherText(self, datagram: bytes) -> bytes:
        """Put random bytes behind a head."""
        head = datagram[: self._random.randrange(1, HEAD_BYTES)]
        return head + self._random.randbytes(self._random.randrange(600))

    def spliced(self, datagram: bytes) -> bytes:
        """Join the beginning of one datagram with the end of another."""
        at = self._random.randrange(1, HEAD_BYTES)
        return datagram[:at] + self.choose()[0][at:]

    def joined(self, datagram: bytes) -> bytes:
        """Put two datagrams into one."""
        return datagram + self.choose()[0]

    def open(self, datagram: bytes) -> bytes:
        """Send a datagram of the open wire."""
        return self._random.choice(self._corpus)

    def noise(self, datagram: bytes) -> bytes:
        """Send random bytes."""
        return self._random.randbytes(self._random.randrange(1500))
