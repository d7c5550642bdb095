"""
A bootstrap node, which new nodes ask first.

    python examples/bootstrap.py [PORT]
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from dwdht_twisted import DHTNode


async def main(reactor: Any, port: str = "10001") -> None:
    # Ephemeral: the node answers requests, but other nodes don't list it.
    bootstrap = DHTNode(reactor, ephemeral=True)
    bootstrap.listen(int(port))
    print(f"listening on port {bootstrap.address().port}", flush=True)
    await Deferred()  # until the process is interrupted


if __name__ == "__main__":
    react(main, sys.argv[1:])
