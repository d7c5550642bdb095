"""
The stores behind a `ValueHandler`.

* `bounds`: the limits of a store, and the largest value that a node keeps for others.
* `shares`: whose value a full store drops.
* `memory`: `MemoryStore`, in memory.  `ordered` has its keys in their order.
* `sqlite`: `SQLiteStore`, in a file.  `database` has its connections, `lane` the threads that wait
  for the disk, `table` the rows, `schema` the tables, and `salvage` recovers a damaged file.
"""
