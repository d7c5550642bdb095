"""
The fields of messages that have numbers.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.wire import mixedTags, readMixedFields, writeNumber
from dwdht_twisted.errors import MalformedDatagram

#: Messages in hexadecimal, and their fields 1 and 2, which are numbers, and 3, which is bytes.
MESSAGES: dict[str, list[Any]] = {
    "": [None, None, None],
    "0800": [0, None, None],
    "0805 1007 1a0161": [5, 7, b"a"],
    "1a0161 1007 0805": [5, 7, b"a"],
    "0805 0806": [6, None, None],
    "08ffffffff0f": [0xFFFFFFFF, None, None],
    "08ffffffffffffffffff7f": [2**70 - 1, None, None],
    # Fields of another wire type than the known one, and those in a group, are skipped.
    "0a0161 1805 0b0805 0c 7005": [None, None, None],
}


class MixedFieldsTests(SynchronousTestCase):
    """
    `readMixedFields` and `writeNumber`.
    """

    def read(self, data: bytes) -> list[Any]:
        """Return the fields 1 to 3 of a message."""
        fields: list[Any] = [None] * 4
        readMixedFields(data, mixedTags((1, 2), (3,)), fields)
        return fields[1:]

    def test_fieldsAreRead(self) -> None:
        """Numbers and bytes are read in any order, and the last value of a field counts."""
        for text, fields in MESSAGES.items():
            self.assertEqual(self.read(bytes.fromhex(text)), fields, text)

    def test_writtenNumbersAreRead(self) -> None:
        """Each number is read as it was written."""
        random = Random(18)
        for bits in range(65):
            number = random.getrandbits(bits)
            self.assertEqual(self.read(writeNumber(2, number)), [None, number, None])

    def test_cutMessagesAreMalformed(self) -> None:
        """A message that ends within a field is malformed."""
        for text in ("08", "08ff", "1a", "1a0261", "08ffffffffffffffffffff01"):
            with self.assertRaises(MalformedDatagram):
                self.read(bytes.fromhex(text))
