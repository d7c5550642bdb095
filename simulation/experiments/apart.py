"""
An open network, one by key and one by certificate, whose nodes know each other's addresses.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import chain
from random import Random
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dwdht_twisted import DHTError, DHTNode, MalformedDatagram, MemoryStore, ValueHandler
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.private import DatagramLayer, NetworkSecurity, Transport
from dwdht_twisted.testing import LogNormalLatency, MemoryNetwork, SimulatedClock
from dwdht_twisted.values import COMMAND, get, put

from ..private import KINDS, Admission, makeAdmission
from ..tally import Share

#: The nodes of each network that every node of every network has as bootstrap nodes.
BOOTSTRAPS = 2

#: The time between the starts of two nodes of a network, in simulated seconds.
JOIN_PAUSE = 0.5

#: The time within which all nodes have to join, in simulated seconds.
JOIN_LIMIT = 120.0

#: The time between two rounds of operations, in simulated seconds.  In a round, a value is put on
#: each network, and looked for on all of them.
PAUSE = 5.0

#: The time after the last round within which its operations have to end, in simulated seconds.
LIMIT = 60.0

#: The first byte of the hosts of the first network.  Those of the next one have the next byte.
FIRST_BYTE = 20

PORT = 6620


class Apart(NamedTuple):
    """
    Figures of networks that must stay apart.

    :ivar nodes: the number of nodes of each network
    :ivar minutes: the simulated minutes
    :ivar contacts: the number of contacts in all tables at the end
    :ivar foreign: the number of these that are nodes of another network
    :ivar gets: the number of gets on the network of the value
    :ivar found: the number of these that found their value
    :ivar across: the number of gets on another network
    :ivar foundAcross: the number of these that found the value
    :ivar asked: the number of nodes of another network that were asked directly
    :ivar answered: the number of these that answered
    :ivar sentAcross: the number of datagrams from a node to one of another network
    :ivar believed: the number of these that their receiver could read: by its key or an association
        on a private network, or as a message on an open one
    """

    nodes: int
    minutes: float
    contacts: int
    foreign: int
    gets: int
    found: int
    across: int
    foundAcross: int
    asked: int
    answered: int
    sentAcross: int
    believed: int

    @property
    def isMet(self) -> bool:
        """Whether each network worked, and nothing of one was believed by another."""
        crossed = self.foreign + self.foundAcross + self.answered + self.believed
        return self.found == self.gets > 0 and self.contacts > 0 and not crossed

    def __str__(self) -> str:
        return (
            f"open, key and certificate, {self.nodes} nodes each, {self.minutes:g} minutes: "
            f"{self.foreign} of {self.contacts} contacts are of another network; "
            f"{self.found} of {self.gets} values found on their network, "
            f"{self.foundAcross} of {self.across} on another; "
            f"{self.answered} of {self.asked} nodes of another network answered; "
            f"{self.believed} of {self.sentAcross} datagrams of another network were believed"
        )


class Networks:
    """
    Networks of one internet, each of whose nodes has bootstrap nodes of all of them.

    :param admissions: who is admitted to each network
    :param size: the number of nodes of each network
    :ivar clock: the simulated time
    :ivar nodes: the nodes of each network
    :ivar sentAcross: the number of datagrams from a node to one of another network
    :ivar believed: the number of these that their receiver could read
    """

    def __init__(self, admissions: Sequence[Admission], size: int, *, seed: int) -> None:
        self.clock = SimulatedClock()
        self.nodes: list[list[DHTNode]] = [[] for _ in admissions]
        self.sentAcross = 0
        self.believed = 0
        self._random = Random(f"{seed} apart")
        self._network = MemoryNetwork(self.clock, seed=seed, latency=LogNormalLatency(0.04))
        self._network.onDatagram = self._sent
        self._open: set[int] = set()
        self._bootstrap = [
            self.addressOf(place, number)
            for place in range(len(admissions))
            for number in range(min(BOOTSTRAPS, size))
        ]
        for _ in range(size):
            for place, admission in enumerate(admissions):
                self._start(place, admission.makeSecurity())
            self.clock.runFor(JOIN_PAUSE)
        for node in self.each():
            self.clock.runUntil(node.ready(), limit=JOIN_LIMIT)

    def each(self) -> list[DHTNode]:
        """The nodes of all networks."""
        return [node for nodes in self.nodes for node in nodes]

    def addressOf(self, place: int, number: int) -> str:
        """
        The address of a node.  No other node is in its /24 network.

        :param place: the index of its network
        :param number: its index among the nodes of this network
        """
        return f"{_hostOf(place, number)}:{PORT}"

    def _start(self, place: int, security: NetworkSecurity | None) -> None:
        nodes = self.nodes[place]
        reactor = self._network.reactor(_hostOf(place, len(nodes)))
        if security is None:
            self._open.add(place)
        else:
            security = _Audited(security, lambda host: self._noteDelivered(place, host))
        node = DHTNode(
            reactor,
            security=security,
            # Some begin with the bootstrap nodes of another network.
            bootstrap=self._random.sample(self._bootstrap, len(self._bootstrap)),
            random=Random(self._random.getrandbits(64)),
        )
        node.listen(PORT)
        node.register(COMMAND, ValueHandler(MemoryStore(reactor)))
        nodes.append(node)

    def _sent(self, source: HostPort, destination: HostPort, data: bytes) -> None:
        """Note a datagram.  An open node believes each datagram that is a message."""
        place = _placeOf(destination[0])
        if _placeOf(source[0]) != place:
            self.sentAcross += 1
            if place in self._open:
                self.believed += _isMessage(data)

    def _noteDelivered(self, place: int, host: str) -> None:
        """Note a datagram of a host that the layer of a node has handed over to it."""
        self.believed += _placeOf(host) != place

    def contacts(self) -> tuple[int, int]:
        """The number of contacts in all tables, and of those that are nodes of another network."""
        total = foreign = 0
        for place, nodes in enumerate(self.nodes):
            ids = {node.id for node in nodes}
            for contact in chain.from_iterable(node.contacts() for node in nodes):
                total += 1
                foreign += contact.id not in ids or _placeOf(contact.host) != place
        return total, foreign

    def close(self) -> None:
        """Destroy all nodes."""
        for node in self.each():
            self.clock.runUntil(node.destroy())


def apart(
    seed: int = 1,
    nodes: int = 100,
    minutes: float = 10.0,
    admissions: Sequence[Admission] | None = None,
) -> Apart:
    """
    Put values on networks that know each other's addresses, and look for them on all.

    :param nodes: the number of nodes of each network
    :param minutes: the simulated minutes after all nodes have joined
    :param admissions: who is admitted to each network; by default an open network, one by key, and
        one by certificate
    """
    networks = Networks(
        admissions or [makeAdmission(kind, seed) for kind in (None, *KINDS)], nodes, seed=seed
    )
    operations = _Operations(networks, Random(f"{seed} operations"))
    end = networks.clock.seconds() + 60 * minutes
    while networks.clock.seconds() < end:
        operations.begin()
        networks.clock.runFor(PAUSE)
    networks.clock.runFor(LIMIT)
    total, foreign = networks.contacts()
    networks.close()
    return Apart(
        nodes,
        minutes,
        total,
        foreign,
        operations.own.total,
        operations.own.succeeded,
        operations.across.total,
        operations.across.succeeded,
        operations.asked.total,
        operations.asked.succeeded,
        networks.sentAcross,
        networks.believed,
    )


class _Operations:
    """
    The operations of the networks, and their outcomes.

    :ivar own: the gets on the network of the value
    :ivar across: the gets on other networks
    :ivar asked: the nodes of other networks that were asked directly
    """

    def __init__(self, networks: Networks, random: Random) -> None:
        self._networks = networks
        self._random = random
        self.own, self.across, self.asked = Share(), Share(), Share()

    def begin(self) -> None:
        """
        Put a value on each network, then look for it on all.  Ask a node of each other network.
        """
        for place, nodes in enumerate(self._networks.nodes):
            node = self._random.choice(nodes)
            putting = put(node, self._random.randbytes(40))
            putting.addCallbacks(partial(self._find, place), lambda _: self.own.add(0, 1))
            for other, others in enumerate(self._networks.nodes):
                if other != place:
                    address = self._networks.addressOf(other, self._random.randrange(len(others)))
                    asking = node.query(COMMAND, self._random.randbytes(32), nodes=[address])
                    self._count(self.asked, asking.collect())

    def _find(self, place: int, key: bytes) -> None:
        for other, others in enumerate(self._networks.nodes):
            share = self.own if other == place else self.across
            self._count(share, get(self._random.choice(others), key))

    def _count(self, share: Share, operation: Deferred[Any]) -> None:
        def failed(reason: Failure) -> None:
            reason.trap(DHTError)
            share.add(0, 1)

        operation.addCallbacks(lambda _: share.add(1, 1), failed)


class _Audited:
    """
    A security that tells from which hosts its layer hands datagrams over to its node.

    :param delivered: called with the host of each of these datagrams
    """

    def __init__(self, security: NetworkSecurity, delivered: Callable[[str], object]) -> None:
        self._security = security
        self._delivered = delivered
        self.id = security.id
        self.overhead = security.overhead
        self.maximumBytes = security.maximumBytes

    def layer(self, transport: Transport) -> DatagramLayer:
        """Make the layer of a node."""

        def deliver(datagram: bytes, address: HostPort) -> None:
            self._delivered(address[0])
            transport.deliver(datagram, address)

        return self._security.layer(transport._replace(deliver=deliver))


def _hostOf(place: int, number: int) -> str:
    return f"{FIRST_BYTE + place}.{number >> 8}.{number & 255}.1"


def _placeOf(host: str) -> int:
    return int(host.partition(".")[0]) - FIRST_BYTE


def _isMessage(datagram: bytes) -> bool:
    try:
        wire.decode(datagram)
    except MalformedDatagram:
        return False
    return True


__all__ = ["Apart", "Networks", "apart"]
