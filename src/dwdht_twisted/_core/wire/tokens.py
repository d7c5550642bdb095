"""
Round-trip tokens: the proof that a node receives what is sent to its address.

A token is a keyed hash of who was answered and about what.  Nothing is kept
for it: whoever brings it back from the same address, for the same target and
under the same id, has received our answer.  This is the token of BEP 5, bound
to more than the host.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from hmac import compare_digest

from .addresses import packAddress

#: How long a secret is used to make tokens, in seconds.  A token lives for one to two of these.
ROTATION_INTERVAL = 300.0

#: The size of a token, in bytes.
TOKEN_BYTES = 32


class TokenIssuer:
    """
    Makes tokens, and knows its own again.

    :param randomBytes: gives as many unpredictable bytes as asked for
    """

    def __init__(self, randomBytes: Callable[[int], bytes]) -> None:
        self._randomBytes = randomBytes
        self._present = self._former = self._newHash()

    def _newHash(self) -> blake2b:
        return blake2b(key=self._randomBytes(32), digest_size=TOKEN_BYTES)

    def rotate(self) -> None:
        """Take a new secret.  Tokens of the last one are accepted until the next rotation."""
        self._former, self._present = self._present, self._newHash()

    def issue(self, host: str, port: int, id: bytes | None, target: bytes | None) -> bytes:
        """
        :param id: the id that the asker gave, or None
        :param target: what it asked about, or None
        :return: its token, 32 bytes
        """
        return _digest(self._present, host, port, id, target)

    def accepts(
        self, token: bytes, host: str, port: int, id: bytes | None, target: bytes | None
    ) -> bool:
        """Whether this is the token that we gave for just this, less than two rotations ago."""
        return compare_digest(token, _digest(self._present, host, port, id, target)) or (
            compare_digest(token, _digest(self._former, host, port, id, target))
        )


def _digest(secret: blake2b, host: str, port: int, id: bytes | None, target: bytes | None) -> bytes:
    hashed = secret.copy()
    hashed.update(packAddress(host, port))
    # The length keeps an id apart from a target that begins with the same bytes.
    hashed.update(b"\0" if id is None else b"%c%b" % (1 + len(id), id))
    if target is not None:
        hashed.update(target)
    return hashed.digest()
