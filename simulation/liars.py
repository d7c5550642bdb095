"""
Liars: hostile hosts, which use the wire codec but no node.

A liar does everything that keeps it in the tables of others: it has an id, announces itself, and
answers pings.  It lies in its answers to all other requests.  The liars of a network know each
other and every honest node, so that they lie as well as they can.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import TypeVar

from twisted.internet.protocol import DatagramProtocol

from dwdht_twisted import Contact, MalformedDatagram
from dwdht_twisted._core import wire
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BYTES, TOKEN_BYTES, packAddress, packContact
from dwdht_twisted.values import COMMAND, keyOf

from .hosts import PORT, hostOf, vacantHost
from .swarm import Swarm

#: The number of updates that a `TokenReplay` sends for each request that it receives.  Smaller:
#: fewer tokens are tried in a run.  Larger: a run takes longer.
FORGED_UPDATES = 2

#: The number of other nodes' tokens that a `TokenReplay` remembers.  Larger: most tokens have
#: expired when they are tried.  Smaller: the tokens of fewer nodes are tried.
REMEMBERED_TOKENS = 100

#: The longest time that a `Slow` liar delays an answer, in seconds.  A node waits about as long for
#: an answer.  Larger: most answers are ignored as if the liar were mute.  Smaller: the liar is like
#: an honest node with slow answers.
LONGEST_DELAY = 2.5


def nextTo(target: bytes, place: int) -> bytes:
    """
    An id close to a target.

    :param place: the XOR distance from the target, at least 1
    """
    return (int.from_bytes(target, "big") ^ place).to_bytes(ID_BYTES, "big")


def readRequest(datagram: bytes) -> wire.RequestMessage | None:
    """Decode a request; None for any other datagram."""
    try:
        message = wire.decode(datagram)
    except MalformedDatagram:
        return None
    return message if isinstance(message, wire.RequestMessage) else None


AnyLiar = TypeVar("AnyLiar", bound="Liar")


class Liar(DatagramProtocol):
    """
    The behaviour that all liars share.

    A liar of this class names the true closest nodes, and stores nothing.

    :param id: 32 bytes; by default the id that its security fixes, or else a random one

    :ivar security: its security, which all its ports share; None on an open network
    :ivar index: the number of the host, from which its address follows
    :ivar host: the IPv4 address
    :ivar id: the id under which it announces itself and answers
    """

    noisy = False

    def __init__(self, swarm: Swarm, id: bytes | None = None) -> None:
        self.index = swarm.addHost()
        self.swarm = swarm
        self.random = Random(f"{swarm.seed} liar {self.index}")
        self.security = swarm.admission.makeSecurity()
        certified = None if self.security is None else self.security.id
        self.id = id or certified or self.random.randbytes(ID_BYTES)
        self.host = hostOf(self.index)
        self._port = swarm.listen(self.host, PORT, self, self.security)
        self._isUp = True
        swarm.liars.append(self)
        swarm.hostsOf[certified or self.id].add(self.host)
        self.announce()

    def announce(self) -> None:
        """Send a request to every honest node, so that all their tables list this liar."""
        body = wire.requestBody(wire.FIND_NODE, self.id, self.id)
        for member in self.swarm.runningMembers():
            self.ask(body, member.address)

    def moveTo(self, id: bytes) -> None:
        """Take another id, and announce it."""
        self.id = id
        self.announce()

    def leave(self) -> None:
        """Stop answering, and leave the swarm's list of liars."""
        self._isUp = False
        self.swarm.liars.remove(self)
        self._port.stopListening()

    def ask(self, body: bytes, address: tuple[str, int]) -> None:
        """Send a request, and ignore its answer."""
        self.send(wire.frameRequest(self.random.getrandbits(15), body), address)

    def send(self, datagram: bytes, address: tuple[str, int]) -> None:
        """Send a datagram, unless this liar has left."""
        if self._isUp:
            self._port.write(datagram, address)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Answer a ping truthfully, and any request with a target with a lie."""
        message = readRequest(datagram)
        if message is None:
            return
        if message.command == wire.PING:
            if message.forwardRequest is None and message.forwardResponse is None:
                self.answer(message, addr, self.id, b"", packAddress(*addr))
        elif message.target is not None and len(message.target) == ID_BYTES:
            self.lie(message, message.target, addr)

    def answer(
        self,
        message: wire.RequestMessage,
        address: tuple[str, int],
        id: bytes,
        nodes: bytes,
        value: bytes | None = None,
        token: bytes | None = None,
    ) -> None:
        """
        Send a response.

        :param id: the id under which it answers
        :param nodes: compact contacts
        :param token: the round-trip token; by default the token of the request, which acknowledges
            an update, or a random token if the request has none
        """
        token = token or message.roundtripToken or self.random.randbytes(TOKEN_BYTES)
        self.send(
            wire.encodeResponse(message.transactionId, id, nodes or None, value, token), address
        )

    def accomplices(self, kind: type[AnyLiar]) -> list[AnyLiar]:
        """Draw at most 20 liars of one kind from the swarm."""
        known = [liar for liar in self.swarm.liars if isinstance(liar, kind)]
        return self.random.sample(known, min(K, len(known)))

    def honestNodes(self, target: bytes) -> bytes:
        """The compact contacts of the honest nodes closest to a target: the best answer."""
        return b"".join(packContact(member.contact) for member in self.swarm.closestMembers(target))

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Answer a request that has a target; each kind of liar overrides this."""
        self.answer(message, address, self.id, self.honestNodes(target))


class DeadIds(Liar):
    """Names 20 ids next to the target, at addresses that no host has."""

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Answer a request that has a target."""
        named = (
            Contact(nextTo(target, 1 + self.random.getrandbits(16)), vacantHost(self.random), PORT)
            for _ in range(K)
        )
        self.answer(message, address, self.id, b"".join(map(packContact, named)))


class FalseIds(Liar):
    """Names the true closest nodes at their own addresses, but under ids next to the target."""

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Answer a request that has a target."""
        named = (
            member.contact._replace(id=nextTo(target, 1 + self.random.getrandbits(16)))
            for member in self.swarm.closestMembers(target)
        )
        self.answer(message, address, self.id, b"".join(map(packContact, named)))


class EndlessCloser(Liar):
    """
    Leads a lookup to ids that are closer to the target with each step.

    The liar has one port for each step.  A port names the next port of this liar and of each of its
    accomplices, and it answers under the id that its predecessor named.  Only the first port has a
    fixed id, so that honest nodes list it.
    """

    #: The number of steps, and so of ports.  Larger: a lookup asks more ports in vain.  Smaller: a
    #: lookup reaches the last step after few requests.
    steps = 12

    #: The number of bits by which each step shortens the distance to the target.  Larger: with more
    #: than 20, the distances of the first step would need more than 256 bits in a large network.
    #: Smaller: the steps would overlap, because the index of a liar takes up to 16 bits of the
    #: distance.
    bits = 16

    def __init__(self, swarm: Swarm, id: bytes | None = None) -> None:
        super().__init__(swarm, id)
        self._ports = [
            swarm.listen(self.host, PORT + step, _Step(self, step), self.security)
            for step in range(1, self.steps)
        ]

    def leave(self) -> None:
        """Stop answering on all ports, and leave the swarm's list of liars."""
        super().leave()
        for port in self._ports:
            port.stopListening()

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Answer a request that has a target."""
        self.send(self.answerOf(0, message, target), address)

    def answerOf(self, step: int, message: wire.RequestMessage, target: bytes) -> bytes:
        """Encode the answer of the port for this step."""
        following = min(step + 1, self.steps - 1)
        named = b"".join(
            packContact(Contact(liar.idFor(target, following), liar.host, PORT + following))
            for liar in self.accomplices(type(self))
        )
        token = message.roundtripToken or self.random.randbytes(TOKEN_BYTES)
        id = self.id if step == 0 else self.idFor(target, step)
        return wire.encodeResponse(message.transactionId, id, named, None, token)

    def idFor(self, target: bytes, step: int) -> bytes:
        """The id of the port for this step, which is closer to the target for a higher step."""
        return nextTo(target, (1 + self.index) << (self.steps - 1 - step) * self.bits)


class OwnIds(EndlessCloser):
    """Names itself and its accomplices under ids next to the target, and answers under them."""

    steps = 2


class _Step(DatagramProtocol):
    """
    A further port of a liar.

    :param step: the step that the port is for, from 1 on
    """

    noisy = False

    def __init__(self, liar: EndlessCloser, step: int) -> None:
        self._liar = liar
        self._step = step

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Answer a request.  If it has no target, take the id of the liar for the target."""
        message = readRequest(datagram)
        if message is not None and self.transport is not None:
            target = message.target or self._liar.id
            self.transport.write(self._liar.answerOf(self._step, message, target), addr)


class WrongValues(Liar):
    """Names the true closest nodes, and returns a value that was never stored."""

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Answer a request that has a target."""
        wrong = self.random.randbytes(32) if message.command == COMMAND else None
        self.answer(message, address, self.id, self.honestNodes(target), wrong)


class TokenReplay(Liar):
    """
    Abuses round-trip tokens.

    It answers with tokens that it has received from other nodes.  It also sends updates with these
    tokens and with random ones.
    """

    def __init__(self, swarm: Swarm, id: bytes | None = None) -> None:
        self._tokens = [b"\0" * TOKEN_BYTES]
        super().__init__(swarm, id)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Remember the token of any message, and answer a request."""
        try:
            message = wire.decode(datagram)
        except MalformedDatagram:
            return
        if message.roundtripToken is not None:
            self._tokens = [*self._tokens[1 - REMEMBERED_TOKENS :], message.roundtripToken]
        super().datagramReceived(datagram, addr)

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Answer a request that has a target, and send forged updates to the asker."""
        token = self.random.choice(self._tokens)
        self.answer(message, address, self.id, self.honestNodes(target), None, token)
        for _ in range(FORGED_UPDATES):
            forged = self.random.choice([*self._tokens, self.random.randbytes(TOKEN_BYTES)])
            value = self.random.randbytes(32)
            body = wire.requestBody(
                COMMAND, self.id, keyOf(value), roundtripToken=forged, value=value
            )
            self.ask(body, address)


class Mute(Liar):
    """Answers pings only."""

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Send no answer."""


class Slow(Liar):
    """Names the true closest nodes, after a delay."""

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Answer a request that has a target, after up to `LONGEST_DELAY` seconds."""
        self.swarm.clock.schedule(
            self.random.random() * LONGEST_DELAY,
            self.answer,
            message,
            address,
            self.id,
            self.honestNodes(target),
        )


class Babbler(Liar):
    """Answers with datagrams that can't be decoded, in whole or in part."""

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Send random bytes, a cut message, and fields of a wrong length."""
        id = self.random.randbytes(self.random.choice([0, 1, 31, 32, 33]))
        whole = wire.encodeResponse(
            message.transactionId,
            id,
            self.random.randbytes(self.random.randrange(100)),
            self.random.randbytes(self.random.randrange(100)),
            self.random.randbytes(self.random.randrange(40)),
        )
        self.send(whole, address)
        self.send(whole[: self.random.randrange(len(whole))], address)
        self.send(self.random.randbytes(self.random.randrange(64)), address)


#: The kinds of liars by their names.
KINDS: dict[str, Callable[..., Liar]] = {
    "dead ids": DeadIds,
    "false ids": FalseIds,
    "own ids": OwnIds,
    "endless closer ids": EndlessCloser,
    "wrong values": WrongValues,
    "token replay": TokenReplay,
    "mute": Mute,
    "slow": Slow,
    "babbler": Babbler,
}
