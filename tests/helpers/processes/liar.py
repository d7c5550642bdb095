"""
A bootstrap node that gives false answers, in a process of its own.

It prints its address, answers for `DURATION` seconds, and prints the number of received requests
as JSON. A lie has the number of the original's defect that it exploits. ID and HOST:PORT are those
of an honest node::

    python -m tests.helpers.processes.liar LIE ID HOST:PORT
"""

from __future__ import annotations

import json
import os
import socket
import sys
from collections.abc import Callable, Iterator

from tests.helpers.processes.attacker import (
    ANSWER_NODES,
    LOOPBACK,
    TARGET,
    Address,
    Fields,
    Host,
    compact,
)

#: The seconds for which the node gives false answers.
DURATION = 4.0

#: The address of the discard port (RFC 863), where nothing listens.
DEAD: Address = (LOOPBACK, 9)


def near(target: bytes) -> bytes:
    """Return an id that shares the first 160 bits with a target."""
    return target[:20] + os.urandom(12)


def lie20(target: bytes, own: Address, honest: bytes) -> Iterator[bytes]:
    """Yield 20 dead contacts next to the target."""
    for _ in range(20):
        yield near(target) + compact((LOOPBACK, 10000 + os.urandom(1)[0]))


def lie21(target: bytes, own: Address, honest: bytes) -> Iterator[bytes]:
    """Yield 20 contacts next to the target, all at the liar's own address."""
    for _ in range(20):
        yield near(target) + compact(own)


def lie22(target: bytes, own: Address, honest: bytes) -> Iterator[bytes]:
    """Yield the honest node's id at a dead address, and then at the honest node's address."""
    yield honest[:32] + compact(DEAD)
    yield honest


def lie25(target: bytes, own: Address, honest: bytes) -> Iterator[bytes]:
    """
    Yield entries that can't be contacts, with the honest contact among them. The last entry is
    incomplete.
    """
    yield near(target) + socket.inet_aton(LOOPBACK) + b"\0\0"
    yield near(target) + bytes(6)
    yield near(target) + b"\xff" * 6
    yield near(target) + socket.inet_aton("224.0.0.1") + b"\0\1"
    yield target + compact(own)
    yield honest
    yield near(target)[:19]


LIES: dict[str, Callable[[bytes, Address, bytes], Iterator[bytes]]] = {
    "20": lie20,
    "21": lie21,
    "22": lie22,
    "25": lie25,
}


def main() -> None:
    """Give the false answers that the command line names."""
    name, id, address = sys.argv[1:]
    host, _, port = address.partition(":")
    honest = bytes.fromhex(id) + compact((host, int(port)))
    liar = Host(DEAD)

    def answer(fields: Fields, source: Address) -> Fields:
        answered = liar.pong(fields, source)
        if TARGET in fields:
            nodes = LIES[name](fields[TARGET], liar.address, honest)
            answered[ANSWER_NODES] = b"".join(nodes)
        return answered

    print(f"listening on {liar.address[0]}:{liar.address[1]};", flush=True)
    liar.listen(DURATION, answer)
    print(json.dumps({"requests": len(liar.requests)}), flush=True)


if __name__ == "__main__":
    main()
