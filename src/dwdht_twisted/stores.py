"""
Stores for the values that a node keeps for others: in memory, or in a file.
"""

from .values import CannotOpenStore, MemoryStore, SQLiteStore

__all__ = ["CannotOpenStore", "MemoryStore", "SQLiteStore"]
