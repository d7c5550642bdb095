"""
Unpredictable random numbers, fast enough to draw one for each datagram.
"""

from __future__ import annotations

from os import urandom
from random import SystemRandom

#: The number of bytes that one system call reads from the operating system's generator.  Smaller:
#: a node makes more system calls.  Larger: each node takes up more memory.
POOL_BYTES = 2048


class PooledRandom(SystemRandom):
    """
    The operating system's random numbers, read in blocks of `POOL_BYTES`.

    A transaction id takes two bytes.  A system call for each transaction id would take longer than
    all other work on a request.
    """

    def __init__(self) -> None:
        super().__init__()
        self._pool = b""
        self._taken = 0

    def getrandbits(self, k: int) -> int:
        """
        An unpredictable number below 2**k.

        :param k: the number of bits
        """
        size = (k + 7) // 8
        if size > POOL_BYTES:
            return super().getrandbits(k)
        end = self._taken + size
        if end > len(self._pool):
            self._pool = urandom(POOL_BYTES)
            self._taken, end = 0, size
        number = int.from_bytes(self._pool[self._taken : end], "big")
        self._taken = end
        return number >> (size * 8 - k)
