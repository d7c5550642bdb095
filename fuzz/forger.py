"""
Who makes the datagrams: valid ones, nearly valid ones, and rubbish, from forged sources.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple

from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort, packAddress
from dwdht_twisted.values import COMMAND as VALUES
from dwdht_twisted.values import keyOf

from .subject import ECHO, HOST, Subject

#: Fields that no node of the protocol sends: unknown ones, of wrong types, and cut off.
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

#: Sources that a datagram can claim and no node can have.
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

#: One that sends more than the rate limit allows.
FLOODER: HostPort = ("6.6.6.6", 666)

#: How many sources that aren't peers are in use at a time.
_STRANGERS = 4096

#: The size of a large value, in bytes.
_LARGE = 20000


#: How many of its own queries the forger remembers.
_REMEMBERED = 256


class _Question(NamedTuple):
    """What was asked, so that the token in the answer can be brought back."""

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
    Makes datagrams for a subject, as an attacker does who knows it well: its peers and its id, and
    now and then what it has just sent, with transaction ids and tokens.

    :param corpus: datagrams that have shown something before
    """

    def __init__(self, random: Random, subject: Subject, corpus: Sequence[bytes]) -> None:
        self._random = random
        self._chance = random.random
        self._subject = subject
        self._corpus = corpus
        self._peers = [peer.contact for peer in subject.population.peers]
        self._strangers = [self._stranger() for _ in range(_STRANGERS)]
        self._questions: dict[tuple[HostPort, int], _Question] = {}
        self._lastUpdate: tuple[bytes, HostPort] | None = None
        self._ids = [
            subject.node.id,
            bytes(32),
            b"\xff" * 32,
            *(peer.id or b"" for peer in self._peers[:50]),
        ]

    def next(self) -> tuple[bytes, HostPort]:
        """A datagram, and where it claims to come from."""
        chance = self._chance()
        if chance < 0.3:
            return self._mutatedSometimes(self._request()), self._source()
        if chance < 0.4:
            return self._question()
        if chance < 0.5:
            return self._mutatedSometimes(self._response(self._bits(15))), self._source()
        if chance < 0.6 and self._subject.asked:
            return self._forgedAnswer()
        if chance < 0.7 and self._subject.answered:
            return self._update()
        if chance < 0.8 and self._corpus:
            return self._mutatedSometimes(self._pick(self._corpus)), self._source()
        if chance < 0.85:
            return self._rubbish(), self._source()
        return self._mutated(self._request()), self._source()

    # Chances.  ``Random.choice`` is too slow for millions.

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
        """An answer to what the node has asked, from who was asked, or nearly so."""
        asked = self._subject.asked
        request, source = asked[self._below(len(asked))]
        answer = self._mutatedSometimes(self._response(wire.transactionId(request)))
        chance = self._chance()
        if chance < 0.1:
            return answer, (source[0], self._bits(16))
        return answer, source if chance < 0.9 else self._source()

    def _question(self) -> tuple[bytes, HostPort]:
        """A query that gets a token, and is remembered until that is brought back."""
        value = self._value()
        target = self._random.randbytes(32) if value is None else keyOf(value)
        command = ECHO if self._chance() < 0.5 else VALUES
        question = _Question(command, self._id(), target, value)
        source = self._source()
        transactionId = self._bits(15)
        self._questions[source, transactionId] = question
        if len(self._questions) > _REMEMBERED:
            del self._questions[next(iter(self._questions))]
        return wire.frameRequest(transactionId, question.body(None)), source

    def _update(self) -> tuple[bytes, HostPort]:
        """A request that brings back a token of the node, from who has got it, or nearly so."""
        if self._lastUpdate is not None and self._chance() < 0.1:
            return self._lastUpdate
        answered = self._subject.answered
        answer, source = answered[self._below(len(answered))]
        message = wire.decodeResponse(answer)
        question = self._questions.get((source, message.transactionId))
        if question is None:
            question = _Question(VALUES, self._id(), self._target() or b"", self._value())
        body = question.body(message.roundtripToken)
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

    def _rubbish(self) -> bytes:
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

    def _turn(self, datagram: bytes) -> bytes:
        """A request becomes a response, and the other way round."""
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
    Forger._turn,
)
