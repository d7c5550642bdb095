"""
Find a value on the network by its key.

    python examples/lookup.py KEYHEX [BOOTSTRAP]
"""

from __future__ import annotations

import sys
from hashlib import sha256
from typing import Any

from twisted.internet.task import react

from dwdht_twisted import DHTNode


async def main(reactor: Any, keyHex: str, bootstrap: str = "localhost:10001") -> None:
    node = DHTNode(reactor, ephemeral=True, bootstrap=[bootstrap])
    key = bytes.fromhex(keyHex)
    stream = node.query("values", key)
    async for reply in stream:
        if reply.value is not None and sha256(reply.value).digest() == key:
            print(keyHex, "-->", reply.value.decode(errors="replace"))
            # The value is found, so ask no further nodes.
            stream.stopProducing()
    print("(query finished)")
    await node.destroy()


if __name__ == "__main__":
    react(main, sys.argv[1:])
