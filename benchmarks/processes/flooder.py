"""
A flood of requests to a node on loopback, with random ids or none.
"""

from __future__ import annotations

import socket
import struct
from random import Random
from selectors import DefaultSelector
from time import perf_counter, sleep

from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import ID_BYTES

from .calls import Commands, answerCalls

#: The source address of all requests, unless their sources are forged.
HOST = "127.0.0.2"

#: The number of source ports.
PORTS = 64

#: The commands of the requests, which take turns.
COMMANDS = (wire.PING, wire.FIND_NODE, "nothing")

#: The number of requests that are sent at once.  Larger: the socket buffer of the node overflows,
#: and the operating system drops requests.  Smaller: the rate isn't reached, because each burst
#: ends with a sleep of at least a fraction of a millisecond.
BURST = 20

#: The option of Linux that sets the source address of a datagram; Python's socket module lacks it.
_IP_PKTINFO = 8


def request(command: str, random: Random, hasId: bool) -> bytes:
    """A request, with or without a random id.  Every command but ping gets a random target."""
    target = None if command == wire.PING else random.randbytes(ID_BYTES)
    body = wire.requestBody(command, random.randbytes(ID_BYTES) if hasId else None, target)
    return wire.frameRequest(random.getrandbits(wire.TRANSACTION_ID_BITS), body)


def flood(port: int, requests: int, forged: bool, hasIds: bool, rate: float) -> float:
    """
    Send requests to a node on loopback.

    :param forged: whether each request comes from another loopback address; if not, all come from
        one
    :param hasIds: whether the requests carry ids
    :param rate: requests a second; fewer are sent when the machine is too slow
    :return: the time that it took, in seconds
    """
    random = Random(2)
    sockets = []
    for _ in range(PORTS):
        opened = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        opened.bind(("0.0.0.0" if forged else HOST, 0))
        sockets.append(opened)
    node = ("127.0.0.1", port)
    began = perf_counter()
    for number in range(requests):
        if not number % BURST:
            sleep(max(0.0, began + number / rate - perf_counter()))
        datagram = request(COMMANDS[number % len(COMMANDS)], random, hasIds)
        sender = sockets[number % PORTS]
        if forged:
            source = struct.pack("=i4s4x", 0, b"\x7f" + random.randbytes(3))
            sender.sendmsg([datagram], [(socket.IPPROTO_IP, _IP_PKTINFO, source)], 0, node)
        else:
            sender.sendto(datagram, node)
    took = perf_counter() - began
    for opened in sockets:
        opened.close()
    return took


if __name__ == "__main__":
    commands: Commands = {"flood": flood}
    with DefaultSelector() as selector:
        answerCalls(commands, selector)
