"""
Ids: which values can be one, and the distance between two.
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
    The check of ids and targets.
    """

    def test_anyKindOfBytesIsReturnedAsBytes(self) -> None:
        """An id may be bytes, a bytearray or a memoryview, and is returned as bytes."""
        for value in (ID, bytearray(ID), memoryview(ID)):
            self.assertIs(type(checkId(value, "target")), bytes)
            self.assertEqual(checkId(value, "target"), ID)

    def test_valueThatIsNot32BytesIsRefused(self) -> None:
        """
        A value that isn't 32 bytes is refused with an error that names it, what was given
        and what is allowed.
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
    The distance between two ids.
    """

    def test_distanceIsABigEndianXOR(self) -> None:
        """The distance is the XOR of two ids, read as a number whose highest byte comes first."""
        one = b"\x01" + bytes(31)
        self.assertEqual(distance(one, bytes(32)), 1 << 248)
        self.assertEqual(distance(bytes(31) + b"\x05", bytes(31) + b"\x03"), 6)

    @thorough
    @given(ids, ids, ids)
    def test_distanceIsAMetric(self, a: bytes, b: bytes, c: bytes) -> None:
        """
        The distance is symmetric, is 0 between equal ids alone, and obeys the triangle
        inequality (Kademlia, section 2.1).
        """
        self.assertEqual(distance(a, b), distance(b, a))
        self.assertEqual(distance(a, b) == 0, a == b)
        self.assertTrue(distance(a, c) <= distance(a, b) + distance(b, c))
