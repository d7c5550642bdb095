"""
The tools of an attacker: the wire, byte by byte, with nothing of the code that it attacks, and
sockets on loopback.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import TypeAlias

LOOPBACK = "127.0.0.1"

PING, FIND_NODE, VALUES = b"_ping", b"_find_node", b"values"

# The numbers of the fields of requests and of responses.
COMMAND, ID, TARGET, FORWARD_REQUEST, FORWARD_RESPONSE, TOKEN, VALUE = range(1, 8)
ANSWER_ID, ANSWER_NODES, ANSWER_VALUE, ANSWER_TOKEN = range(1, 5)

#: How long an answer on loopback may take, in seconds.
SOON = 0.3

#: The largest payload of a UDP datagram, in bytes.
LARGEST = 65507

Address: TypeAlias = tuple[str, int]
Fields: TypeAlias = dict[int, bytes]

#: Gives the fields of the answer to a request; None for no answer.
Answerer: TypeAlias = "Callable[[Fields, Address], Fields | None]"

#: A contact: id in hexadecimal, host, port.
Found: TypeAlias = tuple[str, str, int]


def varint(number: int) -> bytes:
    """A number as protobuf has it."""
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def message(fields: Fields) -> bytes:
    """A protobuf message of fields that are bytes."""
    return b"".join(varint(n << 3 | 2) + varint(len(v)) + v for n, v in fields.items())


def request(number: int, command: bytes, fields: Fields | None = None) -> bytes:
    """A request with this transaction id."""
    return (0x8000 | number).to_bytes(2, "big") + message({COMMAND: command, **(fields or {})})


def response(number: int, fields: Fields) -> bytes:
    """A response with this transaction id."""
    return number.to_bytes(2, "big") + message(fields)


def parse(datagram: bytes) -> tuple[bool, int, Fields]:
    """Whether a datagram is a request, its transaction id, and its fields."""
    first = int.from_bytes(datagram[:2], "big")
    fields: Fields = {}
    place = 2
    while place < len(datagram):
        number = datagram[place] >> 3
        place += 1
        size = shift = 0
        while True:
            byte = datagram[place]
            place += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                break
        fields[number] = datagram[place : place + size]
        place += size
    return first >= 0x8000, first & 0x7FFF, fields


def compact(address: Address) -> bytes:
    """A compact address."""
    return socket.inet_aton(address[0]) + address[1].to_bytes(2, "big")


def contacts(nodes: bytes) -> list[Found]:
    """The contacts of an answer: id in hexadecimal, host, port."""
    return [
        (
            nodes[place : place + 32].hex(),
            socket.inet_ntoa(nodes[place + 32 : place + 36]),
            int.from_bytes(nodes[place + 36 : place + 38], "big"),
        )
        for place in range(0, len(nodes), 38)
    ]


class Host:
    """
    A socket of the attacker.

    :param node: the address of the node that is attacked
    :ivar id: 32 bytes
    :ivar sent: how many bytes it has sent
    :ivar got: how many bytes it has got
    :ivar responses: the responses that it has got: transaction id and fields
    :ivar requests: the requests that it has got: transaction id, fields and source
    """

    def __init__(self, node: Address, id: bytes | None = None) -> None:
        self.node = node
        self.id = id or os.urandom(32)
        self.sent = self.got = 0
        self.responses: list[tuple[int, Fields]] = []
        self.requests: list[tuple[int, Fields, Address]] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((LOOPBACK, 0))
        self.address: Address = self._socket.getsockname()

    def close(self) -> None:
        """Be gone."""
        self._socket.close()

    def send(self, *datagrams: bytes, to: Address | None = None) -> None:
        """Send datagrams, to the node unless told otherwise."""
        for datagram in datagrams:
            self._socket.sendto(datagram, to or self.node)
            self.sent += len(datagram)

    def listen(self, seconds: float = SOON, answer: Answerer | None = None) -> None:
        """Take what comes for a while, and answer the requests among it."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._socket.settimeout(left)
            try:
                datagram, source = self._socket.recvfrom(LARGEST)
            except TimeoutError:
                return
            self.got += len(datagram)
            isRequest, number, fields = parse(datagram)
            if not isRequest:
                self.responses.append((number, fields))
                continue
            self.requests.append((number, fields, source))
            answered = None if answer is None else answer(fields, source)
            if answered is not None:
                self.send(response(number, answered), to=source)

    def pong(self, fields: Fields, source: Address) -> Fields:
        """Answer as a node does that knows nobody."""
        return {ANSWER_ID: self.id, ANSWER_VALUE: compact(source), ANSWER_TOKEN: bytes(32)}

    def ask(self, command: bytes, fields: Fields | None = None) -> Fields | None:
        """Ask the node, and give what it answers; its pings are answered meanwhile."""
        self.send(request(77, command, fields))
        self.responses.clear()
        end = time.monotonic() + SOON
        while time.monotonic() < end:
            self.listen(SOON / 30, self.pong)
            for number, found in self.responses:
                if number == 77:
                    return found
        return None

    def tokenOf(self, command: bytes, fields: Fields) -> bytes:
        """The token that the node gives in its answer."""
        return (self.ask(command, fields) or {})[ANSWER_TOKEN]

    def find(self, target: bytes) -> list[Found]:
        """The contacts that the node names."""
        found = self.ask(FIND_NODE, {TARGET: target}) or {}
        return contacts(found.get(ANSWER_NODES, b""))
