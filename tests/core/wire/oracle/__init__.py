"""
Messages written and read by protobuf, with which the tests compare the package's own codec.
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

#: The reason why protobuf can't be used here, or None.
missing: str | None = None

try:
    import google.protobuf
    from google.protobuf.internal import api_implementation
    from google.protobuf.message import DecodeError

    from . import dwdht_twisted_messages_pb2 as messages
except Exception as error:
    # The import raises ImportError without protobuf or with a version before 5.26. With other
    # unsuitable versions, it raises VersionError, a class of protobuf.
    missing = f"protobuf >= 6.31, < 8 is needed as the oracle: {error}"
else:
    if api_implementation.Type() != "upb":
        # Protobuf's implementation in Python differs. It treats a field as unknown if its tag has
        # superfluous bytes. It doesn't check that the fields of a group end before the group.
        missing = f"protobuf's upb is needed as the oracle, not its {api_implementation.Type()}"


def majorVersion() -> int:
    """Return the major version of protobuf."""
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

    :raises MalformedDatagram: if the datagram isn't a message
    """
    parse = messages.Request.FromString if isRequest(datagram) else messages.Response.FromString
    try:
        body = parse(datagram[HEADER_BYTES:])
    except DecodeError as error:
        raise MalformedDatagram(str(error)) from None
    fields = {field.name: value for field, value in body.ListFields()}
    if "id" in fields and len(fields["id"]) != ID_BYTES:
        # The package reads an id of a wrong size as no id, because the original serves its sender
        # as an ephemeral node.
        del fields["id"]
    if not isRequest(datagram):
        return ResponseMessage(transactionId(datagram), **fields)
    # The parser of protobuf accepts a message without its required field. It returns a string that
    # isn't UTF-8 as bytes.
    if not isinstance(fields.get("command"), str):
        raise MalformedDatagram("there is no command, or it is not UTF-8")
    return RequestMessage(transactionId(datagram), **fields)
