"""
What a put and a get of a large value share: their progress, and their plain values.
"""

from __future__ import annotations

from ..bounds import PIECE_ATTEMPTS


class Transfer:
    """
    How far a put or a get of a large value has come.  `putLarge` and `getLarge` change it.

    :ivar length: the length of the value, in bytes; None while it isn't known
    :ivar bytesDone: the bytes at the start of the value that are done.  In a put, their pieces are
        stored.  In a get, they were written to the consumer.  A later call that is given this
        number as its ``offset`` goes on from there.
    :ivar fewestNodes: in a put, the number of nodes that took the piece that the fewest nodes took;
        None before the first piece is stored
    """

    def __init__(self) -> None:
        self.length: int | None = None
        self.bytesDone = 0
        self.fewestNodes: int | None = None

    def storedOn(self, nodes: int) -> None:
        """Note that a number of nodes took a piece."""
        self.fewestNodes = nodes if self.fewestNodes is None else min(self.fewestNodes, nodes)


def checkOffset(offset: int) -> int:
    """
    Check the bytes at the start of a value that a put or a get leaves out.

    :raises ValueError: when it isn't a whole number, or is below 0
    """
    if not isinstance(offset, int) or isinstance(offset, bool) or offset < 0:
        raise ValueError(f"an offset must be a whole number, at least 0, not {offset!r}")
    return offset


def transferOf(given: Transfer | None) -> Transfer:
    """
    The transfer that a caller has given, or another one.

    :raises ValueError: when it isn't a `Transfer`
    """
    if given is not None and not isinstance(given, Transfer):
        raise ValueError(f"transfer is a Transfer or None, not {given!r}")
    return Transfer() if given is None else given


def attempts() -> range:
    """The attempts to store or to find one plain value of a tree, counted from 1."""
    return range(1, PIECE_ATTEMPTS + 1)


__all__ = ["Transfer", "attempts", "checkOffset", "transferOf"]
