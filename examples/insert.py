"""
Store a value on the network.

    python examples/insert.py VALUE [BOOTSTRAP]
"""

from __future__ import annotations

import sys
from hashlib import sha256
from typing import Any

from twisted.internet.task import react

from dwdht_twisted import DHTNode


async def main(reactor: Any, text: str, bootstrap: str = "localhost:10001") -> None:
    # Ephemeral: other nodes don't list this node, because it leaves again at once.
    node = DHTNode(reactor, ephemeral=True, bootstrap=[bootstrap])
    value = text.encode()
    key = sha256(value).digest()
    replies = await node.update("values", key, value).collect()
    print(f"inserted {key.hex()} on {len(replies)} nodes")
    await node.destroy()


if __name__ == "__main__":
    react(main, sys.argv[1:])
