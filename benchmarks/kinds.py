"""
The kinds of networks that `benchmarks.private` compares.
"""

from __future__ import annotations

from collections.abc import Callable

from dwdht_twisted.private import KeyedNetwork, NetworkSecurity

#: The key of the network by key.
NETWORK_KEY = bytes(range(32))

#: The kinds of networks, and how each makes the security of its nodes.
KINDS: dict[str, Callable[[], NetworkSecurity | None]] = {
    "open": lambda: None,
    "keyed": lambda: KeyedNetwork(NETWORK_KEY),
}
