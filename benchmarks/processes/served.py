"""
One node of an open or a private network, whose table is full from the start.
"""

from __future__ import annotations

import sys
from random import Random
from typing import Any

from dwdht_twisted import Contact, DHTNode
from dwdht_twisted._core.wire import ID_BYTES

from ..kinds import KINDS
from ..usage import cpuSeconds
from .calls import Commands, answerWithReactor

#: The contacts that the node is given.  It lists some 130 of them.
CONTACTS = 200


def makeCommands(reactor: Any) -> Commands:
    """The commands of the process, whose argument is the kind of the network."""
    node = DHTNode(reactor, security=KINDS[sys.argv[1]]())

    def know(id: str, port: int) -> None:
        contact = Contact(bytes.fromhex(id), "127.0.0.1", port)
        node._parts.table.answered(contact, node.clock.seconds())

    def start() -> int:
        node.listen(0, "127.0.0.1")
        # The contacts answer no ping, and must stay in the table.
        node._parts.upkeep.stop()
        random = Random(1)
        for port in range(1, CONTACTS + 1):
            know(random.randbytes(ID_BYTES).hex(), port)
        return node.address().port

    return {"start": start, "know": know, "cpu": cpuSeconds}


if __name__ == "__main__":
    answerWithReactor(makeCommands)
