"""
A flood of requests to a node on loopback, with random ids or none, or of hellos.
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


def hello(random: Random) -> bytes:
    """A DTLS hello with a random number of its own and no cookie, as OpenSSL sends it."""
    body = b"\xfe\xfd" + random.randbytes(32) + b"\0\0" + b"\0\2\xc0\x2b\1\0" + bytes(80)
    length = len(body).to_bytes(3, "big")
    message = b"\1" + length + bytes(5) + length + body
    return b"\x16\xfe\xff" + bytes(8) + len(message).to_bytes(2, "big") + message


def flood(
    port: int, requests: int, forged: bool, hasIds: bool, rate: float, hellos: bool = False
) -> float:
    """
    Send requests to a node on loopback.

    :param forged: whether each request comes from another loopback address; if not, all come from
        one
    :param hasIds: whether the requests carry ids
    :param rate: requests a second; fewer are sent when the machine is too slow
    :param hellos: whether to send hellos of a network by certificate instead
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
        command = COMMANDS[number % len(COMMANDS)]
        datagram = hello(random) if hellos else request(command, random, hasIds)
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
