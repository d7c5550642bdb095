"""
Liars whose behaviour is a combination, drawn from a seed.

Each of the kinds in `liars` does one thing that somebody has thought of.  A combination chooses
each part of the behaviour by itself, so it also tries attacks that nobody has thought of.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from twisted.internet.protocol import DatagramProtocol

from dwdht_twisted import Address, Contact
from dwdht_twisted._core import wire
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import ID_BITS, ID_BYTES, TOKEN_BYTES, packAddress, packContact
from dwdht_twisted.values import COMMAND

from .forging import Forgery
from .hosts import PORT, vacantHost
from .liars import KINDS, LONGEST_DELAY, Liar, nextTo, readRequest
from .swarm import Swarm

#: The first word of the kind of a combined liar.  The second is the seed of its combination, as in
#: ``"combined 17"``.
COMBINED = "combined"

#: The nodes that an answer names.
WHOM = ("itself", "liars", "close honest", "any honest", "dead")

#: The ids under which an answer names them.
#:
#: - ``true``: their own ids
#: - ``next``: at most 2^16 away from the target
#: - ``among``: as far from the target as the 20 closest honest nodes are
#: - ``random``: anywhere
#: - ``honest``: the ids of honest nodes close to the target
IDS = ("true", "next", "among", "random", "honest")

#: The ports at which an answer names them: ``true`` for their own, ``other`` for one where no node
#: listens.
PORTS = ("true", "true", "other")

#: The ways to answer a kind of request.  ``truly`` is the most frequent way, because a liar that
#: answers nothing is harmless.
MANNERS = ("truly", "truly", "truly", "silent", "late", "garbage")

#: The ids under which a liar answers.  ``named`` is the id that accomplices name it with as
#: ``among``; ``none`` is no id, like an ephemeral node.
ANSWER_IDS = ("own", "own", "named", "next", "random", "honest", "none")

#: The round-trip tokens in answers.  ``fresh`` is random, as an honest token seems to be; ``stale``
#: is one that another node gave; ``echo`` is the one in the request, or else a fresh one; ``short``
#: has too few bytes.
TOKENS = ("none", "fresh", "stale", "echo", "short")

#: The times at which a liar falls silent: never, for good after some seconds, or for each request
#: by chance.
SILENCES = ("never", "never", "for good", "by chance")

#: The most seconds from the start of a liar until it falls silent for good.  Tables still list the
#: liar for some time then.
LONGEST_LIFE = 90.0

#: The number of ports at which a liar listens.  Larger: a lookup asks no more ports of one host
#: anyway.
PORTS_OF_LIAR = 4


class Recipe(NamedTuple):
    """
    The way to make a named contact.

    :ivar whom: one of `WHOM`
    :ivar ids: one of `IDS`
    :ivar ports: one of `PORTS`
    """

    whom: str
    ids: str
    ports: str


class Combination(NamedTuple):
    """
    The behaviour of a liar.

    :ivar recipes: the ways to make the contacts of an answer; each contact is made in one of them
    :ivar answerId: the id in its answers to queries and updates, one of `ANSWER_IDS`
    :ivar pings: the way to answer pings, one of `MANNERS` or ``wrong id``
    :ivar queries: the way to answer queries, one of `MANNERS`
    :ivar updates: the way to answer updates, one of `MANNERS`
    :ivar queryToken: the token in its answers to queries, one of `TOKENS`
    :ivar updateToken: the token in its answers to updates, one of `TOKENS`
    :ivar value: whether its answers to queries have a wrong value
    :ivar answersElsewhere: whether its answers come from another of its ports
    :ivar silence: the time when it falls silent, one of `SILENCES`
    :ivar forgery: the requests that it forges when an experiment lets liars forge requests
    :ivar answersForPeers: whether it answers a ping that it has to relay in the name of the peer
    """

    recipes: tuple[Recipe, ...]
    answerId: str
    pings: str
    queries: str
    updates: str
    queryToken: str
    updateToken: str
    value: bool
    answersElsewhere: bool
    silence: str
    forgery: Forgery
    answersForPeers: bool

    @classmethod
    def draw(cls, random: Random) -> Combination:
        """Draw a combination."""
        recipes = tuple(
            Recipe(random.choice(WHOM), random.choice(IDS), random.choice(PORTS))
            for _ in range(random.randrange(1, 4))
        )
        return cls(
            recipes,
            random.choice(ANSWER_IDS),
            # Without true answers to pings, no table lists a liar.  So three in four have them.
            "truly" if random.random() < 0.75 else random.choice((*MANNERS, "wrong id")),
            random.choice(MANNERS),
            random.choice(MANNERS),
            random.choice(TOKENS),
            random.choice(TOKENS),
            random.random() < 0.3,
            random.random() < 0.1,
            random.choice(SILENCES),
            Forgery.draw(random),
            random.random() < 0.3,
        )

    def __str__(self) -> str:
        named = " + ".join("/".join(recipe) for recipe in self.recipes)
        flags = " value" * self.value + " elsewhere" * self.answersElsewhere
        flags += " for peers" * self.answersForPeers
        return (
            f"names {named}; answers as {self.answerId}; pings {self.pings}, queries "
            f"{self.queries} with {self.queryToken} token, updates {self.updates} with "
            f"{self.updateToken} token; silent {self.silence}{flags}; {self.forgery}"
        )


class CombinedLiar(Liar):
    """
    A liar that behaves as a combination says.

    :param label: the seed of the combination
    :param id: as for `Liar`

    :ivar combination: its behaviour
    :ivar seenToken: the last round-trip token that another node sent it, or None
    """

    def __init__(self, swarm: Swarm, id: bytes | None = None, *, label: str) -> None:
        self.combination = Combination.draw(Random(f"{label} combination"))
        self.seenToken: bytes | None = None
        self._silentAfter = float("inf")
        # The id under which it has last named each address.
        self._named: dict[Address, bytes] = {}
        super().__init__(swarm, id)
        if self.combination.silence == "for good":
            self._silentAfter = swarm.clock.seconds() + self.random.random() * LONGEST_LIFE
        self._ports = [
            swarm.listen(self.host, PORT + number, _Port(self), self.security)
            for number in range(1, PORTS_OF_LIAR)
        ]

    def leave(self) -> None:
        """Stop answering on all ports, and leave the swarm's list of liars."""
        super().leave()
        for port in self._ports:
            port.stopListening()

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Answer a request that came to the first port."""
        self.take(datagram, addr, self.send)

    def take(
        self,
        datagram: bytes,
        address: tuple[str, int],
        send: Callable[[bytes, tuple[str, int]], object],
    ) -> None:
        """
        Answer a request as the combination says.

        :param send: sends a datagram from the port that the request came to
        """
        message = readRequest(datagram)
        isSilent = self.swarm.clock.seconds() > self._silentAfter or (
            self.combination.silence == "by chance" and self.random.random() < 0.5
        )
        if message is None or isSilent:
            return
        if message.roundtripToken is not None:
            self.seenToken = message.roundtripToken
        if message.forwardRequest is not None and self.combination.answersForPeers:
            self._answerForPeer(message, message.forwardRequest, address)
            return
        manner, answer = self._answer(message, address)
        if manner == "silent":
            return
        if manner == "garbage":
            answer = answer[: self.random.randrange(len(answer))] + self.random.randbytes(9)
        if self.combination.answersElsewhere and message.command != wire.PING:
            send = self.random.choice(self._ports).write
        delay = self.random.random() * LONGEST_DELAY if manner == "late" else 0.0
        self.swarm.clock.schedule(delay, self._sendUnlessGone, send, answer, address)

    def _answerForPeer(
        self, message: wire.RequestMessage, peer: bytes, address: tuple[str, int]
    ) -> None:
        """Answer a ping in the name of the peer to which it has to be relayed."""
        claimed = wire.unpackAddress(peer)
        id = self._named.get(claimed) or self.random.randbytes(ID_BYTES)
        pong = self._encode(message, id, b"", packAddress(*address), "fresh")
        self.swarm.network.transmit((self.host, PORT), address, pong, claimed)

    def _sendUnlessGone(
        self,
        send: Callable[[bytes, tuple[str, int]], object],
        datagram: bytes,
        address: tuple[str, int],
    ) -> None:
        if self in self.swarm.liars:
            send(datagram, address)

    def _answer(self, message: wire.RequestMessage, address: tuple[str, int]) -> tuple[str, bytes]:
        """Return the manner in which a request is answered, and the answer to send."""
        combination = self.combination
        if message.command == wire.PING or message.target is None:
            isWrong = combination.pings == "wrong id"
            id = self.random.randbytes(ID_BYTES) if isWrong else self.id
            manner = "truly" if isWrong else combination.pings
            return manner, self._encode(message, id, b"", packAddress(*address), "echo")
        target = message.target.ljust(ID_BYTES, b"\0")[:ID_BYTES]
        named = [self._name(target, place) for place in range(K)]
        nodes = b"".join(map(packContact, named))
        isUpdate = message.roundtripToken is not None and message.command == COMMAND
        value = self.random.randbytes(32) if combination.value and not isUpdate else None
        token = combination.updateToken if isUpdate else combination.queryToken
        manner = combination.updates if isUpdate else combination.queries
        return manner, self._encode(message, self._answerId(target), nodes, value, token)

    def _encode(
        self,
        message: wire.RequestMessage,
        id: bytes | None,
        nodes: bytes,
        value: bytes | None,
        token: str,
    ) -> bytes:
        fresh = self.random.randbytes(TOKEN_BYTES)
        tokens = {
            "none": None,
            "fresh": fresh,
            "stale": self.seenToken or fresh,
            "echo": message.roundtripToken or fresh,
            "short": fresh[:8],
        }
        return wire.encodeResponse(message.transactionId, id, nodes or None, value, tokens[token])

    def _answerId(self, target: bytes) -> bytes | None:
        kind = self.combination.answerId
        if kind == "none":
            return None
        if kind == "own":
            return self.id
        return self.idAmong(target) if kind == "named" else self._falseId(target, kind, 0)

    # The named contacts.

    def _name(self, target: bytes, place: int) -> Contact:
        """Make the contact at this place of an answer."""
        recipe = self.random.choice(self.combination.recipes)
        node = self._chosen(target, recipe.whom, place)
        id, address = node.id or b"", node.address
        if recipe.ids == "among" and recipe.whom in ("itself", "liars"):
            liar = next((each for each in self.swarm.liars if each.id == id), self)
            id = liar.idAmong(target) if isinstance(liar, CombinedLiar) else self.id
        elif recipe.ids != "true":
            id = self._falseId(target, recipe.ids, place)
        port = PORT + PORTS_OF_LIAR + place if recipe.ports == "other" else address.port
        named = Contact(id, address.host, port)
        self._named[named.address] = id
        return named

    def _chosen(self, target: bytes, whom: str, place: int) -> Contact:
        random = self.random
        if whom == "itself":
            return Contact(self.id, self.host, PORT + place % PORTS_OF_LIAR)
        if whom == "liars":
            liar = random.choice(self.swarm.liars)
            return Contact(liar.id, liar.host, PORT)
        if whom == "dead":
            return Contact(random.randbytes(ID_BYTES), vacantHost(random), PORT)
        if whom == "any honest":
            return random.choice(self.swarm.runningMembers()).contact
        closest = self.swarm.closestMembers(target)
        return closest[place % len(closest)].contact

    def idAmong(self, target: bytes) -> bytes:
        """An id as far from a target as the closest honest nodes are, always the same one."""
        return _idAmong(Random(f"{self.index} {target.hex()}"), self.swarm, target)

    def _falseId(self, target: bytes, kind: str, place: int) -> bytes:
        random = self.random
        if kind == "next":
            return nextTo(target, 1 + random.getrandbits(16))
        if kind == "random":
            return random.randbytes(ID_BYTES)
        if kind == "honest":
            closest = self.swarm.closestMembers(target)
            return random.choice(closest).id
        return _idAmong(random, self.swarm, target)


def _idAmong(random: Random, swarm: Swarm, target: bytes) -> bytes:
    """Draw an id that is as far from a target as the 20 closest of a network's nodes are."""
    farthest = (K << ID_BITS) // max(K, len(swarm.members))
    return nextTo(target, 1 + random.randrange(farthest))


class _Port(DatagramProtocol):
    """A further port of a liar, which answers like the first."""

    noisy = False

    def __init__(self, liar: CombinedLiar) -> None:
        self._liar = liar

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Answer a request."""
        if self.transport is not None:
            self._liar.take(datagram, addr, self.transport.write)


def makeLiar(kind: str, swarm: Swarm) -> Liar:
    """
    Add a liar to a network.

    :param kind: a key of `KINDS`, or `COMBINED` and a seed
    """
    word, _, label = kind.partition(" ")
    return CombinedLiar(swarm, label=label) if word == COMBINED else KINDS[kind](swarm)


def addressesOf(liar: CombinedLiar) -> set[Address]:
    """The addresses at which a liar listens."""
    return {Address(liar.host, PORT + number) for number in range(PORTS_OF_LIAR)}
