"""
What ``dwdht put --keep`` keeps, and what it reports.
"""

from __future__ import annotations

from ... import values
from ..console import Console, countNodes


class KeptParts:
    """
    A value that is kept alive: itself, or the pieces of a larger one.

    :param value: up to 1 MiB
    :ivar key: the text of its key
    :ivar parts: the plain values that are put
    :ivar wasStored: whether nodes have taken all parts
    """

    def __init__(self, value: bytes) -> None:
        self._isLarge = len(value) > values.MAXIMUM_VALUE_BYTES
        if self._isLarge:
            tree = values.treeOf(value)
            self.key = str(tree.key)
            self.parts = list(dict.fromkeys(tree.values))
        else:
            self.key = values.keyOf(value).hex()
            self.parts = [value]
        self.wasStored = False
        # How many nodes took each part the last time, by the key of the part.
        self._holders: dict[bytes, int] = {}
        # The parts that no node has taken yet.
        self._missing = {values.keyOf(part) for part in self.parts}

    def describe(self) -> str | None:
        """On how many nodes the value is kept; None before the first put has ended."""
        if not self._holders:
            return None
        if self._missing and self._isLarge:
            return f"{len(self.parts) - len(self._missing):,} of {len(self.parts):,} pieces"
        return f"kept on {self._countHolders()}"

    def report(self, put: values.Kept, console: Console, *, isJSON: bool) -> None:
        """
        Tell how many nodes took a part.  The key is printed when all parts are stored for the first
        time.  After that, pieces are told of only when no node took them.

        :raises OutputFailed: when standard output fails
        """
        self._holders[put.target] = put.holders or 0
        if put.holders:
            self._missing.discard(put.target)
        isFirst = not self._missing and not self.wasStored
        self.wasStored = not self._missing
        if isJSON:
            piece = {"piece": put.target.hex()} if self._isLarge else {}
            console.record(key=self.key, **piece, nodes=put.holders, heldBefore=put.heldBefore)
        elif not put.holders:
            part = "a piece" if self._isLarge else "the value"
            console.report(f"no node took {part}; it is put again soon")
        elif isFirst:
            console.line(self.key)
            stored = "each piece is stored" if self._isLarge else "stored"
            console.report(f"{stored} on {self._countHolders()}")
        elif not self._isLarge:
            console.report(
                f"stored again on {countNodes(put.holders)}; {put.heldBefore} still held it"
            )

    def _countHolders(self) -> str:
        nodes = countNodes(min(self._holders.values()))
        return f"{nodes} or more" if self._isLarge else nodes


__all__ = ["KeptParts"]
