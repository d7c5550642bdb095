"""
The tree of hashes above the pieces of a large value, without a network.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import InvalidTarget, InvalidTree, ValueTooLarge, values
from dwdht_twisted.values import TreeKey, keyOf, treeOf
from dwdht_twisted.values.bounds import MAXIMUM_LARGE_BYTES
from dwdht_twisted.values.large.tree import (
    CHILDREN,
    MARK,
    PIECE_BYTES,
    checkPiece,
    levelsOf,
    readBranch,
    readRoot,
)

#: Lengths at which the shape of a tree changes.
LENGTHS = (
    *(0, 1, PIECE_BYTES - 1, PIECE_BYTES, PIECE_BYTES + 1),
    *(CHILDREN * PIECE_BYTES, CHILDREN * PIECE_BYTES + 1),
    *(CHILDREN**2 * PIECE_BYTES, CHILDREN**2 * PIECE_BYTES + 1),
    MAXIMUM_LARGE_BYTES,
)


def read(key: TreeKey, known: dict[bytes, bytes]) -> bytes:
    """Read a value from the plain values of its tree."""
    root = readRoot(known[key.root])
    *counts, _ = levels = levelsOf(root.length)
    keys = root.keys
    for level, _ in enumerate(counts):
        below: list[bytes] = []
        for each in keys:
            left = levels[level + 1] - len(below)
            below += readBranch(known[each], min(CHILDREN, left))
        keys = below
    pieces = [checkPiece(known[each], at, root.length) for at, each in enumerate(keys)]
    return b"".join(pieces)


class TreeTests(SynchronousTestCase):
    """
    Trees of values of all shapes.
    """

    def setUp(self) -> None:
        self.random = Random(17)

    def test_treeHoldsItsValue(self) -> None:
        """
        The tree of a value of any length consists of plain values, each of at most 1,000 bytes and
        under its own key, from which the value can be read.
        """
        lengths = [*LENGTHS, *(self.random.randrange(MAXIMUM_LARGE_BYTES) for _ in range(10))]
        for length in lengths:
            value = self.random.randbytes(length)
            tree = treeOf(value)
            self.assertLessEqual(max(map(len, tree.values)), values.MAXIMUM_VALUE_BYTES)
            known = {keyOf(each): each for each in tree.values}
            self.assertEqual(read(tree.key, known), value, length)

    def test_largestTreeHas1087Values(self) -> None:
        """The tree of a value of 1 MiB has 1,049 pieces, 37 branches on two levels, and a root."""
        self.assertEqual(levelsOf(MAXIMUM_LARGE_BYTES), [2, 35, 1049])
        tree = treeOf(self.random.randbytes(MAXIMUM_LARGE_BYTES))
        self.assertEqual(len(set(tree.values)), 1087)

    def test_longerValueIsRefused(self) -> None:
        """A value of 1,048,577 bytes has no tree."""
        with self.assertRaisesRegex(ValueTooLarge, "up to 1048576 bytes"):
            treeOf(bytes(MAXIMUM_LARGE_BYTES + 1))

    def test_oneByteChangesTheKey(self) -> None:
        """Two values that differ in one byte, or in their length, have different keys."""
        value = self.random.randbytes(50_000)
        at = self.random.randrange(len(value))
        other = value[:at] + bytes([value[at] ^ 1]) + value[at + 1 :]
        keys = {treeOf(each).key for each in (value, other, value[:-1], value + b"\0")}
        self.assertEqual(len(keys), 4)


class HostileTreeTests(SynchronousTestCase):
    """
    Plain values that a stranger has put under the key of a large value.
    """

    def setUp(self) -> None:
        self.random = Random(18)

    def test_onlyRootsOfTheRightShapeAreRead(self) -> None:
        """
        A root is refused in each of these cases: its mark differs, its length is over 1 MiB, or its
        length requires another number of keys.
        """
        root = treeOf(self.random.randbytes(100_000)).values[-1]
        start = len(MARK) + 4
        self.assertEqual(len(readRoot(root).keys), 4)

        def ofLength(length: int) -> bytes:
            return MARK + length.to_bytes(4, "big") + root[start:]

        for wrong in (
            *(b"", b"plain value", b"x" + root[1:], root[:start], root[:-1], root + bytes(32)),
            *(ofLength(length) for length in (0, 90_000, 120_001, 900_001, 1_048_577, 2**32 - 1)),
            *(root[: self.random.randrange(len(root))] for _ in range(50)),
        ):
            with self.assertRaises(InvalidTree, msg=repr(wrong)):
                readRoot(wrong)

    def test_branchAndPieceHaveTheRequiredSize(self) -> None:
        """A branch or a piece is refused unless it has exactly the size that is required."""
        self.assertEqual(readBranch(bytes(64), 2), [bytes(32)] * 2)
        self.assertEqual(checkPiece(bytes(1), 2, 2001), bytes(1))
        for size in (0, 32, 63, 65, 96):
            with self.assertRaises(InvalidTree):
                readBranch(bytes(size), 2)
        for size, number in ((999, 0), (1001, 0), (0, 2), (2, 2)):
            with self.assertRaises(InvalidTree):
                checkPiece(bytes(size), number, 2001)


class KeyTests(SynchronousTestCase):
    """
    The text of the key of a large value.
    """

    def test_textIsMarked(self) -> None:
        """The text of a key is ``tree:`` and 64 digits, and is read back as the same key."""
        key = treeOf(b"value").key
        self.assertRegex(str(key), "^tree:[0-9a-f]{64}$")
        self.assertEqual(TreeKey.parse(str(key)), key)

    def test_otherTextIsRefused(self) -> None:
        """A text without the mark, or with another number of digits, isn't a key."""
        digits = "ab" * 32
        for text in (
            "",
            digits,
            "tree:",
            f"tree:{digits[2:]}",
            f"tree:{digits}00",
            "tree:" + "g" * 64,
        ):
            with self.assertRaisesRegex(InvalidTarget, "tree:"):
                TreeKey.parse(text)
