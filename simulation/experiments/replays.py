"""
A recorded day of a network with a key, replayed at it at once, an hour later, and a day later.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from dwdht_twisted import DHTNode, peers, values
from dwdht_twisted._core.routing import K
from dwdht_twisted.private import KeyedNetwork
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.values import MemoryStore, ValueHandler

from ..private import NETWORK_KEY

#: The time from a datagram to its replay at once, in seconds: before or after its answer.
AT_ONCE = (0.001, 2.0)

#: The time between two operations, in seconds.
PAUSE = 120.0

#: The replays a second of a recording.
RATE = 2000

#: The seconds after which a recording is replayed.
HOUR = 3600.0
DAY = 24 * HOUR

#: When a run begins, in seconds since 1970.
START = 1_800_000_000

Address = tuple[str, int]


class Replays(NamedTuple):
    """
    Figures of replays.

    :ivar recorded: the number of datagrams that were recorded
    :ivar replayed: the number of replays of them to the same member
    :ivar refused: the number of these that were refused
    :ivar redirected: the number of datagrams that were sent to another member at once
    :ivar accepted: the number of these that were accepted
    :ivar stored: the number of values and announcements that a node holds and was never sent
    """

    recorded: int
    replayed: int
    refused: int
    redirected: int
    accepted: int
    stored: int

    @property
    def isMet(self) -> bool:
        """
        Whether each replay to the same member was refused, and nothing was stored.  Another member
        may answer a request once.
        """
        return self.refused == self.replayed and not self.stored

    def __str__(self) -> str:
        return (
            f"{self.recorded} datagrams recorded; {self.refused} of {self.replayed} replays "
            f"refused; {self.accepted} of {self.redirected} that were sent to another member at "
            f"once accepted; {self.stored} things stored that were not sent"
        )


class Recorder:
    """
    Records the datagrams of a network, and replays them.

    :param redirects: whether each datagram is sent to another member at once, not to the same one
    :ivar recorded: source, destination and bytes of each datagram
    :ivar isOn: whether datagrams are recorded, and replayed at once
    """

    def __init__(
        self, network: MemoryNetwork, clock: SimulatedClock, *, random: Random, redirects: bool
    ) -> None:
        self._network = network
        self._clock = clock
        self._random = random
        self._redirects = redirects
        self._isReplaying = False
        self.recorded: list[tuple[Address, Address, bytes]] = []
        self.isOn = True
        network.onDatagram = self._sent

    def _sent(self, source: Address, destination: Address, data: bytes) -> None:
        if self._isReplaying or not self.isOn:
            return
        self.recorded.append((source, destination, data))
        to = destination
        if self._redirects:
            ports = list(self._network.ports)
            while to in (source, destination):
                to = self._random.choice(ports)
        self._clock.schedule(self._random.uniform(*AT_ONCE), self._replay, source, to, data)

    def replayAll(self) -> None:
        """Replay the whole recording to the same members."""
        for number, datagram in enumerate(self.recorded):
            self._replay(*datagram)
            if number % RATE == 0:
                self._clock.runFor(1)
        self._clock.runFor(5)

    def _replay(self, source: Address, to: Address, data: bytes) -> None:
        self._isReplaying = True
        self._network.transmit(source, to, data, source)
        self._isReplaying = False


class Members:
    """
    The nodes of a network with a key, and what they hold.
    """

    def __init__(self, network: MemoryNetwork, clock: SimulatedClock, random: Random) -> None:
        self._network = network
        self._clock = clock
        self._random = random
        self._security = KeyedNetwork(NETWORK_KEY)
        self._stores: list[MemoryStore] = []
        self._put: list[bytes] = []
        self._topic = random.randbytes(32)
        self.nodes: list[DHTNode] = []

    def join(self) -> None:
        """Add a node, and wait until it has joined."""
        reactor = self._network.reactor()
        node = DHTNode(
            reactor,
            bootstrap=["10.0.0.1:6620"] if self.nodes else [],
            security=self._security,
            random=Random(self._random.getrandbits(64)),
        )
        self._stores.append(MemoryStore(reactor))
        node.register(values.COMMAND, ValueHandler(self._stores[-1]))
        node.register(peers.COMMAND, peers.PeerHandler(reactor))
        node.listen(6620)
        self.nodes.append(node)
        self._clock.runUntil(node.ready())

    def operate(self) -> None:
        """Put and get a value, and announce a port and take it back."""
        run, node = self._clock.runUntil, self._random.choice(self.nodes)
        self._put.append(run(values.put(node, self._random.randbytes(40))))
        run(values.get(self._random.choice(self.nodes), self._put[-1]))
        run(peers.announce(node, self._topic, 7000))
        run(peers.unannounce(node, self._topic, 7000))

    def refused(self) -> int:
        """The number of datagrams that were refused so far."""
        counters = [node.counters for node in self.nodes]
        return sum(each.replaysRefused + each.strangersRefused for each in counters)

    def surplus(self, before: list[set[bytes]]) -> int:
        """
        The number of things that nodes hold and were not sent.

        A value is sent to the 20 closest nodes, and all announcements were taken back.
        """
        held = self.held()
        holders = Counter(key for keys in held for key in keys)
        more = sum(len(now - former) for now, former in zip(held, before, strict=True))
        announced = self._clock.runUntil(peers.lookUp(self.nodes[0], self._topic).collect())
        return more + sum(max(0, count - K) for count in holders.values()) + len(announced)

    def held(self) -> list[set[bytes]]:
        """The keys of the values that each node holds."""
        return [{each.key for each in store.entries(limit=1_000_000)} for store in self._stores]


def replays(
    seed: int,
    nodes: int = 25,
    hours: float = 24,
    redirects: bool = False,
    pauses: Sequence[float] = (HOUR, DAY),
) -> Replays:
    """
    Record a network, and replay the recording.

    :param nodes: the number of members
    :param hours: simulated hours that are recorded
    :param redirects: whether datagrams are sent to other members at once, and not to the same ones
    :param pauses: the seconds before each further replay
    """
    random = Random(f"{seed} replays")
    clock = SimulatedClock()
    clock.advance(START)
    network = MemoryNetwork(clock, seed=seed, latency=0.04)
    members = Members(network, clock, random)
    members.join()
    members.join()
    members.join()
    recorder = Recorder(network, clock, random=random, redirects=redirects)
    for _ in range(nodes - 3):
        members.join()
    end = clock.seconds() + hours * HOUR
    while clock.seconds() < end:
        members.operate()
        clock.runFor(PAUSE)
    recorder.isOn = False
    clock.runFor(5)
    recorded, atOnce = len(recorder.recorded), members.refused()
    held = members.held()
    stored = members.surplus(held)
    for pause in pauses:
        clock.runFor(pause)
        recorder.replayAll()
        stored += members.surplus(held)
    refused = members.refused()
    for node in members.nodes:
        clock.runUntil(node.destroy())
    if redirects:
        return Replays(
            recorded, len(pauses) * recorded, refused - atOnce, recorded, recorded - atOnce, stored
        )
    return Replays(recorded, (1 + len(pauses)) * recorded, refused, 0, 0, stored)


__all__ = ["Replays", "replays"]
