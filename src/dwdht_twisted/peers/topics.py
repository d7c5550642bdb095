"""
Topics: the 32 bytes under which peers announce themselves.
"""

from __future__ import annotations

from binascii import unhexlify
from hashlib import sha256
from os import fsencode

from .._core.wire import ID_BYTES, checkId
from ..errors import InvalidTarget


def topicOf(topic: bytes | str) -> bytes:
    """
    The 32 bytes of a topic.

    :param topic: 32 bytes, or a text whose SHA-256 is taken
    :raises InvalidTarget: when it is neither a text nor 32 bytes, or has a lone surrogate
    """
    if isinstance(topic, str):
        try:
            return sha256(topic.encode()).digest()
        except UnicodeEncodeError:
            raise InvalidTarget(f"a topic is text that has a UTF-8 form, not {topic!r}") from None
    return checkId(topic, "a topic")


def readTopic(text: str) -> bytes:
    """
    The topic that a user has written: 64 hexadecimal digits are its bytes, any other text is hashed
    as by `topicOf`.  The bytes of a command line need not be UTF-8.

    :param text: as Python decodes a command line
    """
    if len(text) == 2 * ID_BYTES:
        try:
            return unhexlify(text)
        except ValueError:
            pass
    return sha256(fsencode(text)).digest()


__all__ = ["readTopic", "topicOf"]
