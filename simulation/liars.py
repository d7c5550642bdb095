"""
Hostile hosts, written on the wire codec.

A liar is a good citizen in what keeps it in the tables of others: it has an id, announces itself,
and answers pings.  In all else it lies, to whoever asks about whatever.  The liars of a network
know each other and every honest node, so that they lie as well as they can.
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

#: How many updates with tokens that aren't its own a liar of that kind sends for each request.
FORGED_UPDATES = 2

#: The longest time that a slow one waits, in seconds: about as long as the asker does.
LONGEST_DELAY = 2.5


def nextTo(target: bytes, place: int) -> bytes:
    """An id that shares all but the last bits with a target."""
    return (int.from_bytes(target, "big") ^ place).to_bytes(ID_BYTES, "big")


def readRequest(datagram: bytes) -> wire.RequestMessage | None:
    """What a datagram says, if it is a request."""
    try:
        message = wire.decode(datagram)
    except MalformedDatagram:
        return None
    return message if isinstance(message, wire.RequestMessage) else None


AnyLiar = TypeVar("AnyLiar", bound="Liar")


class Liar(DatagramProtocol):
    """
    What all liars have in common; by itself it names the nodes that are there, and keeps nothing.

    :param id: 32 bytes, random by default
    """

    noisy = False

    def __init__(self, swarm: Swarm, id: bytes | None = None) -> None:
        self.index = swarm.newHost()
        self.swarm = swarm
        self.random = Random(f"{swarm.seed} liar {self.index}")
        self.id = id or self.random.randbytes(ID_BYTES)
        self.host = hostOf(self.index)
        self._port = swarm.network.reactor(self.host).listenUDP(PORT, self)
        self._isUp = True
        swarm.liars.append(self)
        self.announce()

    def announce(self) -> None:
        """Ask every honest node for something, so that it lists this one."""
        body = wire.requestBody(wire.FIND_NODE, self.id, self.id)
        for member in self.swarm.alive():
            self.ask(body, member.address)

    def moveTo(self, id: bytes) -> None:
        """Take another id, and let everybody know."""
        self.id = id
        self.announce()

    def leave(self) -> None:
        """Be silent from now on."""
        self._isUp = False
        self.swarm.liars.remove(self)
        self._port.stopListening()

    def ask(self, body: bytes, address: tuple[str, int]) -> None:
        """Send a request, whose answer doesn't matter."""
        self.send(wire.frameRequest(self.random.getrandbits(15), body), address)

    def send(self, datagram: bytes, address: tuple[str, int]) -> None:
        """Send a datagram, unless this one has left."""
        if self._isUp:
            self._port.write(datagram, address)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Answer a request."""
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

        :param token: random by default, or that of an update, which is so acknowledged
        """
        token = token or message.roundtripToken or self.random.randbytes(TOKEN_BYTES)
        self.send(
            wire.encodeResponse(message.transactionId, id, nodes or None, value, token), address
        )

    def accomplices(self, kind: type[AnyLiar]) -> list[AnyLiar]:
        """At most 20 liars of a kind."""
        known = [liar for liar in self.swarm.liars if isinstance(liar, kind)]
        return self.random.sample(known, min(K, len(known)))

    def honestNodes(self, target: bytes) -> bytes:
        """The compact contacts that an honest node would give."""
        return b"".join(packContact(member.contact) for member in self.swarm.closest(target))

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Answer a request that has a target."""
        self.answer(message, address, self.id, self.honestNodes(target))


class DeadIds(Liar):
    """Names 20 ids next to the target, at addresses where nobody is."""

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Answer a request that has a target."""
        named = (
            Contact(nextTo(target, 1 + self.random.getrandbits(16)), vacantHost(self.random), PORT)
            for _ in range(K)
        )
        self.answer(message, address, self.id, b"".join(map(packContact, named)))


class EndlessCloser(Liar):
    """
    Listens on many ports, and names there ids that are closer to the target with each step: the
    next port of itself and of its accomplices.  Each answers under the id that it was named with;
    the first port has an id that doesn't change, under which honest nodes list it.
    """

    #: How many steps there are, and how many bits closer each leads.
    steps = 12
    bits = 16

    def __init__(self, swarm: Swarm, id: bytes | None = None) -> None:
        super().__init__(swarm, id)
        reactor = swarm.network.reactor(self.host)
        self._ports = [
            reactor.listenUDP(PORT + step, _Step(self, step)) for step in range(1, self.steps)
        ]

    def leave(self) -> None:
        """Be silent from now on."""
        super().leave()
        for port in self._ports:
            port.stopListening()

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Answer a request that has a target."""
        self.send(self.answerOf(0, message, target), address)

    def answerOf(self, step: int, message: wire.RequestMessage, target: bytes) -> bytes:
        """The answer of one of its ports."""
        following = min(step + 1, self.steps - 1)
        named = b"".join(
            packContact(Contact(liar.idFor(target, following), liar.host, PORT + following))
            for liar in self.accomplices(type(self))
        )
        token = message.roundtripToken or self.random.randbytes(TOKEN_BYTES)
        id = self.id if step == 0 else self.idFor(target, step)
        return wire.encodeResponse(message.transactionId, id, named, None, token)

    def idFor(self, target: bytes, step: int) -> bytes:
        """The id under which one of its ports stands, the closer the higher the step."""
        return nextTo(target, (1 + self.index) << (self.steps - 1 - step) * self.bits)


class OwnIds(EndlessCloser):
    """Names itself and its accomplices under ids next to the target, where they answer."""

    steps = 2


class _Step(DatagramProtocol):
    """
    One more port of a liar.

    :param step: how close its ids are
    """

    noisy = False

    def __init__(self, liar: EndlessCloser, step: int) -> None:
        self._liar = liar
        self._step = step

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Answer a request, with or without a target."""
        message = readRequest(datagram)
        if message is not None and self.transport is not None:
            target = message.target or self._liar.id
            self.transport.write(self._liar.answerOf(self._step, message, target), addr)


class WrongValues(Liar):
    """Names the right nodes, and gives a value that nobody has stored."""

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Answer a request that has a target."""
        wrong = self.random.randbytes(32) if message.command == COMMAND else None
        self.answer(message, address, self.id, self.honestNodes(target), wrong)


class TokenReplay(Liar):
    """
    Gives tokens that others have issued to it, and sends updates with tokens that others have
    sent, and with random ones.
    """

    def __init__(self, swarm: Swarm, id: bytes | None = None) -> None:
        self._tokens = [b"\0" * TOKEN_BYTES]
        super().__init__(swarm, id)

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Keep the token of a response; answer a request."""
        try:
            message = wire.decode(datagram)
        except MalformedDatagram:
            return
        if message.roundtripToken is not None:
            self._tokens = [*self._tokens[-99:], message.roundtripToken]
        super().datagramReceived(datagram, addr)

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Answer a request that has a target, and send forged updates to its sender."""
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
    """Answers pings, and nothing else."""

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Say nothing."""


class Slow(Liar):
    """Names the right nodes, and takes its time with it."""

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Answer a request that has a target, late."""
        self.swarm.clock.schedule(
            self.random.random() * LONGEST_DELAY,
            self.answer,
            message,
            address,
            self.id,
            self.honestNodes(target),
        )


class Babbler(Liar):
    """Answers with what can't be read, in whole or in part."""

    def lie(self, message: wire.RequestMessage, target: bytes, address: tuple[str, int]) -> None:
        """Send noise, cut messages, ids of the wrong length."""
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


#: Every kind of liar by its name.
KINDS: dict[str, Callable[..., Liar]] = {
    "dead ids": DeadIds,
    "own ids": OwnIds,
    "endless closer ids": EndlessCloser,
    "wrong values": WrongValues,
    "token replay": TokenReplay,
    "mute": Mute,
    "slow": Slow,
    "babbler": Babbler,
}
