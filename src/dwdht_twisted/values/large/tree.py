"""
The tree of hashes above the pieces of a large value.

A value is cut into pieces of 1,000 bytes; the last piece may be shorter.  A branch is the keys of
up to 30 pieces, or of up to 30 branches of the level below, in order.  The root holds the length of
the value and the keys of up to 30 pieces or branches::

    root     b"dwdht-tree-1"  length of the value, 4 bytes, big-endian  1 to 30 keys
    branch   1 to 30 keys
    piece    1 to 1,000 bytes of the value

Pieces, branches and the root are plain values: the key of each is its SHA-256.  The length alone
determines how many levels there are, and the size of each piece and branch.  So a reader checks the
shape of the whole tree against the length, and a value has exactly one tree.

The functions here are pure.  Nothing is sent.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ..._core.wire import ID_BYTES, checkId
from ...errors import InvalidTree, ValueTooLarge
from ..bounds import MAXIMUM_LARGE_BYTES
from ..keys import MAXIMUM_VALUE_BYTES, keyOf

#: The size of a piece, in bytes: the largest value that `put` stores.
PIECE_BYTES = MAXIMUM_VALUE_BYTES

#: The most keys in a branch and in the root.  With 30 keys, a root has 976 bytes, and a branch 960,
#: so both fit a plain value.  Larger: the root doesn't fit.  Smaller: a value needs more branches.
CHILDREN = 30

#: The start of each root: the format and its version.
MARK = b"dwdht-tree-1"

_LENGTH_BYTES = 4

#: How the text of a `TreeKey` begins.
PREFIX = "tree:"


class TreeKey(NamedTuple):
    """
    The key of a large value.  As text, it is ``tree:`` and 64 hexadecimal digits.

    It is a class of its own, and its text has a mark, because the root of a tree is a plain value
    too: `values.get` of ``root`` finds the root itself.  Only the key says which of the two is
    meant.  So no plain value is taken for a root because of its content.

    :ivar root: 32 bytes, the key of the root
    """

    root: bytes

    def __str__(self) -> str:
        return f"{PREFIX}{self.root.hex()}"

    @classmethod
    def parse(cls, text: str) -> TreeKey:
        """
        Read the text of a key.

        :raises InvalidTarget: when the text isn't ``tree:`` and 64 hexadecimal digits
        """
        try:
            root = bytes.fromhex(text[len(PREFIX) :]) if text.startswith(PREFIX) else b""
        except ValueError:
            root = b""
        return cls(checkId(root, "after 'tree:', the key of a large value"))


class Root(NamedTuple):
    """
    The content of a root.

    :ivar length: the length of the value, in bytes
    :ivar keys: the keys of the level below the root
    """

    length: int
    keys: list[bytes]


class Tree(NamedTuple):
    """
    A large value as plain values.

    :ivar key: the key of the tree
    :ivar values: all pieces and branches, and the root as the last one
    """

    key: TreeKey
    values: list[bytes]


def treeOf(value: bytes) -> Tree:
    """
    The tree of a value.  `putLarge` stores exactly these plain values.

    :raises ValueTooLarge: when the value has more than 1,048,576 bytes
    """
    checkLength(len(value))
    pieces = list(cut(value))
    branches, root = grow([keyOf(piece) for piece in pieces], len(value))
    return Tree(TreeKey(keyOf(root)), [*pieces, *branches, root])


def checkLength(length: int) -> None:
    """
    Require that a value isn't too long for a tree.

    :raises ValueTooLarge: when it has more than 1,048,576 bytes
    """
    if length > MAXIMUM_LARGE_BYTES:
        raise ValueTooLarge(
            f"a value may have up to {MAXIMUM_LARGE_BYTES} bytes, and this one has more"
        )


def cut(value: bytes) -> Iterator[bytes]:
    """The pieces of a value."""
    return (value[at : at + PIECE_BYTES] for at in range(0, len(value), PIECE_BYTES))


def levelsOf(length: int) -> list[int]:
    """
    The number of plain values on each level of a tree below its root.  The last level is that of
    the pieces.

    :param length: the length of the value, in bytes
    """
    levels = [-(-length // PIECE_BYTES)]
    while levels[0] > CHILDREN:
        levels.insert(0, -(-levels[0] // CHILDREN))
    return levels


def grow(keys: Sequence[bytes], length: int) -> tuple[list[bytes], bytes]:
    """
    Make the tree above the pieces of a value.

    :param keys: the keys of the pieces
    :param length: the length of the value, in bytes
    :return: the branches, and the root
    """
    branches: list[bytes] = []
    while len(keys) > CHILDREN:
        level = [
            b"".join(keys[first : first + CHILDREN]) for first in range(0, len(keys), CHILDREN)
        ]
        branches += level
        keys = [keyOf(branch) for branch in level]
    return branches, MARK + length.to_bytes(_LENGTH_BYTES, "big") + b"".join(keys)


def readRoot(value: bytes) -> Root:
    """
    Read a root.

    :raises InvalidTree: when the value isn't a root, when its length is over 1,048,576 bytes, and
        when the number of its keys doesn't follow from its length
    """
    start = len(MARK) + _LENGTH_BYTES
    if len(value) < start or not value.startswith(MARK):
        raise InvalidTree("the value under the key is not the root of a tree")
    length = int.from_bytes(value[len(MARK) : start], "big")
    if length > MAXIMUM_LARGE_BYTES:
        raise InvalidTree(
            f"the root names a value of {length} bytes; up to {MAXIMUM_LARGE_BYTES} are read"
        )
    return Root(length, readBranch(value[start:], levelsOf(length)[0]))


def readBranch(value: bytes, count: int) -> list[bytes]:
    """
    Read the keys of a branch.

    :param count: the number of keys that follows from the length of the tree's value
    :raises InvalidTree: when the branch has another size
    """
    if len(value) != count * ID_BYTES:
        raise InvalidTree(
            f"a branch of the tree has {len(value)} bytes, but the length of the value requires "
            f"{count * ID_BYTES}"
        )
    return [value[at : at + ID_BYTES] for at in range(0, len(value), ID_BYTES)]


def checkPiece(piece: bytes, number: int, length: int) -> bytes:
    """
    Require that a piece has the size that follows from the length of the value.

    :param number: the number of the piece, from 0
    :raises InvalidTree: when the piece has another size
    """
    required = min(PIECE_BYTES, length - number * PIECE_BYTES)
    if len(piece) != required:
        raise InvalidTree(
            f"piece {number + 1} has {len(piece)} bytes, but the length of the value requires "
            f"{required}"
        )
    return piece


__all__ = [
    "CHILDREN",
    "MARK",
    "PIECE_BYTES",
    "PREFIX",
    "Root",
    "Tree",
    "TreeKey",
    "checkLength",
    "checkPiece",
    "cut",
    "grow",
    "levelsOf",
    "readBranch",
    "readRoot",
    "treeOf",
]
