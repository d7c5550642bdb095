"""
The two messages of the command ``peers``: the value of a request, and the value of an answer.

Both are messages of protobuf (proto2)::

    message Request {
      required uint32 type = 1;        // one of Kind
      optional uint32 port = 2;        // 0: the port that the request came from
      optional bytes localAddress = 3; // a compact address, in the asker's own network
    }
    message Answer {
      optional bytes peers = 1;        // compact addresses
      optional bytes localPeers = 2;   // the last 4 bytes of compact addresses
    }

A local peer is given without the first two bytes of its address, because these are the same as
those of the asker's local address.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from enum import IntEnum
from typing import Any, NamedTuple

from .._core.wire import (
    Address,
    FieldPrefixes,
    isSendable,
    mixedTags,
    readMixedFields,
    unpackAddress,
    writeNumber,
)
from ..errors import MalformedDatagram
from .bounds import PEERS_PER_LIST

#: The name of the command on the network.
COMMAND = "peers"

#: The bytes of a compact address, of its part that all hosts of a local network share, and of the
#: part that a list of local peers has.
_ADDRESS_BYTES = 6
_SHARED_BYTES = 2
_LOCAL_BYTES = _ADDRESS_BYTES - _SHARED_BYTES

_HIGHEST_PORT = 65535
_NO_PORT = b"\0\0"

_REQUEST_TAGS = mixedTags((1, 2), (3,))
_LOCAL_ADDRESS = FieldPrefixes(3)

_ANSWER_TAGS = mixedTags((), (1, 2))
_PEERS = FieldPrefixes(1)
_LOCAL_PEERS = FieldPrefixes(2)


class Kind(IntEnum):
    """The kinds of requests.  A request of any other kind is served as a look-up."""

    LOOK_UP = 0
    ANNOUNCE = 1
    UNANNOUNCE = 2


class PeerRequest(NamedTuple):
    """
    The value of a request.

    :ivar kind: one of `Kind`, or another number
    :ivar port: the port that is announced, or 0 for the port that the request comes from
    :ivar localAddress: the asker's address in its own network, 6 bytes; None if it has not exactly
        this size.  In a look-up, its port may be 0.
    """

    kind: int
    port: int
    localAddress: bytes | None = None

    @property
    def shared(self) -> bytes | None:
        """The two bytes that the local addresses of the asker's network begin with."""
        return None if self.localAddress is None else self.localAddress[:_SHARED_BYTES]

    @property
    def hasLocalPort(self) -> bool:
        """Whether there is a local address, and its port isn't 0."""
        return self.localAddress is not None and self.localAddress[4:] != _NO_PORT

    def encode(self) -> bytes:
        """The request in bytes."""
        value = writeNumber(1, self.kind) + writeNumber(2, self.port)
        local = self.localAddress
        return value if local is None else value + _LOCAL_ADDRESS[len(local)] + local


def decodeRequest(value: bytes | None) -> PeerRequest | None:
    """
    Read the value of a request.

    :return: the request; None if there is none, or it isn't one
    """
    fields: list[Any] = [None] * 4
    try:
        readMixedFields(value or b"", _REQUEST_TAGS, fields)
    except MalformedDatagram:
        return None
    _, kind, port, local = fields
    # A field of 32 bits has the lowest bits of a larger number, as with protobuf.
    port = 0 if port is None else port & 0xFFFFFFFF
    if kind is None or port > _HIGHEST_PORT:
        return None
    isAddress = local is not None and len(local) == _ADDRESS_BYTES
    return PeerRequest(kind & 0xFFFFFFFF, port, local if isAddress else None)


def encodeAnswer(peers: bytes, localPeers: bytes) -> bytes:
    """
    The value of an answer.

    :param peers: compact addresses
    :param localPeers: the entries of local peers; none if it is empty
    """
    value = _PEERS[len(peers)] + peers
    return value + _LOCAL_PEERS[len(localPeers)] + localPeers if localPeers else value


def localEntry(compact: bytes) -> bytes:
    """The entry of a local peer: its compact address without the bytes that are shared."""
    return compact[_SHARED_BYTES:]


def decodeAnswer(value: bytes | None, shared: bytes | None) -> Iterator[tuple[Address, bool]]:
    """
    Read the value of an answer, which may be anything.

    An entry that is no address of a host is passed over, and so is all after the first
    `PEERS_PER_LIST` entries of a list.

    :param shared: the first two bytes of the local address in the request, or None if it had none
    :return: each peer, and whether it is in the local network
    """
    fields: list[Any] = [None] * 3
    try:
        readMixedFields(value or b"", _ANSWER_TAGS, fields)
    except MalformedDatagram:
        return
    _, peers, localPeers = fields
    if peers is None:
        return
    yield from ((peer, False) for peer in _addresses(_entries(peers, _ADDRESS_BYTES)))
    if shared is not None and localPeers is not None:
        entries = (shared + entry for entry in _entries(localPeers, _LOCAL_BYTES))
        yield from ((peer, True) for peer in _addresses(entries))


def _entries(data: bytes, size: int) -> Iterator[bytes]:
    count = min(len(data) // size, PEERS_PER_LIST)
    return (data[start : start + size] for start in range(0, count * size, size))


def _addresses(entries: Iterable[bytes]) -> Iterator[Address]:
    return map(unpackAddress, filter(isAddress, entries))


def isAddress(compact: bytes) -> bool:
    """Whether bytes are the compact address of a port that a host may have."""
    return len(compact) == _ADDRESS_BYTES and isSendable(compact[0]) and compact[4:] != _NO_PORT


__all__ = [
    "COMMAND",
    "Kind",
    "PeerRequest",
    "decodeAnswer",
    "decodeRequest",
    "encodeAnswer",
    "isAddress",
    "localEntry",
]
