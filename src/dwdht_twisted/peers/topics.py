"""
Topics: the 32 bytes under which peers announce themselves.
"""

from __future__ import annotations

from binascii import unhexlify
from hashlib import sha256

from .._core.wire import ID_BYTES, checkId


def topicOf(topic: bytes | str) -> bytes:
    """
    The 32 bytes of a topic.

    :param topic: 32 bytes, or a text whose SHA-256 is taken
    :raises InvalidTarget: when it is neither a text nor 32 bytes
    """
    if isinstance(topic, str):
        return sha256(topic.encode()).digest()
    return checkId(topic, "a topic")


def readTopic(text: str) -> bytes:
    """
    The topic that a user has written: 64 hexadecimal digits are its bytes, any other text is hashed
    as by `topicOf`.
    """
    if len(text) == 2 * ID_BYTES:
        try:
            return unhexlify(text)
        except ValueError:
            pass
    return topicOf(text)


__all__ = ["readTopic", "topicOf"]
