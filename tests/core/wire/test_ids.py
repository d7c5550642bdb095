"""
Ids: the values that are valid, and the distance between two ids.
"""

from __future__ import annotations

from hypothesis import given
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.wire import ID_BYTES, checkId, distance
from dwdht_twisted.errors import InvalidTarget
from tests.helpers.strategies import ids, thorough

ID = bytes(range(32))


class CheckIdTests(SynchronousTestCase):
    """
    `checkId`, the check of ids and targets.
    """

    def test_anyKindOfBytesIsReturnedAsBytes(self) -> None:
        """An id may be given as bytes, bytearray or memoryview. The result is always bytes."""
        for value in (ID, bytearray(ID), memoryview(ID)):
            self.assertIs(type(checkId(value, "target")), bytes)
            self.assertEqual(checkId(value, "target"), ID)

    def test_valueThatIsNot32BytesIsRefused(self) -> None:
        """
        The error for a value other than 32 bytes contains the value's name, its size or type, and
        the allowed size.
        """
        for value, shown in ((b"", "0"), (ID[1:], "31"), (ID + b"x", "33"), ("a" * 32, "str")):
            error = self.assertRaises(InvalidTarget, checkId, value, "the target")
            self.assertIn("the target", str(error))
            self.assertIn("32 bytes", str(error))
            self.assertIn(shown, str(error))
        self.assertRaises(InvalidTarget, checkId, None, "target")

    def test_idHas32Bytes(self) -> None:
        """The size of an id is 32 bytes."""
        self.assertEqual(len(ID), ID_BYTES)


class DistanceTests(SynchronousTestCase):
    """
    The distance between two ids (Kademlia, section 2.1).
    """

    def test_distanceIsABigEndianXOR(self) -> None:
        """The distance is the XOR of two ids, read as a big-endian number."""
        one = b"\x01" + bytes(31)
        self.assertEqual(distance(one, bytes(32)), 1 << 248)
        self.assertEqual(distance(bytes(31) + b"\x05", bytes(31) + b"\x03"), 6)

    @thorough
    @given(ids, ids, ids)
    def test_distanceIsAMetric(self, a: bytes, b: bytes, c: bytes) -> None:
        """
        The distance is symmetric, is 0 only between equal ids, and obeys the triangle inequality
        (Kademlia, section 2.1).
        """
        self.assertEqual(distance(a, b), distance(b, a))
        self.assertEqual(distance(a, b) == 0, a == b)
        self.assertTrue(distance(a, c) <= distance(a, b) + distance(b, c))
