"""
The stores behind a `ValueHandler`.

* `bounds`: the limits of a store, and the largest value that a node keeps for others.
* `memory`: `MemoryStore`, in memory.
* `sqlite`: `SQLiteStore`, in a file.  `database` is its connection, and `schema` its tables.
"""
