"""
An attacker, in a process of its own: ``python -m tests.helpers.processes.hostile ATTACK HOST:PORT ...``.

What it has seen comes out as one line of JSON.  Attacks are named after their entries in the list
of the original's defects.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from typing import Any, TypeAlias

from tests.helpers.processes.attacker import (
    ANSWER_ID,
    ANSWER_TOKEN,
    ANSWER_VALUE,
    FIND_NODE,
    FORWARD_REQUEST,
    FORWARD_RESPONSE,
    ID,
    LARGEST,
    PING,
    SOON,
    TARGET,
    TOKEN,
    VALUE,
    VALUES,
    Address,
    Host,
    compact,
    request,
    response,
)

#: A node's requests go on for no longer than this, in seconds, when nobody answers.
GIVEN_UP = 13.0

#: What is stored, and its key.
STORED = b"x" * 1000
KEY = hashlib.sha256(STORED).digest()

Seen: TypeAlias = dict[str, Any]


def attack01(node: Address) -> Seen:
    """Datagrams of 0 and 1 bytes, and rubbish."""
    host = Host(node)
    host.send(b"", b"\x00", b"\x7f", b"\x80", b"\xff", b"\x80\x00", b"\0\0", b"\xff" * 40)
    for size in (2, 50, 1000, LARGEST):
        host.send(os.urandom(size), b"\x80\0" + os.urandom(size - 2))
    return {}


def attack02(node: Address) -> Seen:
    """Addresses to forward to that are malformed, have port 0, or come with other commands."""
    host = Host(node)
    good = compact(host.address)
    for field in (FORWARD_REQUEST, FORWARD_RESPONSE):
        for address in (b"", b"x", good[:5], good + b"x", good[:4] + b"\0\0", bytes(6), good):
            for command in (PING, FIND_NODE, VALUES, b""):
                fields = {TARGET: host.id, field: address}
                host.send(request(1, command, fields), request(2, command, {ID: host.id, **fields}))
    host.send(request(3, PING, {FORWARD_REQUEST: good, FORWARD_RESPONSE: good}))
    return {}


def attack03(node: Address) -> Seen:
    """Answers that carry a token, and an id that isn't 32 bytes."""
    pings = 0
    for size in (0, 1, 31, 33, 64, 1000):
        host = Host(node)
        answer = {ANSWER_ID: os.urandom(size), ANSWER_TOKEN: bytes(32)}
        host.send(request(1, PING, {ID: host.id}), request(2, PING, {ID: os.urandom(size)}))
        host.listen(SOON, lambda fields, source, answer=answer: answer)  # type: ignore[misc]
        pings += len(host.requests)
    return {"pings": pings}


def attack04(node: Address) -> Seen:
    """Dead contacts, twice under each id."""
    ids = [os.urandom(32) for _ in range(20)]
    hosts = [Host(node, id) for _ in range(2) for id in ids]
    for host in hosts:
        host.send(request(1, PING, {ID: host.id}))
    first = listed(node, ids)
    for host in hosts:
        host.send(request(2, PING, {ID: host.id}))
    return {"first": first, "second": listed(node, ids)}


def attack06(node: Address) -> Seen:
    """Targets that aren't 32 bytes, commands that aren't text, values that no handler takes."""
    host = Host(node)
    for size in (0, 1, 31, 33, 1000):
        for command in (FIND_NODE, VALUES, b"unknown"):
            host.send(request(1, command, {TARGET: bytes(size), VALUE: b"x"}))
    host.send(request(2, FIND_NODE), request(2, VALUES), request(2, b"\xff\xfe", {TARGET: host.id}))
    host.listen()
    answers = len(host.responses)
    token = host.tokenOf(VALUES, {TARGET: host.id})
    for value in (b"not of this key", b"", bytes(60000)):
        host.send(request(3, VALUES, {TARGET: host.id, TOKEN: token, VALUE: value}))
    host.send(request(4, VALUES, {TARGET: host.id, TOKEN: token}))
    return {"answers": answers}


def attack07(node: Address) -> Seen:
    """Silent hosts with ids of all prefixes, more than the node can ping at once."""
    id = (Host(node).ask(PING) or {})[ANSWER_ID]
    ids = [sharing(prefix, id) for prefix in [*range(10, 40)] * 8 + [*range(10)] * 30]
    for each in ids:
        host = Host(node, each)
        host.send(request(1, PING, {ID: host.id}))
        host.close()
    return {"listed": listed(node, ids)}


def attack14(node: Address) -> Seen:
    """Requests and unsolicited answers with ids, from hosts that don't answer."""
    hosts = [Host(node) for _ in range(40)]
    for host in hosts:
        host.send(request(1, FIND_NODE, {ID: host.id, TARGET: host.id}))
        host.send(response(1, {ANSWER_ID: host.id, ANSWER_TOKEN: bytes(32)}))
    return {"listed": listed(node, [host.id for host in hosts])}


def attack15(node: Address, honestId: str) -> Seen:
    """Another's id, claimed in a request, in an answer and in a forwarded ping."""
    id = bytes.fromhex(honestId)
    host, other = Host(node, id), Host(node)
    host.send(request(1, PING, {ID: id}), request(2, FIND_NODE, {ID: id, TARGET: id}))
    host.send(request(3, PING, {ID: id, FORWARD_RESPONSE: compact(host.address)}))
    host.listen(answer=host.pong)
    other.send(request(4, PING, {ID: other.id}))
    other.listen(answer=host.pong)
    return {"found": [found for found in Host(node).find(id) if found[0] == honestId]}


def attack16(node: Address) -> Seen:
    """Contacts that answer, far more than the table has room for."""
    pings = 0
    for _ in range(1000):
        host = Host(node)
        host.send(request(1, PING, {ID: host.id}))
        host.listen(0.003, host.pong)
        pings += len(host.requests)
        host.close()
    return {"pings": pings}


def attack17(node: Address) -> Seen:
    """One address with 200 ids, which answers each ping under the id that it has claimed last."""
    host = Host(node)
    for _ in range(200):
        host.id = os.urandom(32)
        host.send(request(1, PING, {ID: host.id}))
        host.listen(0.01, host.pong)
    found = Host(node).find(host.id)
    return {"listed": sum(port == host.address[1] for _, _, port in found)}


def attack18(node: Address) -> Seen:
    """An answer that hands the node a token of its own."""
    host = Host(node)
    token = host.tokenOf(VALUES, {TARGET: KEY})
    host.send(request(1, PING, {ID: host.id}))
    host.listen(SOON, lambda fields, source: {**host.pong(fields, source), ANSWER_TOKEN: token})
    return {"pings": len(host.requests)}


def attack19(node: Address) -> Seen:
    """Answers with every transaction id, from an address that wasn't asked."""
    asked, forger = Host(node), Host(node)
    asked.send(request(1, PING, {ID: asked.id}))
    for number in range(0x8000):
        forger.send(response(number, {ANSWER_ID: forger.id, ANSWER_TOKEN: bytes(32)}))
        if number % 64 == 0:
            # No faster than the node takes them.
            time.sleep(0.002)
    asked.listen()
    found = [id for id, _, _ in Host(node).find(forger.id)]
    return {"pings": len(asked.requests), "listed": forger.id.hex() in found}


def attack26(node: Address) -> Seen:
    """Pings that the node is to forward, with a load, to one that it doesn't know."""
    host, victim = Host(node), Host(node)
    for _ in range(50):
        host.send(request(1, PING, {FORWARD_REQUEST: compact(victim.address), VALUE: bytes(60000)}))
    victim.listen(1.0)
    return {"victim": victim.got}


def attack27(node: Address) -> Seen:
    """Forwarded pings that name a victim as their origin."""
    host, victim = Host(node), Host(node)
    for number in range(1000):
        host.send(request(number, PING, {FORWARD_RESPONSE: compact(victim.address)}))
        if number % 50 == 0:
            time.sleep(0.01)
    victim.listen(1.0)
    return {"sent": host.sent, "victim": victim.got}


def attack28(node: Address) -> Seen:
    """Requests of all kinds from sources that never show that they get the answers."""
    keeper = Host(node)
    token = keeper.tokenOf(VALUES, {TARGET: KEY})
    keeper.ask(VALUES, {TARGET: KEY, TOKEN: token, VALUE: STORED})
    hosts = []
    for command in (PING, FIND_NODE, VALUES, b"u"):
        for fields in ({}, {TARGET: KEY}, {TARGET: KEY, TOKEN: bytes(32)}):
            for more in ({}, {ID: os.urandom(32)}):
                host = Host(node)
                host.send(request(1, command, {**fields, **more}))
                hosts.append(host)
    time.sleep(GIVEN_UP)
    for host in hosts:
        host.listen(0.02)
    return {"ratio": max(host.got / host.sent for host in hosts), "got": sum(h.got for h in hosts)}


def attack29(node: Address) -> Seen:
    """A token that was given to another port, or for another id or target."""
    host, thief = Host(node), Host(node)
    own = {ID: host.id, TARGET: KEY}
    update = {**own, TOKEN: host.tokenOf(VALUES, own), VALUE: STORED}
    thief.ask(VALUES, update)
    host.ask(VALUES, {**update, ID: thief.id})
    host.ask(VALUES, {**update, TOKEN: host.tokenOf(VALUES, {**own, TARGET: host.id})})
    refused = not isStored(host)
    host.ask(VALUES, update)
    return {"refused": refused, "taken": isStored(host)}


def attack30(node: Address) -> Seen:
    """Updates with tokens of any length that are made up."""
    host = Host(node)
    for size in (0, 1, 31, 32, 33, 1000):
        host.ask(VALUES, {TARGET: KEY, TOKEN: os.urandom(size), VALUE: STORED})
    return {"refused": not isStored(host)}


def sharing(prefix: int, id: bytes) -> bytes:
    """A random id that shares so many bits with another, and not the next."""
    free = 256 - prefix
    kept = (int.from_bytes(id, "big") >> (free - 1) ^ 1) << (free - 1)
    return (kept | int.from_bytes(os.urandom(32), "big") >> (prefix + 1)).to_bytes(32, "big")


def listed(node: Address, ids: list[bytes]) -> int:
    """How many of these the node still names when its pings have long timed out; 0 sooner."""
    host = Host(node)
    end = time.monotonic() + 2 * GIVEN_UP
    while True:
        named = {id for target in ids[::20] for id, _, _ in host.find(target)}
        count = len(named.intersection(id.hex() for id in ids))
        if not count or time.monotonic() > end:
            return count
        time.sleep(SOON)


def isStored(host: Host) -> bool:
    """Whether the node gives what is under the key."""
    return ANSWER_VALUE in (host.ask(VALUES, {TARGET: KEY}) or {})


ATTACKS = {
    name.removeprefix("attack"): value
    for name, value in globals().items()
    if name.startswith("attack") and callable(value)
}


def main() -> None:
    """Make one attack."""
    number, node, *more = sys.argv[1:]
    host, _, port = node.partition(":")
    print(json.dumps(ATTACKS[number]((host, int(port)), *more)), flush=True)


if __name__ == "__main__":
    main()
