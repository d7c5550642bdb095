"""
Datagrams, ids, addresses and round-trip tokens, and their form in bytes.

Code outside of this package does not assume how many bytes an address or a contact has.  It passes
whole addresses, and whole lists of contacts, to the functions of this package.
"""

from .addresses import (
    ANY_HOST,
    DEFAULT_PORT,
    LOCAL_HOST,
    Address,
    HostPort,
    checkAddress,
    isIPv4,
    isLoopback,
    isPublic,
    isRoutable,
    isSendable,
    packAddress,
    readAddress,
    subnet,
    unpackAddress,
)
from .codec import FieldPrefixes, mixedTags, readMixedFields, writeNumber
from .contacts import (
    COMPACT_CONTACT_BYTES,
    Contact,
    packContact,
    splitContacts,
    unpackContact,
)
from .framing import HEADER_BYTES, TRANSACTION_ID_BITS, frameRequest, isRequest, transactionId
from .ids import ID_BITS, ID_BYTES, checkId, distance
from .messages import (
    FIND_NODE,
    INTERNAL_COMMANDS,
    MAX_DATAGRAM_BYTES,
    PING,
    REMEMBERS_UPDATES,
    UNDERSTANDS_REFUSAL,
    UNFRAGMENTED_BYTES,
    RequestMessage,
    ResponseMessage,
    decode,
    decodeRequest,
    decodeResponse,
    encodeResponse,
    requestBody,
)
from .tokens import ROTATION_INTERVAL, TOKEN_BYTES, TokenIssuer

__all__ = [
    "ANY_HOST",
    "COMPACT_CONTACT_BYTES",
    "DEFAULT_PORT",
    "FIND_NODE",
    "HEADER_BYTES",
    "ID_BITS",
    "ID_BYTES",
    "INTERNAL_COMMANDS",
    "LOCAL_HOST",
    "MAX_DATAGRAM_BYTES",
    "PING",
    "REMEMBERS_UPDATES",
    "ROTATION_INTERVAL",
    "TOKEN_BYTES",
    "TRANSACTION_ID_BITS",
    "UNDERSTANDS_REFUSAL",
    "UNFRAGMENTED_BYTES",
    "Address",
    "Contact",
    "FieldPrefixes",
    "HostPort",
    "RequestMessage",
    "ResponseMessage",
    "TokenIssuer",
    "checkAddress",
    "checkId",
    "decode",
    "decodeRequest",
    "decodeResponse",
    "distance",
    "encodeResponse",
    "frameRequest",
    "isIPv4",
    "isLoopback",
    "isPublic",
    "isRequest",
    "isRoutable",
    "isSendable",
    "mixedTags",
    "packAddress",
    "packContact",
    "readAddress",
    "readMixedFields",
    "requestBody",
    "splitContacts",
    "subnet",
    "transactionId",
    "unpackAddress",
    "unpackContact",
    "writeNumber",
]
