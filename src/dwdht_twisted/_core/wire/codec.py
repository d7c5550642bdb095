"""
The encoding of a message: the wire format of protobuf (proto2), for messages of bytes alone.

A message is a row of fields.  A field of bytes has three parts:

- the tag, a varint: 8 times the number of the field, plus 2, the wire type of bytes;
- the length of the value in bytes, a varint;
- the value.

A varint is a number, 7 bits in each byte, the lowest bits first.  The top bit of a byte is 1 when
another byte follows.

The reader accepts and refuses what protobuf does, because other implementations of the protocol
read and write with protobuf:

- Fields come in any order.  Of a field that comes twice the last value counts.
- A field with an unknown number is skipped, and so is a known one of another wire type: a varint,
  4 bytes, 8 bytes, or a group, which is a row of fields between a start tag and an end tag.
- A varint may have more bytes than its number needs: up to 5 as a tag or a length, up to 10 as a
  value.
- A message is malformed if it has a field number 0, a tag of more than 32 bits, a wire type 6 or 7,
  groups that are not closed in order or nest more than 100 deep, or a field that ends beyond the
  end of the message.

A message of more than 256 fields is malformed too, which protobuf reads: the time to read a
datagram must not let one host keep a node busy.

The versions of protobuf for Python disagree about two things that no writer makes.  Both are
malformed here: a field number 0 in a group, which versions 7.x skip, and a length of 6 to 10 bytes,
which versions 6.x read.

The time to read a message is proportional to its size, and a length reserves no memory.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...errors import MalformedDatagram

# The wire types, the lowest 3 bits of a tag.
_VARINT = 0
_EIGHT_BYTES = 1
_BYTES = 2
_GROUP_START = 3
_GROUP_END = 4
_FOUR_BYTES = 5

# The bytes of a varint, at most, as a tag, a length and a value.
_TAG_BYTES = 5
_LENGTH_BYTES = 5
_VALUE_BYTES = 10

# The fields that a message may have.  Nodes write 8 at most.  Without a bound, a datagram of 32,000
# empty fields would take some 8 ms to read: one host within its rate could keep a node busy.
_MAXIMUM_FIELDS = 256
_EACH_FIELD = range(_MAXIMUM_FIELDS)

# The groups that may be open at once, protobuf's number.  Fewer would refuse what others accept.
_MAXIMUM_DEPTH = 100


def fieldTags(count: int, further: Mapping[int, int] | None = None) -> dict[int, int]:
    """
    The fields 1 to ``count`` of a message, and further ones, for `readFields`.

    :param count: at most 15, because the tag of field 16 has two bytes
    :param further: the indices of fields up to 15 whose number is not their index, by number
    :return: the index of each field, by its tag
    """
    indices = {number: number for number in range(1, count + 1)} | dict(further or {})
    return {number << 3 | _BYTES: index for number, index in indices.items()}


class FieldPrefixes(dict[int, bytes]):
    """
    The tag and the length that stand before the value of one field, by the length.

    ``prefixes[len(value)] + value`` is the whole field.
    """

    # The lengths whose prefixes are kept: the first that are used.  The ids, tokens, addresses and
    # lists of contacts that a node sends have some 25 lengths.  With fewer, their prefixes are made
    # anew for each message.  With more, only values profit, at 100 bytes of memory for each length.
    _KEPT = 128

    def __init__(self, number: int) -> None:
        """:param number: the number of the field, 1 to 15"""
        super().__init__()
        self._tag = number << 3 | _BYTES

    def __missing__(self, length: int) -> bytes:
        parts = [self._tag]
        rest = length
        while rest > 0x7F:
            parts.append(rest & 0x7F | 0x80)
            rest >>= 7
        parts.append(rest)
        prefix = bytes(parts)
        if len(self) < self._KEPT:
            self[length] = prefix
        return prefix


def readFields(data: bytes, position: int, tags: Mapping[int, int], fields: list[Any]) -> None:
    """
    Read the fields of a message.

    :param data: a datagram that the message is the end of
    :param position: where the message begins
    :param tags: the fields that are known, as `fieldTags` gives them
    :param fields: the value of each field is put at its index; absent fields stay what they are
    :raises MalformedDatagram: when the bytes are no message
    """
    begin, end = position, len(data)
    # This loop reads the fields that nodes write: known ones, with lengths of one or two bytes.  It
    # stops at any other field.  `_readAnyFields` reads every field, but takes half as long again:
    # alone it would be slower than protobuf.  It begins anew, because it counts the fields.
    try:
        for _ in _EACH_FIELD:
            if position >= end:
                break
            number = tags[data[position]]
            length = data[position + 1]
            if length < 0x80:
                start = position + 2
            else:
                high = data[position + 2]
                if high > 0x7F:
                    break
                start = position + 3
                length = length & 0x7F | high << 7
            position = start + length
            fields[number] = data[start:position]
    except (KeyError, IndexError):
        _readAnyFields(data, begin, tags, fields)
        return
    if position != end:
        _readAnyFields(data, begin, tags, fields)


def _readAnyFields(data: bytes, position: int, tags: Mapping[int, int], fields: list[Any]) -> None:
    end = len(data)
    # The start tags of the open groups.
    groups: list[int] = []
    count = 0
    # Varints of one byte are read in place.  With a call for each, a datagram of 30,000 tiny fields
    # would take 25 ms instead of 8.
    while position < end:
        count += 1
        if count > _MAXIMUM_FIELDS:
            raise MalformedDatagram(f"a message has more than {_MAXIMUM_FIELDS} fields")
        tag = data[position]
        position += 1
        if tag > 0x7F:
            tag, position = _readVarint(data, position - 1, _TAG_BYTES)
        number, wireType = tag >> 3, tag & 7
        if not number:
            raise MalformedDatagram("a field has the number 0; numbers begin at 1")
        if tag > 0xFFFFFFFF:
            raise MalformedDatagram("a tag has more than 32 bits")
        if wireType == _BYTES:
            if position < end and data[position] < 0x80:
                start = position + 1
                position = start + data[position]
            else:
                length, start = _readVarint(data, position, _LENGTH_BYTES)
                position = start + length
            if tag in tags and not groups:
                fields[tags[tag]] = data[start:position]
        elif wireType == _VARINT:
            if position < end and data[position] < 0x80:
                position += 1
            else:
                _, position = _readVarint(data, position, _VALUE_BYTES)
        elif wireType == _GROUP_START:
            groups.append(tag)
            if len(groups) > _MAXIMUM_DEPTH:
                raise MalformedDatagram(f"groups nest more than {_MAXIMUM_DEPTH} deep")
        elif wireType == _GROUP_END:
            if not groups or groups.pop() - _GROUP_START != tag - _GROUP_END:
                raise MalformedDatagram(f"group {number} ends, but is not the innermost open one")
        elif wireType == _EIGHT_BYTES:
            position += 8
        elif wireType == _FOUR_BYTES:
            position += 4
        else:
            raise MalformedDatagram(f"field {number} has wire type {wireType}; types are 0 to 5")
    if position > end:
        raise MalformedDatagram(f"the last field ends {position - end} bytes beyond the message")
    if groups:
        raise MalformedDatagram(f"group {groups[-1] >> 3} has no end")


def _readVarint(data: bytes, position: int, most: int) -> tuple[int, int]:
    """
    :param most: how many bytes the varint may have
    :return: its number, and the position after it
    """
    number = shift = 0
    for byte in data[position : position + most]:
        position += 1
        if byte < 0x80:
            return number | byte << shift, position
        number |= (byte & 0x7F) << shift
        shift += 7
    raise MalformedDatagram(f"a varint has no end, or more than {most} bytes")
