"""
The newest records that a node has seen.
"""

from __future__ import annotations

from collections import OrderedDict
from weakref import WeakKeyDictionary

from .record import Record

#: The most records that are remembered for one node; the one that was used longest ago is
#: forgotten.  The node's own program has published or resolved them.  One takes 1.3 kB at most.
#: Larger: a program that resolves many keys takes up more memory.  Smaller: such a program may be
#: given an older record again.
RECORDS_SEEN = 1024


class SeenRecords:
    """
    Remembers the newest record of each target that a node has published or resolved.

    The memory of a node ends with the node.
    """

    def __init__(self) -> None:
        self._ofNode: WeakKeyDictionary[object, OrderedDict[bytes, Record]] = WeakKeyDictionary()

    def newest(self, node: object, target: bytes, record: Record | None) -> Record | None:
        """
        Return the newer one of ``record`` and the remembered record, and remember it.

        :param record: a record of the target whose signature was checked, or None
        """
        records = self._ofNode.setdefault(node, OrderedDict())
        known = records.pop(target, None)
        if known is None or (record is not None and record.supersedes(known)):
            known = record
        if known is not None:
            records[target] = known
            if len(records) > RECORDS_SEEN:
                records.popitem(last=False)
        return known


__all__ = ["RECORDS_SEEN", "SeenRecords"]
