"""
Attacks on a node. Each runs in a process that has no code of the package.

An attack has the number of the original's defect that it exploits. Its result is printed as one
line of JSON::

    python -m tests.helpers.processes.hostile ATTACK HOST:PORT ...
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

#: The seconds after which a node's unanswered requests have ended. All transmissions of a request
#: together take at most 12 seconds.
REQUEST_SECONDS = 13.0

#: A value to store, and its key.
STORED = b"x" * 1000
KEY = hashlib.sha256(STORED).digest()

Seen: TypeAlias = dict[str, Any]


def attack01(node: Address) -> Seen:
    """Send datagrams of 0 and 1 bytes, random ones, and one of the largest size."""
    host = Host(node)
    host.send(b"", b"\x00", b"\x7f", b"\x80", b"\xff", b"\x80\x00", b"\0\0", b"\xff" * 40)
    for size in (2, 50, 1000, LARGEST):
        host.send(os.urandom(size), b"\x80\0" + os.urandom(size - 2))
    return {}


def attack02(node: Address) -> Seen:
    """
    Send malformed addresses to forward to, some with port 0, and forwards of commands other than a
    ping.
    """
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
    """Answer pings with a token and an id that hasn't 32 bytes."""
    pings = 0
    for size in (0, 1, 31, 33, 64, 1000):
        host = Host(node)
        answer = {ANSWER_ID: os.urandom(size), ANSWER_TOKEN: bytes(32)}
        host.send(request(1, PING, {ID: host.id}), request(2, PING, {ID: os.urandom(size)}))
        host.listen(SOON, lambda fields, source, answer=answer: answer)  # type: ignore[misc]
        pings += len(host.requests)
    return {"pings": pings}


def attack04(node: Address) -> Seen:
    """
    Claim 20 ids twice, each at two silent addresses. After each time, count the ids that the node
    names.
    """
    ids = [os.urandom(32) for _ in range(20)]
    hosts = [Host(node, id) for _ in range(2) for id in ids]
    for host in hosts:
        host.send(request(1, PING, {ID: host.id}))
    first = countNamed(node, ids)
    for host in hosts:
        host.send(request(2, PING, {ID: host.id}))
    return {"first": first, "second": countNamed(node, ids)}


def attack06(node: Address) -> Seen:
    """
    Send targets that haven't 32 bytes, a command that isn't text, and values that the handler
    refuses.
    """
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
    """
    Claim 540 ids at silent addresses, more than the node can ping at once. The ids share 0 to 39
    bits with the node's id.
    """
    id = (Host(node).ask(PING) or {})[ANSWER_ID]
    ids = [sharing(prefix, id) for prefix in [*range(10, 40)] * 8 + [*range(10)] * 30]
    for each in ids:
        host = Host(node, each)
        host.send(request(1, PING, {ID: host.id}))
        host.close()
    return {"listed": countNamed(node, ids)}


def attack14(node: Address) -> Seen:
    """Send requests and unsolicited answers with ids from 40 silent addresses."""
    hosts = [Host(node) for _ in range(40)]
    for host in hosts:
        host.send(request(1, FIND_NODE, {ID: host.id, TARGET: host.id}))
        host.send(response(1, {ANSWER_ID: host.id, ANSWER_TOKEN: bytes(32)}))
    return {"listed": countNamed(node, [host.id for host in hosts])}


def attack15(node: Address, honestId: str) -> Seen:
    """Claim the id of an honest node in requests, in answers and in a forwarded ping."""
    id = bytes.fromhex(honestId)
    host, other = Host(node, id), Host(node)
    host.send(request(1, PING, {ID: id}), request(2, FIND_NODE, {ID: id, TARGET: id}))
    host.send(request(3, PING, {ID: id, FORWARD_RESPONSE: compact(host.address)}))
    host.listen(answer=host.pong)
    other.send(request(4, PING, {ID: other.id}))
    other.listen(answer=host.pong)
    return {"found": [found for found in Host(node).find(id) if found[0] == honestId]}


def attack16(node: Address) -> Seen:
    """Claim 1,000 ids at addresses that answer pings, far more than the table can list."""
    pings = 0
    for _ in range(1000):
        host = Host(node)
        host.send(request(1, PING, {ID: host.id}))
        host.listen(0.003, host.pong)
        pings += len(host.requests)
        host.close()
    return {"pings": pings}


def attack17(node: Address) -> Seen:
    """Claim 200 ids at one address. It answers each ping under the id claimed last."""
    host = Host(node)
    for _ in range(200):
        host.id = os.urandom(32)
        host.send(request(1, PING, {ID: host.id}))
        host.listen(0.01, host.pong)
    found = Host(node).find(host.id)
    return {"listed": sum(port == host.address[1] for _, _, port in found)}


def attack18(node: Address) -> Seen:
    """Answer the node's ping with a token that the node itself issued."""
    host = Host(node)
    token = host.tokenOf(VALUES, {TARGET: KEY})
    host.send(request(1, PING, {ID: host.id}))
    host.listen(SOON, lambda fields, source: {**host.pong(fields, source), ANSWER_TOKEN: token})
    return {"pings": len(host.requests)}


def attack19(node: Address) -> Seen:
    """Send answers with each of the 32,768 transaction ids from an address that wasn't asked."""
    asked, forger = Host(node), Host(node)
    asked.send(request(1, PING, {ID: asked.id}))
    for number in range(0x8000):
        forger.send(response(number, {ANSWER_ID: forger.id, ANSWER_TOKEN: bytes(32)}))
        if number % 64 == 0:
            # Send no faster than the node reads. Otherwise the kernel would drop answers.
            time.sleep(0.002)
    asked.listen()
    found = [id for id, _, _ in Host(node).find(forger.id)]
    return {"pings": len(asked.requests), "listed": forger.id.hex() in found}


def attack26(node: Address) -> Seen:
    """Send 50 pings of 60,000 bytes to be forwarded to an address that the node doesn't list."""
    host, victim = Host(node), Host(node)
    for _ in range(50):
        host.send(request(1, PING, {FORWARD_REQUEST: compact(victim.address), VALUE: bytes(60000)}))
    victim.listen(1.0)
    return {"victim": victim.got}


def attack27(node: Address) -> Seen:
    """Send 1,000 forwarded pings with a victim's address as their origin."""
    host, victim = Host(node), Host(node)
    for number in range(1000):
        host.send(request(number, PING, {FORWARD_RESPONSE: compact(victim.address)}))
        if number % 50 == 0:
            time.sleep(0.01)
    victim.listen(1.0)
    return {"sent": host.sent, "victim": victim.got}


def attack28(node: Address) -> Seen:
    """
    Send requests of all kinds from silent addresses. Compare the received bytes with the sent
    bytes.
    """
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
    time.sleep(REQUEST_SECONDS)
    for host in hosts:
        host.listen(0.02)
    return {"ratio": max(host.got / host.sent for host in hosts), "got": sum(h.got for h in hosts)}


def attack29(node: Address) -> Seen:
    """Use a token from another port, with another id, and for another target."""
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
    """Send updates with made-up tokens of 0 to 1,000 bytes."""
    host = Host(node)
    for size in (0, 1, 31, 32, 33, 1000):
        host.ask(VALUES, {TARGET: KEY, TOKEN: os.urandom(size), VALUE: STORED})
    return {"refused": not isStored(host)}


def sharing(prefix: int, id: bytes) -> bytes:
    """Return a random id that shares exactly ``prefix`` bits with another id."""
    free = 256 - prefix
    kept = (int.from_bytes(id, "big") >> (free - 1) ^ 1) << (free - 1)
    return (kept | int.from_bytes(os.urandom(32), "big") >> (prefix + 1)).to_bytes(32, "big")


def countNamed(node: Address, ids: list[bytes]) -> int:
    """
    Return the number of these ids that the node still names after its pings have timed out.

    Return 0 early, as soon as the node names none of them.
    """
    host = Host(node)
    end = time.monotonic() + 2 * REQUEST_SECONDS
    while True:
        named = {id for target in ids[::20] for id, _, _ in host.find(target)}
        count = len(named.intersection(id.hex() for id in ids))
        if not count or time.monotonic() > end:
            return count
        time.sleep(SOON)


def isStored(host: Host) -> bool:
    """Return whether the node has a value under the key."""
    return ANSWER_VALUE in (host.ask(VALUES, {TARGET: KEY}) or {})


ATTACKS = {
    name.removeprefix("attack"): value
    for name, value in globals().items()
    if name.startswith("attack") and callable(value)
}


def main() -> None:
    """Run the attack that the command line names."""
    number, node, *more = sys.argv[1:]
    host, _, port = node.partition(":")
    print(json.dumps(ATTACKS[number]((host, int(port)), *more)), flush=True)


if __name__ == "__main__":
    main()
