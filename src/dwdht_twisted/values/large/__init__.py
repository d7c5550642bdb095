"""
Values of up to 1 MiB, which are stored as plain values under a tree of hashes.

* `tree`: the tree and the key of a value.  It is pure.
* `upload`: `putLarge`, from bytes or a producer.  `source` cuts what a producer writes.
* `download`: `getLarge`, into a consumer.
* `transfer`: what both share.
"""

from __future__ import annotations

from .download import getLarge
from .source import Source
from .transfer import Transfer
from .tree import Tree, TreeKey, treeOf
from .upload import putLarge

__all__ = ["Source", "Transfer", "Tree", "TreeKey", "getLarge", "putLarge", "treeOf"]
