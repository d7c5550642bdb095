"""
The bytes that honest nodes send to addresses that have not asked, beside the bytes with which liars
cause them.

A liar can cause such bytes in two ways.  It forges requests in the name of a victim, and it names
addresses in its answers, which an honest node then asks.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from twisted.internet.protocol import DatagramProtocol

from dwdht_twisted import Address, MalformedDatagram
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import AMPLIFICATION, EXCESS_BURST, EXCESS_RATE
from dwdht_twisted._core.wire import (
    COMPACT_CONTACT_BYTES,
    ID_BYTES,
    UNFRAGMENTED_BYTES,
    HostPort,
    packAddress,
)
from dwdht_twisted.values import MAXIMUM_VALUE_BYTES, keyOf

from .combined import CombinedLiar
from .forging import Victim
from .hosts import PORT, hostOf, vacantHost
from .liars import readRequest
from .swarm import Swarm

#: The number of forged requests that a liar sends to one node at once.  Larger: the node drops
#: them, because it serves each host 100 a second.  Smaller: the budget for large answers to a
#: validated address is never used up.
BURST = 60

#: The seconds between two bursts of a liar.  Larger: fewer pairs of node and victim are tried in a
#: run.  Smaller: a run takes longer.
PAUSE = 15.0

#: The number of victims of the liars with one combination.  Larger: each gets fewer datagrams.
#: Smaller: with 1, a liar that happens to ask its victim sends no other requests.
NUMBER_OF_VICTIMS = 3


class Unasked(NamedTuple):
    """
    Figures of the bytes that honest nodes sent to addresses that had not asked.

    :ivar silent: the bytes for each byte of the liars, for the worst address where no node listens
    :ivar answering: the same for the worst address that answers pings
    :ivar excess: the most bytes that one node owed to its budget for one address that answers
        pings: bytes beyond `AMPLIFICATION` for each byte, less `EXCESS_RATE` a second
    """

    silent: float
    answering: float
    excess: float

    @property
    def isMet(self) -> bool:
        """Whether the promises to addresses that are not validated, and to validated ones, hold."""
        # The last answer may exceed the budget.
        return self.silent <= AMPLIFICATION and self.excess <= EXCESS_BURST + UNFRAGMENTED_BYTES

    def __str__(self) -> str:
        return (
            f"to who had not asked, at most {self.silent:.1f} bytes for a byte, and "
            f"{self.answering:.1f} if it answers pings, where one node sent {self.excess:,.0f} "
            f"bytes beyond {AMPLIFICATION} for a byte"
        )

    @classmethod
    def worst(cls, figures: Iterable[Unasked]) -> Unasked:
        """The largest of each figure."""
        columns = zip((0.0, 0.0, 0.0), *figures, strict=True)
        return cls(*map(max, columns))


class _Pair:
    """
    The bytes that one node sent to one address.

    :ivar caused: the bytes that liars sent to the node to cause them
    :ivar sent: the bytes that the node sent
    :ivar excess: the bytes that the node owes to its budget for the address; below 0 if it sent
        less than `AMPLIFICATION` for each byte
    :ivar worst: the largest excess so far
    """

    __slots__ = ("_at", "caused", "excess", "sent", "worst")

    def __init__(self) -> None:
        self.caused = self.sent = 0
        self.excess = self.worst = self._at = 0.0

    def add(self, caused: int, sent: int, now: float) -> None:
        """Count bytes."""
        self.caused += caused
        self.sent += sent
        if self.excess > 0:
            self.excess = max(0.0, self.excess - EXCESS_RATE * (now - self._at))
        self._at = now
        self.excess += sent - AMPLIFICATION * caused
        self.worst = max(self.worst, self.excess)


class Amplification:
    """
    Counts the bytes that honest nodes send to addresses that have not asked.

    Such a datagram goes to an address where no node listens, or to a bystander; or it is an answer
    to a member that has sent no such request.  Requests to members are not counted, because members
    are also asked without liars.

    The count begins before the first member is added, because an answer may come long after its
    request.

    :ivar bystanders: the addresses that answer pings, and never ask
    """

    def __init__(self, swarm: Swarm) -> None:
        self.bystanders: set[HostPort] = set()
        self._swarm = swarm
        self._network = swarm.network
        self._clock = swarm.clock
        self._liars: set[str] = set()
        self._members: set[HostPort] = set()
        self._pairs: dict[tuple[HostPort, HostPort], _Pair] = {}
        # The requests of each member with each transaction id, by the node that was asked.  The
        # probes of a member may have the transaction id of one of its lookups.
        self._asked: dict[tuple[HostPort, int], dict[HostPort, bytes]] = {}
        swarm.network.onDatagram = self._sent

    def caused(self, node: HostPort, victim: HostPort, size: int) -> None:
        """
        Count bytes of a liar.

        :param node: the honest node to which they go
        :param victim: the address in whose name they are sent, or that they name
        """
        self._count(node, victim, caused=size)

    def figures(self) -> Unasked:
        """Return the figures so far."""
        silent, answering = [0.0], [0.0]
        totals: dict[HostPort, list[int]] = {}
        for (_, victim), pair in self._pairs.items():
            total = totals.setdefault(victim, [0, 0])
            total[0] += pair.caused
            total[1] += pair.sent
        for victim, (caused, sent) in totals.items():
            ratio = sent / caused if caused else float("inf")
            (answering if self._answers(victim) else silent).append(ratio if sent else 0.0)
        excess = [pair.worst for (_, victim), pair in self._pairs.items() if self._answers(victim)]
        return Unasked(max(silent), max(answering), max(excess, default=0.0))

    def _answers(self, address: HostPort) -> bool:
        return address in self._members or address in self.bystanders

    def _count(self, node: HostPort, victim: HostPort, caused: int = 0, sent: int = 0) -> None:
        pair = self._pairs.setdefault((node, victim), _Pair())
        pair.add(caused, sent, self._clock.seconds())

    def _sent(self, source: HostPort, destination: HostPort, datagram: bytes) -> None:
        """Take a datagram that is sent, by a node or by a liar."""
        swarm = self._swarm
        swarm.record.datagramSent(source, destination, datagram)
        if len(swarm.members) > len(self._members) or len(swarm.liars) > len(self._liars):
            self._members.update(member.address for member in swarm.members)
            self._liars.update(liar.host for liar in swarm.liars)
        if source[0] in self._liars:
            if destination in self._members:
                self._liarSent(destination, datagram)
        elif source in self._members and self._isUnasked(source, destination, datagram):
            self._count(source, destination, sent=len(datagram))

    def _liarSent(self, node: HostPort, datagram: bytes) -> None:
        """Count the contacts in a liar's answer at addresses where no node listens."""
        try:
            message = wire.decode(datagram)
        except MalformedDatagram:
            return
        if isinstance(message, wire.RequestMessage):
            return
        for compact in wire.splitContacts(message.nodes or b""):
            contact = wire.unpackContact(compact)
            if contact is not None and contact.address not in self._network.ports:
                self.caused(node, contact.address, COMPACT_CONTACT_BYTES)

    def _isUnasked(self, source: HostPort, destination: HostPort, datagram: bytes) -> bool:
        if destination not in self._members:
            # Nodes are told themselves to ask the dead addresses of their bootstrap nodes' names.
            isTold = destination[0] in self._swarm.deadNames
            isVacant = destination not in self._network.ports and not isTold
            return destination in self.bystanders or isVacant
        number = wire.transactionId(datagram)
        if wire.isRequest(datagram):
            self._asked.setdefault((source, number), {})[destination] = datagram
            return False
        asked = self._asked.get((destination, number), {})
        # In a hole punch, a member asks a node to relay its ping to the peer that answers.
        return source not in asked and not any(
            wire.decodeRequest(request).forwardRequest == packAddress(*source)
            for request in asked.values()
        )


class Bystander(DatagramProtocol):
    """A host that answers pings like an ephemeral node, and does nothing else."""

    noisy = False

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Answer a ping."""
        message = readRequest(datagram)
        if message is not None and message.command == wire.PING and self.transport is not None:
            pong = wire.encodeResponse(message.transactionId, None, None, packAddress(*addr))
            self.transport.write(pong, addr)


class ForgingLiars:
    """
    Lets the liars of a network send forged requests, each as its combination says.

    Each liar sends bursts of requests to members of the network.  Before, a large value is stored
    on all members.  The liars with one combination have victims of their own.

    :param liars: have joined the network
    :param amplification: counts the bytes of the liars, and those that they cause
    """

    def __init__(
        self, swarm: Swarm, liars: Sequence[CombinedLiar], amplification: Amplification
    ) -> None:
        self._swarm = swarm
        self._amplification = amplification
        value = swarm.random.randbytes(MAXIMUM_VALUE_BYTES)
        self._largeKey = keyOf(value)
        for member in swarm.members:
            member.store.put(self._largeKey, value)
        forgeries = dict.fromkeys(liar.combination.forgery for liar in liars)
        self._victims = {each: self._chooseVictims(each.victim) for each in forgeries}
        for liar in liars:
            swarm.clock.schedule(liar.random.random() * PAUSE, self._attack, liar)

    def _chooseVictims(self, kind: str) -> list[Victim]:
        """
        Choose the victims of some liars.

        :param kind: one of `VICTIMS`
        """
        swarm = self._swarm
        if kind == "member":
            members = swarm.random.sample(swarm.members, NUMBER_OF_VICTIMS)
            return [Victim(member.address, member.id) for member in members]
        if kind == "dead":
            hosts = [vacantHost(swarm.random) for _ in range(NUMBER_OF_VICTIMS)]
        else:
            hosts = [hostOf(swarm.addHost()) for _ in range(NUMBER_OF_VICTIMS)]
            for host in hosts:
                swarm.network.reactor(host).listenUDP(PORT, Bystander())
                self._amplification.bystanders.add((host, PORT))
        return [Victim(Address(host, PORT), swarm.random.randbytes(ID_BYTES)) for host in hosts]

    def _attack(self, liar: CombinedLiar) -> None:
        """Send a burst of forged requests to one node, and go on after a pause."""
        if liar not in self._swarm.liars:
            return
        victim = liar.random.choice(self._victims[liar.combination.forgery])
        member = liar.random.choice(self._swarm.members)
        if member.address != victim.address:
            for _ in range(BURST):
                self._forge(liar, victim, member.address)
        self._swarm.clock.schedule(PAUSE, self._attack, liar)

    def _forge(self, liar: CombinedLiar, victim: Victim, node: Address) -> None:
        forgery = liar.combination.forgery
        datagram = forgery.encode(liar.random, victim, self._largeKey, liar.id, liar.seenToken)
        own = (liar.host, PORT)
        shown = own if forgery.isFromLiar else victim.address
        self._amplification.caused(node, victim.address, len(datagram))
        self._swarm.network.transmit(own, node, datagram, shown)
