"""
Tools of an attacker: datagrams written byte by byte, without code of the package, and sockets on
loopback.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable
from typing import TypeAlias

LOOPBACK = "127.0.0.1"

PING, FIND_NODE, VALUES = b"_ping", b"_find_node", b"values"

# The field numbers of requests and of responses.
COMMAND, ID, TARGET, FORWARD_REQUEST, FORWARD_RESPONSE, TOKEN, VALUE = range(1, 8)
ANSWER_ID, ANSWER_NODES, ANSWER_VALUE, ANSWER_TOKEN = range(1, 5)

#: The most seconds that an answer on loopback takes.
SOON = 0.3

#: The largest payload of a UDP datagram, in bytes.
LARGEST = 65507

Address: TypeAlias = tuple[str, int]
Fields: TypeAlias = dict[int, bytes]

#: A function that returns the fields of the answer to a request, or None for no answer.
Answerer: TypeAlias = "Callable[[Fields, Address], Fields | None]"

#: A contact: its id in hexadecimal, its host and its port.
Found: TypeAlias = tuple[str, str, int]


def varint(number: int) -> bytes:
    """Return a number as a protobuf varint."""
    encoded = b""
    while number > 0x7F:
        encoded += bytes([number & 0x7F | 0x80])
        number >>= 7
    return encoded + bytes([number])


def message(fields: Fields) -> bytes:
    """Return a protobuf message whose fields are all bytes."""
    return b"".join(varint(n << 3 | 2) + varint(len(v)) + v for n, v in fields.items())


def request(number: int, command: bytes, fields: Fields | None = None) -> bytes:
    """Return the datagram of a request."""
    return (0x8000 | number).to_bytes(2, "big") + message({COMMAND: command, **(fields or {})})


def response(number: int, fields: Fields) -> bytes:
    """Return the datagram of a response."""
    return number.to_bytes(2, "big") + message(fields)


def parse(datagram: bytes) -> tuple[bool, int, Fields]:
    """Return whether a datagram is a request, its transaction id, and its fields."""
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
    """Return an address in its compact form, 6 bytes."""
    return socket.inet_aton(address[0]) + address[1].to_bytes(2, "big")


def contacts(nodes: bytes) -> list[Found]:
    """Return the contacts in the ``nodes`` of an answer, 38 bytes each."""
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

    :param node: the address of the attacked node
    :ivar id: the id that the host claims, 32 bytes
    :ivar sent: the number of sent bytes
    :ivar got: the number of received bytes
    :ivar responses: transaction id and fields of each received response
    :ivar requests: transaction id, fields and source of each received request
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
        """Close the socket."""
        self._socket.close()

    def send(self, *datagrams: bytes, to: Address | None = None) -> None:
        """Send datagrams, to the attacked node by default."""
        for datagram in datagrams:
            self._socket.sendto(datagram, to or self.node)
            self.sent += len(datagram)

    def listen(self, seconds: float = SOON, answer: Answerer | None = None) -> None:
        """
        Receive datagrams for some seconds. Answer each request with the fields that ``answer``
        returns.
        """
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
        """
        Return the fields of a pong, which also answer other requests like a node without contacts.
        """
        return {ANSWER_ID: self.id, ANSWER_VALUE: compact(source), ANSWER_TOKEN: bytes(32)}

    def ask(self, command: bytes, fields: Fields | None = None) -> Fields | None:
        """Return the node's answer to a request, or None. Meanwhile, answer the node's pings."""
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
        """Return the token in the node's answer to a request."""
        return (self.ask(command, fields) or {})[ANSWER_TOKEN]

    def find(self, target: bytes) -> list[Found]:
        """Return the contacts that the node names for a target."""
        found = self.ask(FIND_NODE, {TARGET: target}) or {}
        return contacts(found.get(ANSWER_NODES, b""))
