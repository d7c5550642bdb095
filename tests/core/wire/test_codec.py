"""
The encoding of a message: fields that are read, skipped or malformed.
"""

from __future__ import annotations

import sys
import tracemalloc
from subprocess import run
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import RequestMessage, ResponseMessage
from dwdht_twisted._core.wire.codec import FieldPrefixes, fieldTags, readFields
from dwdht_twisted.errors import MalformedDatagram
from tests.helpers.strategies import thorough

ID = bytes.fromhex("11" * 32)
TARGET = bytes.fromhex("22" * 32)

#: Fields that the protocol doesn't define, in hexadecimal. There is at least one for each wire
#: type.
UNKNOWN = {
    "varint": "70 05",
    "varint of 10 bytes": "70 ffffffffffffffffff01",
    "varint of 70 bits": "70 ffffffffffffffffff7f",
    "8 bytes": "71 0102030405060708",
    "bytes": "72 03 616263",
    "empty bytes": "72 00",
    "empty group": "73 74",
    "group": "73 7005 710102030405060708 7203616263 7501020304 74",
    "group in a group": "73 83010a0161 8401 74",
    "4 bytes": "75 01020304",
    "number of two bytes": "8201 0161",
    "largest number": "faffffff0f 0161",
    "field 1 as a varint": "08 05",
    "field 1 as 8 bytes": "09 0102030405060708",
    "field 1 as a group": "0b 0c",
    "field 1 as 4 bytes": "0d 01020304",
    "field 1 in a group": "7b 0a0178 7c",
    "field 15 as a varint": "78 05",
    "field 15 as a group": "7b 7c",
    "field 15 in a group": "73 7a0101 74",
}

#: The steps after which no further field is read.
MAXIMUM_STEPS = 32

#: Fields in hexadecimal, and how many steps it takes to read each.
STEPS = {
    "1a0179": 1,
    "7a0101": 1,
    "7005": 1,
    "7203616263": 1,
    "7501020304": 1,
    "710102030405060708": 1,
    "7374": 2,
    "8201 0161": 2,
    "f8ffffff0f 00": 2,
    "1a8100 61": 2,
    "708501": 2,
    "faffffff0f 818000 61": 3,
    "f8ffffff0f ffffffffffffffffff01": 3,
}

#: Fields in hexadecimal. Each one makes its message malformed.
MALFORMED = {
    "number 0": "02 0161",
    "number 0 as a varint": "00 01",
    "number 0 in a group": "7b 00 01 7c",
    "group of number 0": "03 04",
    "tag of 6 bytes": "fa8080808000 0161",
    "tag of 33 bits": "faffffff1f 0161",
    "tag without an end": "fa",
    "wire type 6": "7e",
    "wire type 7": "7f",
    "no length": "7a",
    "length without an end": "7a 80",
    "length beyond the end": "7a 02 61",
    "length of 2 GB less 1": "7a ffffffff07",
    "length of 4 GB less 1": "7a ffffffff0f",
    "length of 6 bytes": "7a 818080808000 61",
    "length that is 1 in 32 bits": "7a 8180808010 61",
    "no varint": "78",
    "varint without an end": "78 80",
    "varint of 11 bytes": "78 ffffffffffffffffffff01",
    "7 bytes of 8": "79 01020304050607",
    "3 bytes of 4": "7d 010203",
    "group without an end": "7b 7805",
    "end without a group": "7c",
    "group that another ends": "7b 8401",
    "groups that end in the wrong order": "7b 8301 7c 8401",
    "field beyond the end of its group": "7b 7a02 7c",
}


class FieldPrefixesTests(SynchronousTestCase):
    """
    `FieldPrefixes`, which keeps the tag and length that precede a field's value.
    """

    def test_prefixIsTagAndLength(self) -> None:
        """
        A prefix consists of a tag of one byte and a length. The length has one byte for each 7
        bits.
        """
        vectors = {
            0: "1a00",
            32: "1a20",
            127: "1a7f",
            128: "1a8001",
            760: "1af805",
            16383: "1aff7f",
            16384: "1a808001",
            65507: "1ae3ff03",
        }
        prefixes = FieldPrefixes(3)
        for length, expected in vectors.items():
            self.assertEqual(prefixes[length], bytes.fromhex(expected))
            self.assertEqual(prefixes[length], bytes.fromhex(expected))

    def test_keptPrefixesAreBounded(self) -> None:
        """At most 128 prefixes of a field are kept, even if 1,000 lengths are written."""
        prefixes = FieldPrefixes(1)
        for length in range(1000):
            self.assertEqual(len(prefixes[length]), 2 if length < 128 else 3)
        self.assertEqual(len(prefixes), 128)


def isMalformed(datagram: str) -> bool:
    """Return whether a datagram, in hexadecimal, is refused as malformed."""
    try:
        wire.decode(bytes.fromhex(datagram))
    except MalformedDatagram:
        return True
    return False


class CountedBytes(bytes):
    """
    Bytes that count how they are read.

    :ivar copied: the number of bytes in all slices so far
    :ivar read: the number of single bytes that were read so far
    """

    copied = 0
    read = 0

    def __getitem__(self, key: Any) -> Any:
        part = super().__getitem__(key)
        if isinstance(part, bytes):
            self.copied += len(part)
        else:
            self.read += 1
        return part


class CountingPositions(bytes):
    """
    Bytes that record how far they were read.

    :ivar furthest: the largest index that was read
    """

    furthest = 0

    def __getitem__(self, key: Any) -> Any:
        self.furthest = max(self.furthest, key.start if isinstance(key, slice) else key)
        return super().__getitem__(key)


class ReadFieldsTests(SynchronousTestCase):
    """
    `readFields`, the reader of fields, mostly called by `decode`.
    """

    def read(self, fields: str) -> tuple[RequestMessage, ResponseMessage]:
        """
        Read fields, in hexadecimal, as those of a request with the command "a" and as those of a
        response.
        """
        return (
            wire.decodeRequest(bytes.fromhex("8001 0a0161" + fields)),
            wire.decodeResponse(bytes.fromhex("0001" + fields)),
        )

    def test_fieldsAreReadInAnyOrder(self) -> None:
        """A request and a response are read even if their value comes first."""
        request = wire.decode(bytes.fromhex("8001 3a0179 1a20" + "22" * 32 + "0a0161"))
        self.assertEqual(request, RequestMessage(1, "a", target=TARGET, value=b"y"))
        response = wire.decode(bytes.fromhex("0001 1a0179 0a20" + "11" * 32))
        self.assertEqual(response, ResponseMessage(1, ID, value=b"y"))

    def test_unknownFieldIsSkipped(self) -> None:
        """An unknown field of each wire type is skipped before, between and after known fields."""
        for name, unknown in UNKNOWN.items():
            one, other = "1a0178", "220179"
            for fields in (
                unknown + one + other,
                one + unknown + other,
                one + other + unknown,
                unknown + one + unknown + unknown + other + unknown,
            ):
                request, response = self.read(fields)
                self.assertEqual(
                    request, RequestMessage(1, "a", target=b"x", forwardRequest=b"y"), name
                )
                self.assertEqual(
                    response, ResponseMessage(1, value=b"x", roundtripToken=b"y"), name
                )

    def test_lastOfRepeatedFieldCounts(self) -> None:
        """Of a repeated field, the last value counts, even if the earlier ones are invalid."""
        command = wire.decode(bytes.fromhex("8001 0a02fffe 0a0161 0a0162"))
        self.assertEqual(command, RequestMessage(1, "b"))
        for between in ("", *UNKNOWN.values()):
            request, response = self.read("1a0178 1a03616263" + between + "1a0179" + between)
            self.assertEqual(request.target, b"y")
            self.assertEqual(response.value, b"y")
            wrongSize = "0a0178" + between + "0a20" + "11" * 32
            self.assertEqual(wire.decodeResponse(bytes.fromhex("0001" + wrongSize)).id, ID)

    def test_superfluousBytesOfVarintsAreRead(self) -> None:
        """A tag or a length of 2 to 5 bytes is read, even if one byte would be enough."""
        for zeros in range(4):
            padding = "80" * zeros + "00"
            request, response = self.read(f"9a{padding} 83{padding} 616263")
            self.assertEqual(request.target, b"abc")
            self.assertEqual(response.value, b"abc")

    def test_malformedFieldMakesItsMessageMalformed(self) -> None:
        """A message with a malformed field is malformed, whether or not other fields precede it."""
        for name, malformed in MALFORMED.items():
            for before in ("", "1a0178", "7805", "7b7c"):
                for message in ("8001 0a0161", "0001"):
                    datagram = message + before + malformed
                    self.assertTrue(isMalformed(datagram), f"{name}: {datagram}")

    def test_hugeLengthAllocatesNothing(self) -> None:
        """A field with a length of 2 MB to 32 GB is refused with less than 4 KB of memory."""
        for tag in ("1a", "7a", "9a00"):
            for length in ("ffff7f", "ffffff7f", "ffffffff07", "ffffffff7f"):
                datagram = bytes.fromhex("8001 0a0161" + tag + length + "61")
                self.assertRaises(MalformedDatagram, wire.decode, datagram)
                tracemalloc.start()
                try:
                    wire.decode(datagram)
                except MalformedDatagram:
                    _, peak = tracemalloc.get_traced_memory()
                finally:
                    tracemalloc.stop()
                self.assertTrue(peak < 4096, f"{peak} bytes")

    def test_copiesGrowWithTheSizeAlone(self) -> None:
        """
        The reader copies less than 6 times the bytes of a message, with 10 tiny fields and with 10
        fields of 40,000 bytes in all.
        """
        tiny = [bytes.fromhex(field) for field in ("1a00", "1a017a", "1a8000", "9a80808000 00")]
        large = [bytes.fromhex(tag + "a01f") + bytes(4000) for tag in ("1a", "9a00", "72", "f200")]
        for field in (*tiny, *large):
            data = CountedBytes(field * 10)
            readFields(data, 0, fieldTags(7), [None] * 8)
            self.assertTrue(data.copied < 6 * len(data), (field[:4], data.copied))

    def test_messageIsReadIn32Steps(self) -> None:
        """
        A message is read if its last field begins within 32 steps, whatever fields come before. A
        message with a further field is malformed.
        """
        command = bytes.fromhex("8001 0a0161")
        for text, steps in STEPS.items():
            field = bytes.fromhex(text)
            count = -(-(MAXIMUM_STEPS - 1) // steps)
            for further, its in STEPS.items():
                few = bytes.fromhex(further)
                fits = (MAXIMUM_STEPS - 1 - its) // steps
                wire.decode(command + few + field * fits)
                wire.decode(command + field * fits + few)
                for many in (few + field * count, field * count + few, field * count + few * 1000):
                    self.assertRaises(MalformedDatagram, wire.decode, command + many)

    @thorough
    @given(st.lists(st.sampled_from([*STEPS, *UNKNOWN.values()]), min_size=60, max_size=400))
    def test_messageOfManyFieldsIsReadInFewSteps(self, fields: list[str]) -> None:
        """
        A message of 60 to 400 fields of any kind is refused after fewer than 250 bytes were read.
        """
        data = CountedBytes(bytes.fromhex("".join(fields)))
        self.assertRaises(MalformedDatagram, readFields, data, 0, fieldTags(7), [None] * 8)
        self.assertTrue(data.read + data.copied < 250, (data.read, data.copied))

    def test_refusingALargeMessageIsQuick(self) -> None:
        """
        A datagram of more than 64,000 bytes in empty fields is refused after fewer than 200 of its
        bytes have been read.
        """
        for field in ("1a00", "7200", "7374", "7000"):
            part = bytes.fromhex(field)
            data = CountingPositions(bytes.fromhex("8001 0a0161") + part * 32_000)
            self.assertRaises(MalformedDatagram, readFields, data, 2, fieldTags(7), [None] * 8)
            self.assertTrue(0 < data.furthest < 200, (field, data.furthest))


class ImportTests(SynchronousTestCase):
    """
    The imports of the package.
    """

    def test_commandsImportNoProtobuf(self) -> None:
        """The commands, and so a node, can be imported if protobuf can't."""
        code = "import sys; sys.modules['google'] = None; import dwdht_twisted._cli.main"
        done = run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
