"""
Datagrams of strangers on a network by certificate: hellos, fragments, and records of DTLS.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from random import Random

from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.private.certified.records import (
    RECORD_HEADER_BYTES,
    readClientHello,
    readRecords,
)

from .strangers import RECORDED, Strangers

#: The strangers that have a cookie for their own address, the last ones.
GUESTS = 128

#: The strangers of which it is remembered that they have had a cookie, the last ones.  Only
#: `GUESTS` of them use it.  Larger: the table of them is made anew by the megabyte, which looks
#: like a leak of the node.
COOKIES_REMEMBERED = 1024

#: The share of datagrams that come from strangers with a cookie, and from addresses that the node
#: has asked, from 0 to 1.
FROM_GUEST = 0.2
FROM_ASKED = 0.1

# The index of the length of the cookie in a hello without a session id.
_COOKIE_AT = 60

# The headers of a record and of a message of a handshake together.
_HEADERS_BYTES = RECORD_HEADER_BYTES + 12

_ALERT = 21
_HANDSHAKE = 22


def withCookie(hello: bytes, cookie: bytes) -> bytes:
    """
    A hello with another cookie, as the second message of its sender.

    :param hello: a hello without a session id
    """
    end = _COOKIE_AT + 1 + hello[_COOKIE_AT]
    body = hello[_HEADERS_BYTES:_COOKIE_AT] + bytes((len(cookie),)) + cookie + hello[end:]
    length = len(body).to_bytes(3, "big")
    message = b"\x01" + length + b"\0\1" + bytes(3) + length + body
    return hello[:11] + len(message).to_bytes(2, "big") + message


class RecordStrangers(Strangers):
    """
    Makes the datagrams of strangers on a network by certificate.

    Some of them receive datagrams at their address, so they get a cookie, and use it.

    :param asked: addresses at which nobody is, and that the node asks; strangers forge answers
    :ivar handshakes: the last datagrams of handshakes that members have sent to the node, with
        their sources
    :ivar answers: the last datagrams that the node has sent to members
    """

    def __init__(
        self, random: Random, members: Sequence[HostPort], *, asked: Sequence[HostPort]
    ) -> None:
        super().__init__(random, members)
        self._asked = asked
        self.handshakes: deque[tuple[bytes, HostPort]] = deque(maxlen=RECORDED)
        self.answers: deque[bytes] = deque(maxlen=RECORDED)
        self._hellos: deque[bytes] = deque(maxlen=RECORDED)
        # The second hellos of strangers with a cookie of their own, by their address.
        self._guests: dict[HostPort, bytes] = {}
        self._hadCookie: dict[HostPort, None] = {}
        self.kinds += [
            self.reordered,
            self.otherLength,
            self.otherEpoch,
            self.otherNumber,
            self.otherType,
            self.otherMessage,
            self.fragment,
            self.alert,
            self.reflected,
            self.hello,
            self.hello,
            self.helloWithWrongCookie,
        ]

    def note(self, datagram: bytes, source: HostPort) -> None:
        """Record a datagram that a member has sent to the node."""
        isHandshake = datagram[:1] != b"\x17"
        (self.handshakes if isHandshake else self.recorded).append((datagram, source))
        if readClientHello(datagram) is not None:
            self._hellos.append(datagram)

    def asksForCookie(self, hello: bytes, answer: bytes, address: HostPort) -> None:
        """Note the cookie that a stranger has got for its own address."""
        cookie = answer[_HEADERS_BYTES + 3 :]
        # An address that gets a further cookie is the last again.
        self._guests.pop(address, None)
        self._guests[address] = withCookie(hello, cookie)
        if len(self._guests) > GUESTS:
            del self._guests[next(iter(self._guests))]
        self._hadCookie.pop(address, None)
        self._hadCookie[address] = None
        if len(self._hadCookie) > COOKIES_REMEMBERED:
            del self._hadCookie[next(iter(self._hadCookie))]

    def isGuest(self, address: HostPort) -> bool:
        """Whether a stranger has had a cookie of its own lately."""
        return address in self._hadCookie

    def next(self) -> tuple[bytes, HostPort]:
        """The next datagram, and its source."""
        draw = self._random.random()
        if draw < FROM_GUEST and self._guests:
            address = self._random.choice(list(self._guests))
            # The hello with the cookie comes first, or again, and then other records.
            if self._random.random() < 0.2:
                return self._guests[address], address
            return self._random.choice(self.kinds)(self.choose()[0]), address
        if draw < FROM_GUEST + FROM_ASKED:
            datagram = self._random.choice((*self.answers, b""))
            return self._random.choice(self.kinds)(datagram or b"\0"), self._random.choice(
                self._asked
            )
        return super().next()

    def choose(self) -> tuple[bytes, HostPort]:
        """A datagram of a handshake, or another one."""
        return self._random.choice(
            self.handshakes if self._random.random() < 0.5 else self.recorded
        )

    # Kinds of datagrams.

    def reordered(self, datagram: bytes) -> bytes:
        """Put the records of some datagrams into one, in another order."""
        records = [
            each[record.start : record.end]
            for each in (datagram, self.choose()[0], self.choose()[0])
            for record in readRecords(each)
        ]
        self._random.shuffle(records)
        return b"".join(records)

    def otherLength(self, datagram: bytes) -> bytes:
        """Change the length of a record, of a message, of a fragment, or of a cookie."""
        at = self._random.choice((11, 12, 14, 16, 22, 24, _COOKIE_AT - 1, _COOKIE_AT))
        return self._with(datagram, at, self._random.randbytes(1))

    def otherEpoch(self, datagram: bytes) -> bytes:
        """Change the epoch of a record: 0 is in the clear."""
        return self._with(
            datagram, 3, self._random.choice((b"\0\0", b"\0\1", b"\0\2", b"\xff\xff"))
        )

    def otherNumber(self, datagram: bytes) -> bytes:
        """Change the number of a record."""
        return self._with(datagram, 5, bytes(4) + self._random.randbytes(2))

    def otherType(self, datagram: bytes) -> bytes:
        """Change the type of a record, also to an unknown one."""
        return self._with(datagram, 0, bytes((self._random.randrange(18, 28),)))

    def otherMessage(self, datagram: bytes) -> bytes:
        """Change the type or the number of a message of a handshake."""
        at, most = self._random.choice(((13, 25), (18, 8)))
        return self._with(datagram, at, bytes((self._random.randrange(most),)))

    def fragment(self, datagram: bytes) -> bytes:
        """Send a fragment of a message, whose place and length may be wrong."""
        if len(datagram) <= _HEADERS_BYTES or datagram[0] != _HANDSHAKE:
            datagram = self._random.choice(self._hellos)
        body = datagram[_HEADERS_BYTES:]
        start = self._random.randrange(len(body))
        part = body[start : start + self._random.randrange(1, 200)]
        offset = self._random.choice((start, start, start + 1, 0, 0xFFFFFF))
        length = self._random.choice((len(part), len(part), 0, 0xFFFFFF))
        header = datagram[13:19] + offset.to_bytes(3, "big") + length.to_bytes(3, "big")
        message = header + part
        return datagram[:11] + len(message).to_bytes(2, "big") + message

    def alert(self, datagram: bytes) -> bytes:
        """Put an alert in the clear, or one with a forged seal, before or behind a datagram."""
        epoch = self._random.choice((b"\0\0", b"\0\0", b"\0\1"))
        body = bytes((self._random.randrange(1, 3), self._random.randrange(120)))
        if epoch != b"\0\0":
            body += self._random.randbytes(self._random.choice((0, 22, 24, 30)))
        header = bytes((_ALERT,)) + b"\xfe\xfd" + epoch + self._random.randbytes(6)
        alert = header + len(body).to_bytes(2, "big") + body
        return self._random.choice((alert, alert + datagram, datagram + alert))

    def reflected(self, datagram: bytes) -> bytes:
        """Send back what the node has sent."""
        return self._random.choice(self.answers)

    def hello(self, datagram: bytes) -> bytes:
        """A hello without a cookie, of a new random number."""
        hello = withCookie(self._random.choice(self._hellos), b"")
        return self._with(hello, _HEADERS_BYTES + 2, self._random.randbytes(32))

    def helloWithWrongCookie(self, datagram: bytes) -> bytes:
        """A hello with a cookie that is random, of another address, too short or too long."""
        hello = self._random.choice(self._hellos)
        other = readClientHello(self._random.choice(self._hellos))
        size = self._random.choice((1, 16, 20, 32, 255))
        cookie = b"" if other is None else other.cookie
        if not cookie or self._random.random() < 0.5:
            cookie = self._random.randbytes(size)
        return withCookie(hello, cookie)

    def _with(self, datagram: bytes, at: int, changed: bytes) -> bytes:
        return datagram[:at] + changed + datagram[at + len(changed) :]
