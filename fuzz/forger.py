"""
A source of datagrams from forged addresses: valid ones, nearly valid ones, and random bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort, packAddress
from dwdht_twisted.values import COMMAND as VALUES
from dwdht_twisted.values import keyOf

from .queries import ECHO
from .subject import HOST, Subject

#: Encoded fields that no correct node sends: unknown fields, fields of a wrong type, and truncated
#: fields.
ODD_FIELDS = (
    b"\x0a\x00",
    b"\x0a\x02\xff\xfe",
    b"\x0b\x0c",
    b"\x0f\x00",
    b"\x12\x00",
    b"\x12\x80\x80\x80\x80\x10",
    b"\x10\x01",
    b"\x15\x01\x02\x03\x04",
    b"\x1a\x20",
    b"\x78\x01",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
)

#: Source addresses that a datagram can carry, although no node can have them.
ODD_SOURCES: tuple[HostPort, ...] = (
    ("0.0.0.0", 6620),
    ("127.0.0.1", 6620),
    ("255.255.255.255", 6620),
    ("224.0.0.1", 6620),
    ("192.168.0.1", 6620),
    ("169.254.1.1", 1),
    ("9.9.9.9", 0),
    (HOST, 6620),
)

#: A source that sends more than the rate limit allows.
FLOODER: HostPort = ("6.6.6.6", 666)

#: The number of sources in use at a time, without the peers.  Larger: fewer of the sources send a
#: second datagram, so the node remembers fewer of them.
_STRANGERS = 4096

#: The bound on the size of a large value, in bytes.
_LARGE = 20000

#: The number of its own queries that the forger remembers, to send their tokens back.
_REMEMBERED = 256


class _Query(NamedTuple):
    """A query that was sent.  It is repeated as an update, with the token in its answer."""

    command: str
    id: bytes | None
    target: bytes
    value: bytes | None

    def body(self, token: bytes | None) -> bytes:
        return wire.requestBody(
            self.command, self.id, self.target, roundtripToken=token, value=self.value
        )


class Forger:
    """
    Makes datagrams like an attacker with knowledge of the node's id and peers.

    The attacker also sees some of the datagrams that the node has just sent, with their transaction
    ids and tokens.

    :param corpus: datagrams that have reached new code in earlier searches
    """

    def __init__(self, random: Random, subject: Subject, corpus: Sequence[bytes]) -> None:
        self._random = random
        self._chance = random.random
        self._subject = subject
        self._corpus = corpus
        self._peers = [peer.contact for peer in subject.population.peers]
        self._strangers = [self._stranger() for _ in range(_STRANGERS)]
        self._queries: dict[tuple[HostPort, int], _Query] = {}
        self._lastUpdate: tuple[bytes, HostPort] | None = None
        self._ids = [
            subject.node.id,
            bytes(32),
            b"\xff" * 32,
            *(peer.id or b"" for peer in self._peers[:50]),
        ]

    def next(self) -> tuple[bytes, HostPort]:
        """A datagram, and its forged source."""
        chance = self._chance()
        if chance < 0.3:
            return self._mutatedSometimes(self._request()), self._source()
        if chance < 0.4:
            return self._query()
        if chance < 0.5:
            return self._mutatedSometimes(self._response(self._bits(15))), self._source()
        if chance < 0.6 and self._subject.requests:
            return self._forgedAnswer()
        if chance < 0.7 and self._subject.responses:
            return self._update()
        if chance < 0.8 and self._corpus:
            return self._mutatedSometimes(self._pick(self._corpus)), self._source()
        if chance < 0.85:
            return self._randomBytes(), self._source()
        return self._mutated(self._request()), self._source()

    # Random choices.  ``Random.choice`` is too slow for millions of datagrams.

    def _below(self, bound: int) -> int:
        return int(self._chance() * bound)

    def _pick(self, choices: Sequence[bytes]) -> bytes:
        return choices[int(self._chance() * len(choices))]

    def _bits(self, count: int) -> int:
        return self._random.getrandbits(count)

    # Sources.

    def _stranger(self) -> HostPort:
        number = self._bits(32)
        host = f"{number >> 24}.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
        return host, self._bits(16)

    def _source(self) -> HostPort:
        chance = self._chance()
        if chance < 0.4:
            contact = self._peers[self._below(len(self._peers))]
            return contact.host, contact.port
        if chance < 0.41:
            return ODD_SOURCES[self._below(len(ODD_SOURCES))]
        if chance < 0.45:
            return FLOODER
        place = self._below(_STRANGERS)
        if chance < 0.6:
            self._strangers[place] = self._stranger()
        return self._strangers[place]

    # Messages.

    def _request(self) -> bytes:
        chance = self._chance()
        command = wire.PING
        target = value = forwardRequest = forwardResponse = None
        if chance < 0.2:
            pass
        elif chance < 0.4:
            command, target = wire.FIND_NODE, self._target()
        elif chance < 0.7:
            command = ECHO if chance < 0.6 else VALUES
            target, value = self._target(), self._value()
        elif chance < 0.8:
            forwardRequest = self._address()
        elif chance < 0.9:
            forwardResponse = self._address()
        else:
            command = ("", "x", "\0", "_ping ", "_find_nodes", "\u20ac" * 300)[self._below(6)]
            target, value = self._target(), self._value()
            forwardRequest = self._address() if chance < 0.93 else None
        body = wire.requestBody(
            command,
            self._id(),
            target,
            forwardRequest,
            forwardResponse,
            self._random.randbytes(32) if self._chance() < 0.1 else None,
            value,
        )
        return wire.frameRequest(self._bits(15), body)

    def _response(self, transactionId: int) -> bytes:
        return wire.encodeResponse(
            transactionId,
            self._id(),
            self._nodes() if self._chance() < 0.6 else None,
            self._value(),
            self._random.randbytes(32) if self._chance() < 0.5 else None,
        )

    def _forgedAnswer(self) -> tuple[bytes, HostPort]:
        """
        An answer to a request of the node.

        Of ten answers, eight come from the address that was asked, one comes from another port of
        the same host, and one comes from any source.
        """
        requests = self._subject.requests
        request, source = requests[self._below(len(requests))]
        answer = self._mutatedSometimes(self._response(wire.transactionId(request)))
        chance = self._chance()
        if chance < 0.1:
            return answer, (source[0], self._bits(16))
        return answer, source if chance < 0.9 else self._source()

    def _query(self) -> tuple[bytes, HostPort]:
        """A query, which is remembered until its token is sent back."""
        value = self._value()
        target = self._random.randbytes(32) if value is None else keyOf(value)
        command = ECHO if self._chance() < 0.5 else VALUES
        query = _Query(command, self._id(), target, value)
        source = self._source()
        transactionId = self._bits(15)
        self._queries[source, transactionId] = query
        if len(self._queries) > _REMEMBERED:
            del self._queries[next(iter(self._queries))]
        return wire.frameRequest(transactionId, query.body(None)), source

    def _update(self) -> tuple[bytes, HostPort]:
        """
        An update with the token in an answer of the node, from the address to which the answer was
        sent.

        One of ten updates repeats the last one.
        """
        if self._lastUpdate is not None and self._chance() < 0.1:
            return self._lastUpdate
        responses = self._subject.responses
        answer, source = responses[self._below(len(responses))]
        message = wire.decodeResponse(answer)
        query = self._queries.get((source, message.transactionId))
        if query is None:
            query = _Query(VALUES, self._id(), self._target() or b"", self._value())
        body = query.body(message.roundtripToken)
        update = self._mutatedSometimes(wire.frameRequest(self._bits(15), body))
        self._lastUpdate = (update, source)
        return self._lastUpdate

    # Fields.

    def _id(self) -> bytes | None:
        chance = self._chance()
        if chance < 0.4:
            return None
        if chance < 0.7:
            return self._random.randbytes(32)
        if chance < 0.97:
            return self._pick(self._ids)
        return self._random.randbytes(self._below(40))

    def _target(self) -> bytes | None:
        chance = self._chance()
        if chance < 0.1:
            return self._pick(self._ids)
        if chance < 0.9:
            return self._random.randbytes(32)
        if chance < 0.93:
            return None
        return self._random.randbytes(self._below(70))

    def _value(self) -> bytes | None:
        chance = self._chance()
        if chance < 0.4:
            return None
        if chance < 0.995:
            return self._random.randbytes(self._below(200))
        return bytes(self._below(_LARGE))

    def _address(self) -> bytes:
        chance = self._chance()
        if chance < 0.5:
            return packAddress(*self._source())
        return self._random.randbytes(6 if chance < 0.9 else self._below(10))

    def _nodes(self) -> bytes:
        chance = self._chance()
        if chance < 0.3:
            return self._subject.population.closest(self._random.randbytes(32))
        if chance < 0.5:
            return self._random.randbytes(38 * self._below(25))
        if chance < 0.7:
            return b"".join(self._pick(self._ids) + self._address() for _ in range(20))
        if chance < 0.9:
            return self._random.randbytes(self._below(1000))
        return self._random.randbytes(38) * self._below(100)

    # Mutations.

    def _randomBytes(self) -> bytes:
        chance = self._chance()
        size = self._below(4) if chance < 0.2 else self._below(200)
        return self._random.randbytes(size if chance < 0.999 else 65507)

    def _mutatedSometimes(self, datagram: bytes) -> bytes:
        return self._mutated(datagram) if self._chance() < 0.2 else datagram

    def _mutated(self, datagram: bytes) -> bytes:
        for _ in range(1 + self._below(3)):
            datagram = _MUTATIONS[self._below(len(_MUTATIONS))](self, datagram)
        return datagram

    def _flipBit(self, datagram: bytes) -> bytes:
        if not datagram:
            return datagram
        flipped = bytearray(datagram)
        flipped[self._below(len(flipped))] ^= 1 << self._below(8)
        return bytes(flipped)

    def _setByte(self, datagram: bytes) -> bytes:
        place = self._below(len(datagram) + 1)
        return datagram[:place] + self._random.randbytes(1) + datagram[place + 1 :]

    def _truncate(self, datagram: bytes) -> bytes:
        return datagram[: self._below(len(datagram) + 1)]

    def _delete(self, datagram: bytes) -> bytes:
        place = self._below(len(datagram) + 1)
        return datagram[:place] + datagram[place + self._below(8) :]

    def _insert(self, datagram: bytes) -> bytes:
        place = self._below(len(datagram) + 1)
        return datagram[:place] + self._random.randbytes(self._below(8)) + datagram[place:]

    def _repeat(self, datagram: bytes) -> bytes:
        place = self._below(len(datagram) + 1)
        return datagram[:place] + datagram[place : place + 40] * 2 + datagram[place + 40 :]

    def _append(self, datagram: bytes) -> bytes:
        return datagram + self._pick(ODD_FIELDS)

    def _splice(self, datagram: bytes) -> bytes:
        other = self._request() if self._chance() < 0.5 else self._response(self._bits(15))
        return datagram[: self._below(len(datagram) + 1)] + other[self._below(len(other) + 1) :]

    def _flipRequestBit(self, datagram: bytes) -> bytes:
        """Turn a request into a response, or a response into a request."""
        return bytes([datagram[0] ^ 0x80]) + datagram[1:] if datagram else datagram


_MUTATIONS: tuple[Callable[[Forger, bytes], bytes], ...] = (
    Forger._flipBit,
    Forger._setByte,
    Forger._truncate,
    Forger._delete,
    Forger._insert,
    Forger._repeat,
    Forger._append,
    Forger._splice,
    Forger._flipRequestBit,
)
