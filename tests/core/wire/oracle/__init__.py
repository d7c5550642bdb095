"""
The messages of the wire, written and read by protobuf: the oracle of the tests of our own codec.
"""

from __future__ import annotations

from typing import Any

from dwdht_twisted._core.wire import (
    HEADER_BYTES,
    ID_BYTES,
    RequestMessage,
    ResponseMessage,
    isRequest,
    transactionId,
)
from dwdht_twisted.errors import MalformedDatagram

#: Why protobuf can't be asked here, or None when it can.
missing: str | None = None

try:
    import google.protobuf
    from google.protobuf.internal import api_implementation
    from google.protobuf.message import DecodeError

    from . import dwdht_twisted_messages_pb2 as messages
except Exception as error:
    # This is an ImportError without protobuf or with one before 5.26, and otherwise a VersionError,
    # a class of protobuf itself.
    missing = f"protobuf >= 6.31, < 8 is needed as the oracle: {error}"
else:
    if api_implementation.Type() != "upb":
        # The implementation in Python takes a field for unknown if its tag has more bytes than it
        # needs, and doesn't check that the fields of a group end before the group.
        missing = f"protobuf's upb is needed as the oracle, not its {api_implementation.Type()}"


def majorVersion() -> int:
    """Return the first number of protobuf's version."""
    return int(google.protobuf.__version__.partition(".")[0])


def encode(message: RequestMessage | ResponseMessage) -> bytes:
    """Return the datagram of a message."""
    if isinstance(message, RequestMessage):
        return _frame(0x8000 | message.transactionId, messages.Request(), message)
    return _frame(message.transactionId, messages.Response(), message)


def _frame(header: int, body: Any, message: RequestMessage | ResponseMessage) -> bytes:
    for name, value in message._asdict().items():
        if name != "transactionId" and value is not None:
            setattr(body, name, value)
    encoded: bytes = body.SerializeToString()
    return header.to_bytes(HEADER_BYTES, "big") + encoded


def decode(datagram: bytes) -> RequestMessage | ResponseMessage:
    """
    Read a datagram of at least two bytes.

    :raises MalformedDatagram: when it isn't a message
    """
    parse = messages.Request.FromString if isRequest(datagram) else messages.Response.FromString
    try:
        body = parse(datagram[HEADER_BYTES:])
    except DecodeError as error:
        raise MalformedDatagram(str(error)) from None
    fields = {field.name: value for field, value in body.ListFields()}
    if "id" in fields and len(fields["id"]) != ID_BYTES:
        raise MalformedDatagram(f"an id has {len(fields['id'])} bytes")
    if not isRequest(datagram):
        return ResponseMessage(transactionId(datagram), **fields)
    # The parser accepts a message without its required field, and returns a string that isn't UTF-8
    # as bytes.
    if not isinstance(fields.get("command"), str):
        raise MalformedDatagram("there is no command, or it is not UTF-8")
    return RequestMessage(transactionId(datagram), **fields)
