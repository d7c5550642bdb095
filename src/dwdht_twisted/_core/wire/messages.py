"""
The datagrams of the protocol: two bytes of framing, then a message as `codec` encodes it.

A message is read as one of two tuples, `RequestMessage` and `ResponseMessage`.  A field that isn't
on the wire is None, and an empty one is ``b""``.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ...errors import MalformedDatagram
from .codec import FieldPrefixes, fieldTags, readFields
from .framing import HEADER_BYTES, isRequest
from .ids import ID_BYTES
from .tokens import TOKEN_BYTES

#: The largest payload of a UDP datagram over IPv4, in bytes (RFC 768, RFC 791).
MAX_DATAGRAM_BYTES = 65507

#: The largest payload of a datagram that no network cuts into fragments, in bytes.  It is the
#: minimum MTU of IPv6, 1,280 bytes, minus 48 bytes for the headers of IPv6 and UDP (RFC 8200,
#: section 5).  Larger: many NATs and firewalls drop the fragments.
UNFRAGMENTED_BYTES = 1232

#: The commands of the protocol itself.  All other commands belong to users.
PING = "_ping"
FIND_NODE = "_find_node"
INTERNAL_COMMANDS = frozenset({PING, FIND_NODE})

#: The ``askerFlags`` of an asker that takes an answer without a token as a refusal of its update.
UNDERSTANDS_REFUSAL = b"\1"

#: The flags of a responder that runs each update once, however often the update is sent.
REMEMBERS_UPDATES = b"\1"


class RequestMessage(NamedTuple):
    """
    A request.  An ``id`` of a wrong size was left out.  No other field was checked.

    :ivar transactionId: 0 to 32767
    :ivar command: the name of the command, which may be empty
    :ivar id: the sender's id, 32 bytes; None if the sender is ephemeral
    :ivar target: the target of the command; a valid one has 32 bytes
    :ivar forwardRequest: the compact address to relay this ping to
    :ivar forwardResponse: the compact address that this relayed ping came from
    :ivar roundtripToken: the token that the receiver has issued to the sender
    :ivar value: the argument of the command
    :ivar askerFlags: one bit for each extension of version 2 of the protocol that the asker
        understands
    """

    transactionId: int
    command: str
    id: bytes | None = None
    target: bytes | None = None
    forwardRequest: bytes | None = None
    forwardResponse: bytes | None = None
    roundtripToken: bytes | None = None
    value: bytes | None = None
    askerFlags: bytes | None = None

    @property
    def understandsRefusal(self) -> bool:
        """Whether an answer without a token tells the asker that its update was refused."""
        flags = self.askerFlags
        return bool(flags and flags[0] & UNDERSTANDS_REFUSAL[0])


class ResponseMessage(NamedTuple):
    """
    A response.  An ``id`` of a wrong size was left out.  No other field was checked.

    :ivar transactionId: the transaction id of the request
    :ivar id: the responder's id, 32 bytes; None if the responder is ephemeral
    :ivar nodes: compact contacts, closest to the target first
    :ivar value: the result of the command
    :ivar roundtripToken: the token that the responder issues to the asker
    :ivar responderFlags: one bit for each extension of version 2 of the protocol that the responder
        has
    """

    transactionId: int
    id: bytes | None = None
    nodes: bytes | None = None
    value: bytes | None = None
    roundtripToken: bytes | None = None
    responderFlags: bytes | None = None

    @property
    def remembersUpdates(self) -> bool:
        """Whether the responder runs an update once, although the update is sent several times."""
        flags = self.responderFlags
        return bool(flags and flags[0] & REMEMBERS_UPDATES[0])

    @property
    def token(self) -> bytes | None:
        """
        The round-trip token, or None if it isn't 32 bytes.

        A lookup keeps the tokens of its results and sends them back.  Without this check, a
        responder could make the lookup keep and send 64 KB.
        """
        token = self.roundtripToken
        return token if token is not None and len(token) == TOKEN_BYTES else None


# Field n of a message is at index n of its tuple, because index 0 is the transaction id.
# Extensions of version 2 of the protocol have fields from 15 on, which nodes of ``dht-rpc`` skip.
_REQUEST_TAGS = fieldTags(7, {15: 8})
_COMMAND = FieldPrefixes(1)
_REQUEST_ID = FieldPrefixes(2)
_TARGET = FieldPrefixes(3)
_FORWARD_REQUEST = FieldPrefixes(4)
_FORWARD_RESPONSE = FieldPrefixes(5)
_REQUEST_TOKEN = FieldPrefixes(6)
_REQUEST_VALUE = FieldPrefixes(7)
_ASKER_FLAGS = FieldPrefixes(15)

_RESPONSE_TAGS = fieldTags(4, {15: 5})
_RESPONSE_ID = FieldPrefixes(1)
_NODES = FieldPrefixes(2)
_RESPONSE_VALUE = FieldPrefixes(3)
_RESPONSE_TOKEN = FieldPrefixes(4)
_RESPONDER_FLAGS = FieldPrefixes(15)


def requestBody(
    command: str,
    id: bytes | None = None,
    target: bytes | None = None,
    forwardRequest: bytes | None = None,
    forwardResponse: bytes | None = None,
    roundtripToken: bytes | None = None,
    value: bytes | None = None,
    askerFlags: bytes | None = None,
) -> bytes:
    """
    The message of a request, without the framing.

    One body serves for requests to many nodes, because only their transaction ids differ.
    """
    name = command.encode()
    body = _COMMAND[len(name)] + name
    if id is not None:
        body += _REQUEST_ID[len(id)] + id
    if target is not None:
        body += _TARGET[len(target)] + target
    if forwardRequest is not None:
        body += _FORWARD_REQUEST[len(forwardRequest)] + forwardRequest
    if forwardResponse is not None:
        body += _FORWARD_RESPONSE[len(forwardResponse)] + forwardResponse
    if roundtripToken is not None:
        body += _REQUEST_TOKEN[len(roundtripToken)] + roundtripToken
    if value is not None:
        body += _REQUEST_VALUE[len(value)] + value
    if askerFlags is not None:
        body += _ASKER_FLAGS[len(askerFlags)] + askerFlags
    return body


def encodeResponse(
    transactionId: int,
    id: bytes | None = None,
    nodes: bytes | None = None,
    value: bytes | None = None,
    roundtripToken: bytes | None = None,
    responderFlags: bytes | None = None,
) -> bytes:
    """The datagram of a response."""
    datagram = transactionId.to_bytes(HEADER_BYTES, "big")
    if id is not None:
        datagram += _RESPONSE_ID[len(id)] + id
    if nodes is not None:
        datagram += _NODES[len(nodes)] + nodes
    if value is not None:
        datagram += _RESPONSE_VALUE[len(value)] + value
    if roundtripToken is not None:
        datagram += _RESPONSE_TOKEN[len(roundtripToken)] + roundtripToken
    if responderFlags is not None:
        datagram += _RESPONDER_FLAGS[len(responderFlags)] + responderFlags
    return datagram


def decodeRequest(datagram: bytes) -> RequestMessage:
    """
    Read a datagram for which `isRequest` is true.

    An id that isn't 32 bytes is left out, so its sender counts as ephemeral, as with ``dht-rpc``.

    :raises MalformedDatagram: when it has no message, no command, or a command that isn't UTF-8
    """
    fields: list[Any] = [None] * 9
    readFields(datagram, HEADER_BYTES, _REQUEST_TAGS, fields)
    # This is the body of `transactionId`.  A call would take 5 % of the time to read a request.
    fields[0] = (datagram[0] & 0x7F) << 8 | datagram[1]
    command, id = fields[1], fields[2]
    if command is None:
        raise MalformedDatagram("a request has a command")
    try:
        fields[1] = command.decode()
    except UnicodeDecodeError:
        raise MalformedDatagram("the command is not UTF-8") from None
    if id is not None and len(id) != ID_BYTES:
        fields[2] = None
    return tuple.__new__(RequestMessage, fields)


def decodeResponse(datagram: bytes) -> ResponseMessage:
    """
    Read a datagram for which `isRequest` is false.

    An id that isn't 32 bytes is left out, so its sender counts as ephemeral.

    :raises MalformedDatagram: when it has no message
    """
    fields: list[Any] = [None] * 6
    readFields(datagram, HEADER_BYTES, _RESPONSE_TAGS, fields)
    fields[0] = (datagram[0] & 0x7F) << 8 | datagram[1]
    id = fields[1]
    if id is not None and len(id) != ID_BYTES:
        fields[1] = None
    return tuple.__new__(ResponseMessage, fields)


def decode(datagram: bytes) -> RequestMessage | ResponseMessage:
    """
    Read a request or a response.

    :raises MalformedDatagram: when the datagram is shorter than its framing, or when
        `decodeRequest` or `decodeResponse` raises it
    """
    if len(datagram) < HEADER_BYTES:
        raise MalformedDatagram(f"{len(datagram)} bytes are no datagram; the framing has 2")
    if isRequest(datagram):
        return decodeRequest(datagram)
    return decodeResponse(datagram)


def claimedId(datagram: bytes) -> bytes | None:
    """
    The id that the sender of a datagram claims to have, as `decode` reads it.

    :return: 32 bytes; None when it claims none, or when the datagram is malformed
    """
    try:
        message = decode(datagram)
    except MalformedDatagram:
        return None
    if (
        isinstance(message, RequestMessage)
        and message.forwardResponse is not None
        and message.forwardRequest is None
    ):
        # A relayed ping: its sender is the referrer, and its id is that of the asker.
        return None
    return message.id
