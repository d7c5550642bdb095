"""
The framing of a datagram: whether it is a request or a response, and its transaction id.

The framing is a big-endian number of 16 bits.  Its top bit is 1 in a request and 0 in a response.
Its lower 15 bits are the transaction id, which the requester chooses and the response repeats.
"""

from __future__ import annotations

from struct import Struct

#: The size of the framing, in bytes.
HEADER_BYTES = 2

#: The size of a transaction id, in bits.
TRANSACTION_ID_BITS = 15

#: The bit of the framing that is 1 in a request.
REQUEST_BIT = 1 << TRANSACTION_ID_BITS

#: Read the framing of a datagram of at least two bytes: a tuple with the transaction id, which in a
#: request has the `REQUEST_BIT` too.
unpackFraming = Struct(">H").unpack_from


def frameRequest(transactionId: int, body: bytes) -> bytes:
    """The datagram of a request with this body."""
    return (REQUEST_BIT | transactionId).to_bytes(HEADER_BYTES, "big") + body


def isRequest(datagram: bytes) -> bool:
    """Whether a datagram of at least one byte is framed as a request."""
    return datagram[0] >= 0x80


def transactionId(datagram: bytes) -> int:
    """The transaction id of a datagram of at least two bytes, 0 to 32767."""
    return ((datagram[0] & 0x7F) << 8) | datagram[1]
