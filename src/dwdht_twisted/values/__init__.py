"""
A key-value store on the network.  It uses only the public API of a node.

The command is ``values``.  The key of a value is its SHA-256.  A node checks every value that it
stores or fetches against the key, so it need not trust any other node.  The 20 nodes closest to the
key keep the value until their stores drop it.  To keep a value for longer, give it to a `Keeper`.

* `keys`: the key of a value, and the limit on its size.
* `client`: `put` and `get`, for a node that stores or fetches a value.
* `large`: `putLarge` and `getLarge`, for values of up to 1 MiB.
* `handler`: `ValueHandler`, for a node that keeps values for others.
* `keeping`: `Keeper`, which puts values again before they expire, and the hand-over of values to
  nodes that join.
* `stores`: the stores behind a handler, and their limits.
* `signed`: `publish` and `resolve`, for records under a public key, which their owner can change.

The class `SQLiteStore` and the names of `large` and `signed` are imported at their first use
(PEP 562), so that a program that does not use them loads neither SQLite nor their code.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import CannotOpenStore
from .client import get, put
from .handler import ValueHandler
from .keeping import HandOver, Keeper, Kept
from .keys import COMMAND, MAXIMUM_VALUE_BYTES, checkValue, keyOf
from .stores.memory import MemoryStore

if TYPE_CHECKING:
    from .large import Transfer, TreeKey, getLarge, putLarge, treeOf
    from .signed.client import publish, publishSigned, resolve
    from .signed.handler import RecordHandler
    from .signed.keyfiles import createKey, loadKey
    from .signed.record import MAXIMUM_SALT_BYTES, RECORDS, Record, targetOf
    from .signed.signing import publicKeyOf
    from .stores.sqlite import SQLiteStore
else:
    # The module of each name that is imported at its first use.
    _MODULES = {
        "MAXIMUM_SALT_BYTES": ".signed.record",
        "RECORDS": ".signed.record",
        "Record": ".signed.record",
        "RecordHandler": ".signed.handler",
        "SQLiteStore": ".stores.sqlite",
        "createKey": ".signed.keyfiles",
        "loadKey": ".signed.keyfiles",
        "publicKeyOf": ".signed.signing",
        "publish": ".signed.client",
        "publishSigned": ".signed.client",
        "resolve": ".signed.client",
        "targetOf": ".signed.record",
        **dict.fromkeys(("Transfer", "TreeKey", "getLarge", "putLarge", "treeOf"), ".large"),
    }

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_MODULES[name], __name__), name)
        globals()[name] = value
        return value


__all__ = [
    "COMMAND",
    "MAXIMUM_SALT_BYTES",
    "MAXIMUM_VALUE_BYTES",
    "RECORDS",
    "CannotOpenStore",
    "HandOver",
    "Keeper",
    "Kept",
    "MemoryStore",
    "Record",
    "RecordHandler",
    "SQLiteStore",
    "Transfer",
    "TreeKey",
    "ValueHandler",
    "checkValue",
    "createKey",
    "get",
    "getLarge",
    "keyOf",
    "loadKey",
    "publicKeyOf",
    "publish",
    "publishSigned",
    "put",
    "putLarge",
    "resolve",
    "targetOf",
    "treeOf",
]
