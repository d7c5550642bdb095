"""
Private networks: nodes that hear each other, and nobody else.

A node is given a `NetworkSecurity`.  The layer that this makes stands between the node and its UDP
port: it gets each datagram first, and hands the opened ones to the node.  What the node sends goes
through the layer, too.  The rest of the node does not know of it.  So its limits on rates and on
amplification see opened datagrams only.

* `seam`: what a node and a layer are to each other.
* `keyed`: networks whose members share a key.
* `certified`: networks whose members have certificates.
* `authority`: makes these certificates.
* `bounds`: what strangers, replays and wrong clocks can cost a node.

The names of these packages are imported at their first use (PEP 562), so that an open node loads no
cryptography.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .seam import DatagramLayer, NetworkSecurity, Transport

if TYPE_CHECKING:
    from .authority import AuthorityFolder
    from .certified.security import SecurityContext
    from .keyed.files import createNetworkKey, loadNetworkKey, newNetworkKey
    from .keyed.network import KeyedNetwork
else:
    # The module of each name that is imported at its first use.
    _MODULES = {
        "AuthorityFolder": ".authority",
        "KeyedNetwork": ".keyed.network",
        "SecurityContext": ".certified.security",
        "createNetworkKey": ".keyed.files",
        "loadNetworkKey": ".keyed.files",
        "newNetworkKey": ".keyed.files",
    }

    def __getattr__(name: str) -> object:
        if name not in _MODULES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        value = getattr(import_module(_MODULES[name], __name__), name)
        globals()[name] = value
        return value


__all__ = [
    "AuthorityFolder",
    "DatagramLayer",
    "KeyedNetwork",
    "NetworkSecurity",
    "SecurityContext",
    "Transport",
    "createNetworkKey",
    "loadNetworkKey",
    "newNetworkKey",
]
