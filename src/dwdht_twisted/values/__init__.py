"""
A key-value store on the network.  It uses only the public API of a node.

The command is ``values``.  The key of a value is its SHA-256.  A node checks every value that it
stores or fetches against the key, so it need not trust any other node.  The 20 nodes closest to the
key keep the value until their stores drop it.  To keep a value for longer, put it again.

* `keys`: the key of a value, and the limit on its size.
* `client`: `put` and `get`, for a node that stores or fetches a value.
* `handler`: `ValueHandler`, for a node that keeps values for others.
* `stores`: the stores behind a handler, and their limits.

The class `SQLiteStore` is imported at its first use (PEP 562), so that a node without such a store
doesn't load SQLite.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import CannotOpenStore
from .client import get, put
from .handler import ValueHandler
from .keys import COMMAND, MAXIMUM_VALUE_BYTES, checkValue, keyOf
from .stores.memory import MemoryStore

if TYPE_CHECKING:
    from .stores.sqlite import SQLiteStore
else:

    def __getattr__(name: str) -> object:
        if name != "SQLiteStore":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from .stores.sqlite import SQLiteStore

        globals()[name] = SQLiteStore
        return SQLiteStore


__all__ = [
    "COMMAND",
    "MAXIMUM_VALUE_BYTES",
    "CannotOpenStore",
    "MemoryStore",
    "SQLiteStore",
    "ValueHandler",
    "checkValue",
    "get",
    "keyOf",
    "put",
]
