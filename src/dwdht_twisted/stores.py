"""
Stores for the values that a node keeps for others.
"""

from .values.stores import CannotOpenStore, MemoryStore, SQLiteStore

__all__ = ["CannotOpenStore", "MemoryStore", "SQLiteStore"]
