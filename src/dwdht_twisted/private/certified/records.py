"""
Datagrams of DTLS 1.2 (RFC 6347): the few bytes that OpenSSL is not to decide on alone.

A datagram is a sequence of records, each with a header of 13 bytes: type, version, epoch, sequence
number, length.  In epoch 0 nothing is protected, so anybody can forge such a record.
"""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct
from typing import NamedTuple

from ..bounds import FLIGHT_DATAGRAM_BYTES, HANDSHAKE_MESSAGE_BYTES

#: The size of the header of a record, in bytes.
RECORD_HEADER_BYTES = 13

#: The bytes that AES-GCM adds to the content of a record: the explicit part of the nonce, and the
#: tag (RFC 5288, section 3).
SEAL_BYTES = 8 + 16

#: The bytes of a cookie.  Larger: the answer to a hello is longer.  Smaller: a cookie can be
#: guessed.
COOKIE_BYTES = 17

_RANDOM_BYTES = 32

# The types of records (RFC 5246, section 6.2.1).
_CHANGE_CIPHER_SPEC = 20
_ALERT = 21
_HANDSHAKE = 22
_APPLICATION_DATA = 23
_TYPES = range(_CHANGE_CIPHER_SPEC, _APPLICATION_DATA + 1)

# The types of messages of a handshake (RFC 6347, section 4.2.2).
_CLIENT_HELLO = 1
SERVER_HELLO = 2
HELLO_VERIFY_REQUEST = 3

# The header of a message of a handshake: type, length, sequence number, offset and length of the
# fragment.
_MESSAGE_HEADER_BYTES = 12

# The size of a protected record with the last message of a handshake, Finished (RFC 5246, section
# 7.4.9).  It is the only message that is protected.
_FINISHED_BYTES = RECORD_HEADER_BYTES + SEAL_BYTES + _MESSAGE_HEADER_BYTES + 12

# Both headers of a hello: type, epoch, sequence number and length of the record; type and length of
# the message in one number; the upper bytes of the offset of the fragment; its lowest byte, which
# is 0, and the length of the fragment in one number.
_HEADERS = Struct(">B2xH6sHI2xHI")

# Where the random number of a hello ends, after the headers and the version, and where the length
# of its cookie is if its session id is empty.
_RANDOM_END = RECORD_HEADER_BYTES + _MESSAGE_HEADER_BYTES + 2 + _RANDOM_BYTES
_COOKIE_AT = _RANDOM_END + 1
_COOKIE_LENGTH = bytes((COOKIE_BYTES,))

# The datagram that asks for a cookie, before and after the sequence number of its record.
_ASK_START = bytes((_HANDSHAKE,)) + b"\xfe\xff\0\0"
_ASK_LENGTH = (3 + COOKIE_BYTES).to_bytes(3, "big")
_ASK_END = (
    (_MESSAGE_HEADER_BYTES + 3 + COOKIE_BYTES).to_bytes(2, "big")
    + bytes((HELLO_VERIFY_REQUEST,))
    + _ASK_LENGTH
    + bytes(5)
    + _ASK_LENGTH
    + b"\xfe\xff"
    + _COOKIE_LENGTH
)

_FATAL = 2

#: The names of the alerts by which a certificate is refused (RFC 5246, section 7.2.2).
_ALERTS = {
    40: "no parameters in common",
    42: "the certificate is not valid",
    43: "the certificate is not for this use",
    44: "the certificate is revoked",
    45: "the certificate or the revocation list has expired",
    46: "the certificate can't be used",
    48: "another authority has signed the certificate",
    49: "access is denied",
    51: "a signature is wrong",
    70: "the version is not supported",
    71: "the security is not sufficient",
}


class Record(NamedTuple):
    """
    A record of a datagram.

    :ivar type: the content type
    :ivar epoch: 0 as long as nothing is protected
    :ivar start: the index of its header in the datagram
    :ivar end: the index after its last byte
    """

    type: int
    epoch: int
    start: int
    end: int


class ClientHello(NamedTuple):
    """
    The first message of a handshake.

    :ivar random: 32 bytes that its sender has drawn
    :ivar cookie: the cookie that it brings back; empty if it has none yet
    :ivar sequence: the sequence number of its record, 6 bytes
    """

    random: bytes
    cookie: bytes
    sequence: bytes


def readRecords(datagram: bytes) -> Iterator[Record]:
    """The records of a datagram, up to the first that is not whole."""
    position, end = 0, len(datagram)
    while position + RECORD_HEADER_BYTES <= end:
        following = (
            position
            + RECORD_HEADER_BYTES
            + int.from_bytes(datagram[position + 11 : position + 13], "big")
        )
        if datagram[position] not in _TYPES or following > end:
            return
        epoch = int.from_bytes(datagram[position + 3 : position + 5], "big")
        yield Record(datagram[position], epoch, position, following)
        position = following


def isProtected(datagram: bytes) -> bool:
    """Whether the first record of a datagram is protected by the keys of an association."""
    return len(datagram) > RECORD_HEADER_BYTES and datagram[3:5] != b"\0\0"


def isSingleRecord(datagram: bytes) -> bool:
    """Whether a datagram is exactly one record."""
    return len(datagram) - RECORD_HEADER_BYTES == int.from_bytes(datagram[11:13], "big")


def isTooLong(datagram: bytes) -> bool:
    """
    Whether a datagram is longer than any of a member.

    Several records are together at most as long as a flight, and only data is longer.  Without this
    limit, the 5,000 records of a forged datagram would take milliseconds to read.
    """
    return len(datagram) > FLIGHT_DATAGRAM_BYTES and not (
        isProtected(datagram) and isSingleRecord(datagram)
    )


def messageType(datagram: bytes) -> int | None:
    """The type of the first message of a datagram in the clear; None if it is no such message."""
    if len(datagram) <= RECORD_HEADER_BYTES or datagram[0] != _HANDSHAKE:
        return None
    return datagram[RECORD_HEADER_BYTES]


def isHello(datagram: bytes) -> bool:
    """Whether a datagram begins like a hello, and is in the clear."""
    return datagram[13:14] == b"\1" and datagram[:1] == b"\x16" and datagram[3:5] == b"\0\0"


def mayHaveCookie(datagram: bytes) -> bool:
    """
    Whether a hello may bring a cookie of this node.

    Members have no session ids, so the length of a cookie is always in the same place.
    """
    return datagram[_COOKIE_AT : _COOKIE_AT + 1] == _COOKIE_LENGTH


def readClientHello(datagram: bytes) -> ClientHello | None:
    """
    Read a datagram that is one unfragmented hello; None if it is anything else.

    That of a member has some 200 bytes.
    """
    size = len(datagram)
    if not _COOKIE_AT < size <= FLIGHT_DATAGRAM_BYTES:
        return None
    kind, epoch, sequence, length, message, offset, fragment = _HEADERS.unpack_from(datagram)
    bodyLength = size - _HEADERS.size
    if (
        kind != _HANDSHAKE
        or epoch
        or length != size - RECORD_HEADER_BYTES
        or message != _CLIENT_HELLO << 24 | bodyLength
        or offset
        or fragment != bodyLength
    ):
        return None
    position = _RANDOM_END + 1 + datagram[_RANDOM_END]
    if position >= size:
        return None
    end = position + 1 + datagram[position]
    if end > size:
        return None
    random = datagram[_RANDOM_END - _RANDOM_BYTES : _RANDOM_END]
    return ClientHello(random, datagram[position + 1 : end], sequence)


def helloVerifyRequest(hello: ClientHello, cookie: bytes) -> bytes:
    """
    The answer to a hello without a valid cookie: a datagram that asks for it again, with a cookie.

    It repeats the sequence number of the hello, and nothing needs to be remembered of it (RFC 6347,
    section 4.2.1).

    :param cookie: `COOKIE_BYTES` bytes
    """
    return b"%b%b%b%b" % (_ASK_START, hello.sequence, _ASK_END, cookie)


def splitFlight(flight: bytes, size: int = FLIGHT_DATAGRAM_BYTES) -> list[bytes]:
    """
    The datagrams of a flight.

    A memory BIO is a stream, so the records of a flight are read from it in one piece.

    :param flight: whole records
    :param size: the most bytes of a datagram, unless one record is longer
    """
    datagrams: list[bytes] = []
    start = end = 0
    for record in readRecords(flight):
        if record.end - start > size and end > start:
            datagrams.append(flight[start:end])
            start = end
        end = record.end
    if end > start:
        datagrams.append(flight[start:end])
    return datagrams


def wellFormed(datagram: bytes) -> bytes:
    """
    The records of a datagram that OpenSSL may see.

    OpenSSL 3.5 would end an association for a protected record of an unknown type, or for one that
    is shorter than any that was sealed.  For a short fragment of a message it would take as much
    memory as the message claims to need, for ten messages at once.  Anybody can forge such records
    in the clear, and a member can protect them.
    """
    kept = [
        record
        for record in readRecords(datagram)
        if not (_claimsTooMuch(datagram, record) if record.epoch == 0 else _isNoSeal(record))
    ]
    if len(kept) == 1 and kept[0].end - kept[0].start == len(datagram):
        return datagram
    return b"".join(datagram[record.start : record.end] for record in kept)


def sealedMessages(datagram: bytes) -> int:
    """How many records of a datagram may be protected messages of a handshake."""
    if datagram[0] == _APPLICATION_DATA and isSingleRecord(datagram):
        return 0
    return sum(record.epoch > 0 and record.type == _HANDSHAKE for record in readRecords(datagram))


def _isNoSeal(record: Record) -> bool:
    """Whether no member seals a protected record of this type and size."""
    size = record.end - record.start
    if record.type == _HANDSHAKE:
        return size != _FINISHED_BYTES
    return size < RECORD_HEADER_BYTES + SEAL_BYTES


def _claimsTooMuch(datagram: bytes, record: Record) -> bool:
    """Whether a message in a record in the clear says that it is longer than any of a member."""
    position = record.start + RECORD_HEADER_BYTES
    while record.type == _HANDSHAKE and position + _MESSAGE_HEADER_BYTES <= record.end:
        start = position + _MESSAGE_HEADER_BYTES
        if int.from_bytes(datagram[position + 1 : position + 4], "big") > HANDSHAKE_MESSAGE_BYTES:
            return True
        position = start + int.from_bytes(datagram[start - 3 : start], "big")
    return False


def withoutClearAlerts(datagram: bytes) -> tuple[bytes, str | None]:
    """
    Take the alerts out of a datagram that nothing protects.

    Anybody can forge one, and OpenSSL would end the handshake for good.

    :return: the other records, and what the last fatal alert said
    """
    told = None
    kept = b""
    for record in readRecords(datagram):
        if record.type == _ALERT and record.epoch == 0:
            told = _alertOf(datagram, record) or told
        else:
            kept += datagram[record.start : record.end]
    return kept, told


def _alertOf(datagram: bytes, record: Record) -> str | None:
    body = datagram[record.start + RECORD_HEADER_BYTES : record.end]
    if len(body) != 2 or body[0] != _FATAL:
        return None
    return _ALERTS.get(body[1], f"alert {body[1]}")
