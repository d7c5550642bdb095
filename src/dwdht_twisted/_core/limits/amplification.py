"""
The bound on answers to strangers, whose source addresses may be forged.
"""

from __future__ import annotations

from .bounds import AMPLIFICATION


def answerAllowance(requestBytes: int, checkBytes: int = 0) -> int:
    """
    The bytes that the answer to a stranger's request may have.

    :param requestBytes: the bytes of the request
    :param checkBytes: the bytes of the pings that check the id in the request, with all retries; 0
        for a request without an id
    """
    return AMPLIFICATION * requestBytes - checkBytes
