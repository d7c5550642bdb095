"""
A key-value store on the network, on the public API of a node alone.

The command is ``values``.  The key of a value is its SHA-256, so nobody has to be trusted: a node
that stores a value checks its key, and a node that fetches one checks it again.
"""

from .stores import CannotOpenStore, MemoryStore, SQLiteStore
from .values import COMMAND, MAXIMUM_VALUE_BYTES, ValueHandler, checkValue, get, keyOf, put

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
