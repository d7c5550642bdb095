"""
Round-trip tokens: the proof that a node receives what is sent to its address.

An answer carries a token, and an update must bring it back.  The token is a keyed hash of the
asker's address, the asker's id and the target.  A request with the right token shows that its
sender has received an answer for the same address, id and target.  The node checks a token by
computing the hash again, so it stores no tokens.  The token of BEP 5 has the same purpose, but is
bound to the IP address alone.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from hmac import compare_digest

from .addresses import packAddress

#: How long one secret makes tokens, in seconds, as in ``dht-rpc``.  A token is valid for one to two
#: such intervals.  Smaller: the token of a slow lookup expires before its update.  Larger: a token
#: can be used for longer after its owner has lost the address.
ROTATION_INTERVAL = 300.0

#: The size of a token, in bytes.
TOKEN_BYTES = 32


class TokenIssuer:
    """
    Issues round-trip tokens, and tells whether a token is one of its own.

    :param randomBytes: returns as many unpredictable bytes as it is asked for
    """

    def __init__(self, randomBytes: Callable[[int], bytes]) -> None:
        self._randomBytes = randomBytes
        self._present = self._former = self._newHash()

    def _newHash(self) -> blake2b:
        return blake2b(key=self._randomBytes(32), digest_size=TOKEN_BYTES)

    def rotate(self) -> None:
        """
        Issue tokens with a new secret from now on.

        Tokens of the former secret are accepted until the next rotation.
        """
        self._former, self._present = self._present, self._newHash()

    def issue(self, host: str, port: int, id: bytes | None, target: bytes | None) -> bytes:
        """
        Make the token of an asker.

        :param host: the asker's host, an IPv4 address in dotted form
        :param port: the asker's port
        :param id: the id that its request carries, or None
        :param target: the target of its request, or None
        :return: the token, 32 bytes
        """
        return _digest(self._present, host, port, id, target)

    def accepts(
        self, token: bytes, host: str, port: int, id: bytes | None, target: bytes | None
    ) -> bool:
        """
        Whether `issue` made this token for this address, id and target, with the present or the
        former secret.
        """
        return compare_digest(token, _digest(self._present, host, port, id, target)) or (
            compare_digest(token, _digest(self._former, host, port, id, target))
        )


def _digest(secret: blake2b, host: str, port: int, id: bytes | None, target: bytes | None) -> bytes:
    hashed = secret.copy()
    hashed.update(packAddress(host, port))
    # The length tells an id from a target.  Without it, an id alone and an equal target alone would
    # have the same hash.
    hashed.update(b"\0" if id is None else b"%c%b" % (1 + len(id), id))
    if target is not None:
        hashed.update(target)
    return hashed.digest()
