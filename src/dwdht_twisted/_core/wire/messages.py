"""
The datagrams of the protocol: two bytes of framing, then a protobuf message.

Byte 0 and 1 are a big-endian number: the top bit is 1 in a request and 0 in a
response, the low 15 bits are the transaction id that the requester chose.

A message is one of two tuples, `RequestMessage` and `ResponseMessage`.  A
field that isn't on the wire is None; an empty one is ``b""``.
"""

from __future__ import annotations

from typing import NamedTuple

from google.protobuf.message import DecodeError

from ... import messages_pb2
from ...errors import MalformedDatagram
from .ids import ID_BYTES
from .tokens import TOKEN_BYTES

#: The size of the framing, in bytes.
HEADER_BYTES = 2

#: The size of a transaction id, in bits.
TRANSACTION_ID_BITS = 15

#: The largest payload of a UDP datagram over IPv4, in bytes (RFC 768, RFC 791).
MAX_DATAGRAM_BYTES = 65507

#: The commands that the protocol keeps for itself.
PING = "_ping"
FIND_NODE = "_find_node"
INTERNAL_COMMANDS = frozenset({PING, FIND_NODE})

# Set in the first two bytes of a request.
_REQUEST_BIT = 1 << TRANSACTION_ID_BITS
_parseRequest = messages_pb2.Request.FromString
_parseResponse = messages_pb2.Response.FromString


class RequestMessage(NamedTuple):
    """
    :ivar transactionId: 0 to 32767
    :ivar command: the name of the command
    :ivar id: the sender's id, 32 bytes, unless it is ephemeral
    :ivar target: what the request is about; 32 bytes when it is valid
    :ivar forwardRequest: compact address that this ping should be relayed to
    :ivar forwardResponse: compact address that this ping came from
    :ivar roundtripToken: what the receiver handed out earlier
    :ivar value: the payload
    """

    transactionId: int
    command: str
    id: bytes | None = None
    target: bytes | None = None
    forwardRequest: bytes | None = None
    forwardResponse: bytes | None = None
    roundtripToken: bytes | None = None
    value: bytes | None = None


class ResponseMessage(NamedTuple):
    """
    :ivar transactionId: that of the request
    :ivar id: the responder's id, 32 bytes, unless it is ephemeral
    :ivar nodes: compact contacts, closest to the target first
    :ivar value: what the command gave
    :ivar roundtripToken: the responder's token for the address that it answers
    """

    transactionId: int
    id: bytes | None = None
    nodes: bytes | None = None
    value: bytes | None = None
    roundtripToken: bytes | None = None

    @property
    def token(self) -> bytes | None:
        """
        The round-trip token if it has the size of one.  Anything else would be kept and sent back,
        however large it is.
        """
        token = self.roundtripToken
        return token if token is not None and len(token) == TOKEN_BYTES else None


def requestBody(
    command: str,
    id: bytes | None = None,
    target: bytes | None = None,
    forwardRequest: bytes | None = None,
    forwardResponse: bytes | None = None,
    roundtripToken: bytes | None = None,
    value: bytes | None = None,
) -> bytes:
    """A request without its framing, so that one body can be sent to many nodes."""
    return messages_pb2.Request(
        command=command,
        id=id,
        target=target,
        forwardRequest=forwardRequest,
        forwardResponse=forwardResponse,
        roundtripToken=roundtripToken,
        value=value,
    ).SerializeToString()


def frameRequest(transactionId: int, body: bytes) -> bytes:
    """The datagram of a request."""
    return (_REQUEST_BIT | transactionId).to_bytes(HEADER_BYTES, "big") + body


def encodeResponse(
    transactionId: int,
    id: bytes | None = None,
    nodes: bytes | None = None,
    value: bytes | None = None,
    roundtripToken: bytes | None = None,
) -> bytes:
    """The datagram of a response."""
    return (
        transactionId.to_bytes(HEADER_BYTES, "big")
        + messages_pb2.Response(
            id=id, nodes=nodes, value=value, roundtripToken=roundtripToken
        ).SerializeToString()
    )


def isRequest(datagram: bytes) -> bool:
    """Whether a datagram of at least one byte claims to be a request."""
    return datagram[0] >= 0x80


def transactionId(datagram: bytes) -> int:
    """The transaction id of a datagram of at least two bytes."""
    return ((datagram[0] & 0x7F) << 8) | datagram[1]


def decodeRequest(datagram: bytes) -> RequestMessage:
    """
    Read a datagram that `isRequest`.

    :raises MalformedDatagram: when it isn't one
    """
    try:
        body = _parseRequest(datagram[HEADER_BYTES:])
    except DecodeError as error:
        raise MalformedDatagram(str(error)) from None
    command = body.command
    # A string that isn't UTF-8 comes out of the parser as bytes.
    if not isinstance(command, str):
        raise MalformedDatagram("the command is not UTF-8")
    has = body.HasField
    # The parser doesn't insist on what is required.
    if not command and not has("command"):
        raise MalformedDatagram("a request has a command")
    return RequestMessage(
        transactionId(datagram),
        command,
        _checkedId(body.id) if has("id") else None,
        body.target if has("target") else None,
        body.forwardRequest if has("forwardRequest") else None,
        body.forwardResponse if has("forwardResponse") else None,
        body.roundtripToken if has("roundtripToken") else None,
        body.value if has("value") else None,
    )


def decodeResponse(datagram: bytes) -> ResponseMessage:
    """
    Read a datagram that isn't a request.

    :raises MalformedDatagram: when it isn't one
    """
    try:
        body = _parseResponse(datagram[HEADER_BYTES:])
    except DecodeError as error:
        raise MalformedDatagram(str(error)) from None
    has = body.HasField
    return ResponseMessage(
        transactionId(datagram),
        _checkedId(body.id) if has("id") else None,
        body.nodes if has("nodes") else None,
        body.value if has("value") else None,
        body.roundtripToken if has("roundtripToken") else None,
    )


def _checkedId(id: bytes) -> bytes:
    if len(id) != ID_BYTES:
        raise MalformedDatagram(f"an id has {ID_BYTES} bytes, not {len(id)}")
    return id


def decode(datagram: bytes) -> RequestMessage | ResponseMessage:
    """
    Read any datagram.

    :raises MalformedDatagram: when it is shorter than its framing or isn't a message
    """
    if len(datagram) < HEADER_BYTES:
        raise MalformedDatagram(f"{len(datagram)} bytes are no datagram; the framing has 2")
    if isRequest(datagram):
        return decodeRequest(datagram)
    return decodeResponse(datagram)
