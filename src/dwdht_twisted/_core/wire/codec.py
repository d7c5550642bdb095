"""
The encoding of a message: the wire format of protobuf (proto2).

A message is a sequence of fields.  The fields of datagrams are bytes.  `readFields` reads these.
The messages of some commands have numbers too.  `readMixedFields` reads those.  A field of bytes
has three parts:

- the tag, a varint: 8 times the number of the field, plus 2, the wire type of bytes;
- the length of the value in bytes, a varint;
- the value.

A varint is a number, 7 bits in each byte, the lowest bits first.  The top bit of a byte is 1 when
another byte follows.  A field of a number has the tag, which is 8 times the number of the field,
and the number, a varint.

The reader accepts and refuses what protobuf does, because other implementations of the protocol
read and write with protobuf:

- Fields come in any order.  When a field comes twice, its last value counts.
- A field with an unknown number is skipped.  A field with another wire type than bytes is skipped
  too.  The other wire types are a varint, 4 bytes, 8 bytes, and a group: a sequence of fields
  between a start tag and an end tag.
- A varint may have more bytes than its number needs.  A tag or a length may have up to 5 bytes,
  and a value up to 10.
- A message is malformed if it has a field number 0, a tag of more than 32 bits, or a wire type 6
  or 7.  It is also malformed if its groups are not closed in order, or if a field ends beyond the
  end of the message.

The reader differs from protobuf in one case.  It reads a message in 32 steps at most, and a message
that goes on is malformed, because strangers could keep a node busy with the reading of many fields.
A field is one step, and each tag, length or number of several bytes is one more.

The versions of protobuf for Python disagree about two cases, which no writer produces.  Both are
malformed here:

- A field number 0 in a group.  Versions 7.x skip the field.
- A length of 6 to 10 bytes.  Versions 6.x read it.

The time to read a message is proportional to its size.  A length on the wire reserves no memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import MalformedDatagram

# The wire types, the lowest 3 bits of a tag.
_VARINT = 0
_EIGHT_BYTES = 1
_BYTES = 2
_GROUP_START = 3
_GROUP_END = 4
_FOUR_BYTES = 5

# The most bytes of a varint that is a tag, a length or a value.
_TAG_BYTES = 5
_LENGTH_BYTES = 5
_VALUE_BYTES = 10

# The steps after which no further field is read.  A message of 32 steps takes some 15 microseconds,
# about as long as the rest of the work for a request.  Nodes write 9 fields at most, which are 14
# steps.  Larger: a stranger's datagram costs more; without a bound, 32,000 empty fields would take
# 8 ms.  Smaller: a future version of the protocol can add fewer fields.
_MAXIMUM_STEPS = 32

# The most fields of a message that are read by the fast loop.  They are 32 steps at most.
_EACH_FIELD = range(_MAXIMUM_STEPS // 2)


def fieldTags(count: int, further: Mapping[int, int] | None = None) -> dict[int, int]:
    """
    The known fields of a message, for `readFields`.

    :param count: the number of fields whose index is their field number, from 1 on.  It is at most
        15, because the tag of field 16 has two bytes.
    :param further: the indices of further fields, by field number up to 15
    :return: the index of each field, by its tag
    """
    indices = {number: number for number in range(1, count + 1)} | dict(further or {})
    return {number << 3 | _BYTES: index for number, index in indices.items()}


def mixedTags(numbers: Iterable[int], others: Iterable[int]) -> dict[int, int]:
    """
    The known fields of a message, for `readMixedFields`.

    :param numbers: the field numbers of the fields that are numbers, up to 15
    :param others: the field numbers of the fields of bytes, up to 15
    :return: the field number of each field, by its tag
    """
    return {number << 3 | _VARINT: number for number in numbers} | {
        number << 3 | _BYTES: number for number in others
    }


def writeNumber(field: int, value: int) -> bytes:
    """
    The field of a number.

    :param field: the number of the field, 1 to 15
    :param value: 0 or more
    """
    return bytes((field << 3 | _VARINT, *_varint(value)))


class FieldPrefixes(dict[int, bytes]):
    """
    The bytes before a value of one field, by the length of the value.

    The bytes are the tag of the field and the length.

    ``prefixes[len(value)] + value`` is the whole field.
    """

    # The most prefixes that are kept: those of the lengths that are used first.  The ids, tokens,
    # addresses and lists of contacts of a node have some 25 lengths.  Smaller: their prefixes are
    # made anew for each message.  Larger: only the prefixes of values profit, at 100 bytes of
    # memory for each length.
    _KEPT = 128

    def __init__(self, number: int) -> None:
        """:param number: the number of the field, 1 to 15"""
        super().__init__()
        self._tag = number << 3 | _BYTES

    def __missing__(self, length: int) -> bytes:
        prefix = bytes((self._tag, *_varint(length)))
        if len(self) < self._KEPT:
            self[length] = prefix
        return prefix


def readFields(data: bytes, position: int, tags: Mapping[int, int], fields: list[Any]) -> None:
    """
    Read the fields of a message.

    :param data: a datagram; the message is its end
    :param position: the index of the first byte of the message
    :param tags: the known fields, from `fieldTags`
    :param fields: the list to fill.  The value of each field is put at the index of the field.  The
        items of absent fields are not changed.
    :raises MalformedDatagram: when the bytes are not a message
    """
    begin, end = position, len(data)
    # This fast loop reads the fields that nodes write: known fields whose length takes one or two
    # bytes on the wire.  At any other field, `_readAnyFields` reads the whole message anew, because
    # it also counts the steps.  `_readAnyFields` could read every message.  But it takes 1.5 times
    # as long as this loop, and would be slower than protobuf.
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


def readMixedFields(data: bytes, tags: Mapping[int, int], fields: list[Any]) -> None:
    """
    Read the fields of a message that has numbers.

    :param data: the message
    :param tags: the known fields, from `mixedTags`
    :param fields: the list to fill, as with `readFields`.  A number has up to 70 bits.
    :raises MalformedDatagram: when the bytes are not a message
    """
    _readAnyFields(data, 0, tags, fields)


def _readAnyFields(data: bytes, position: int, tags: Mapping[int, int], fields: list[Any]) -> None:
    end = len(data)
    # The start tags of the open groups.
    groups: list[int] = []
    steps = 0
    # Varints of one byte are read in place.  With a call for each of them, reading would take three
    # times as long.
    while position < end:
        if steps >= _MAXIMUM_STEPS:
            raise MalformedDatagram(f"a message takes more than {_MAXIMUM_STEPS} steps to read")
        steps += 1
        tag = data[position]
        position += 1
        if tag > 0x7F:
            tag, position = _readVarint(data, position - 1, _TAG_BYTES)
            steps += 1
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
                steps += 1
                position = start + length
            if tag in tags and not groups:
                fields[tags[tag]] = data[start:position]
        elif wireType == _VARINT:
            if position < end and data[position] < 0x80:
                value = data[position]
                position += 1
            else:
                value, position = _readVarint(data, position, _VALUE_BYTES)
                steps += 1
            if tag in tags and not groups:
                fields[tags[tag]] = value
        elif wireType == _GROUP_START:
            groups.append(tag)
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


def _varint(number: int) -> list[int]:
    parts = []
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    parts.append(number)
    return parts


def _readVarint(data: bytes, position: int, most: int) -> tuple[int, int]:
    """
    Read a varint.

    :param most: the most bytes that the varint may have
    :return: the number, and the position after the varint
    """
    number = shift = 0
    for byte in data[position : position + most]:
        position += 1
        if byte < 0x80:
            return number | byte << shift, position
        number |= (byte & 0x7F) << shift
        shift += 7
    raise MalformedDatagram(f"a varint has no end, or more than {most} bytes")
