"""
The bound on answers to strangers.  The source address of a stranger's request may be forged.
"""

from __future__ import annotations

from .bounds import AMPLIFICATION


def answerAllowance(requestBytes: int, checkBytes: int = 0) -> int:
    """
    The most bytes of the answer to a stranger's request.

    :param requestBytes: the size of the request, in bytes
    :param checkBytes: the size of all transmissions of the ping that checks the id in the request,
        in bytes; 0 for a request without an id
    """
    return AMPLIFICATION * requestBytes - checkBytes
