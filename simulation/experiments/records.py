"""
Signed records in a network where a third of the holders replay old ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from random import Random
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.internet.defer import DeferredList
from zope.interface import implementer

from dwdht_twisted import DHTError, DHTNode, ICommandHandler, Request
from dwdht_twisted.values import RECORDS, Record, RecordHandler, publicKeyOf, publish, resolve
from dwdht_twisted.values.signed.encoding import Message, decode, encode
from dwdht_twisted.values.signed.kept import storeKey
from dwdht_twisted.values.signed.signing import isSigned, signed

from ..members import Member
from ..swarm import Swarm

#: The number of the 20 closest nodes that replay the first record which they were sent.
REPLAYING = 7

#: The probability that a datagram is lost.
LOSS = 0.05

#: The readers of each record.
READERS = 2

#: The time between two trials, in simulated seconds.  With less, two updates may still be under way
#: from the trial before.
PAUSE = 2.0


class Records(NamedTuple):
    """
    Figures of records that were attacked.

    :ivar trials: the number of keys
    :ivar found: the number of keys whose newest record both readers found, each time
    :ivar older: how often a reader was given an older record than before
    :ivar taken: how many forged records honest nodes have taken
    :ivar agreed: the number of keys for which all honest nodes among the 20 closest have the newest
        record at the end
    """

    trials: int
    found: int
    older: int
    taken: int
    agreed: int

    @property
    def isMet(self) -> bool:
        """Whether the newest record was always found, and nothing else was taken."""
        return self.found == self.agreed == self.trials and self.older == self.taken == 0

    def __str__(self) -> str:
        return (
            f"{REPLAYING} of 20 holders replay an old record, forged and older records are sent, "
            f"two writers at once, {LOSS:.0%} loss: the newest record was found for {self.found} "
            f"of {self.trials} keys, and {self.older} times an older one than before; "
            f"{self.taken} forged records were taken; all honest holders have the newest record "
            f"of {self.agreed} keys"
        )


@implementer(ICommandHandler)
class Holder:
    """
    Keeps records, and replays the first record of some targets for ever.

    :param seconds: returns the simulated time
    :ivar replays: the targets that it replays
    """

    def __init__(self, member: Member, seconds: Callable[[], float]) -> None:
        self.replays: set[bytes] = set()
        self._store = member.store
        self._handler = RecordHandler(member.store, seconds=seconds)

    def kept(self, target: bytes) -> Record | None:
        """The record that the member keeps."""
        data = self._store.get(storeKey(target))
        return None if data is None else decode(data).record

    async def queryReceived(self, request: Request) -> bytes | None:
        """Return the record of the target."""
        return await self._handler.queryReceived(request)

    async def updateReceived(self, request: Request) -> None:
        """Keep a record, or say so without doing it."""
        if request.target not in self.replays or self.kept(request.target) is None:
            await self._handler.updateReceived(request)


class Trial:
    """
    One key, its two writers, and its readers.

    :ivar key: the private key
    :ivar newest: the newest record that a writer has published
    :ivar older: how often a reader was given an older record than before
    :ivar isFound: whether all readers were given the newest record so far
    """

    def __init__(self, swarm: Swarm, holders: dict[bytes, Holder], number: int) -> None:
        random = Random(f"{swarm.seed} record {number}")
        self.key = Ed25519PrivateKey.from_private_bytes(random.randbytes(32))
        self.newest: Record | None = None
        self.older = 0
        self.isFound = True
        self._swarm = swarm
        self._holders = holders
        self._random = random
        self._seen: dict[DHTNode, Record] = {}
        self._nodes = [each.node for each in random.sample(swarm.members, 3 + READERS) if each.node]

    def run(self) -> None:
        """Publish, attack and read, and all of this again."""
        writer, other, attacker, *readers = self._nodes
        self.write(writer)
        first = self.newest
        assert first is not None
        for holder in self._random.sample(list(self.closest()), REPLAYING):
            holder.replays.add(first.target)
        self.write(writer)
        self.attack(attacker, first)
        self.read(readers[:1])
        # Both writers find the same record, and give theirs the same sequence number.
        self.write(writer, other)
        self.attack(attacker, first)
        self.read(readers)
        self.write(other)
        self.read(readers)

    def closest(self) -> Iterator[Holder]:
        """The holders among the 20 nodes closest to the target."""
        assert self.newest is not None
        for member in self._swarm.closestMembers(self.newest.target):
            yield self._holders[member.id]

    def write(self, *writers: DHTNode) -> None:
        """Let writers publish records at once, each one of its own."""
        work = [publish(node, self.key, self._random.randbytes(100)) for node in writers]
        for succeeded, record in self._swarm.clock.runUntil(DeferredList(work, consumeErrors=True)):
            if succeeded and (self.newest is None or record.supersedes(self.newest)):
                self.newest = record

    def attack(self, attacker: DHTNode, old: Record) -> None:
        """Replay an old record, and send one with a wrong signature, and one of another key."""
        assert self.newest is not None
        forged = self.newest._replace(sequence=self.newest.sequence + 1)
        changed = self.newest._replace(value=b"changed")
        stranger = Ed25519PrivateKey.from_private_bytes(self._random.randbytes(32))
        claimed = signed(stranger, b"mine", 99)._replace(publicKey=old.publicKey)
        for record in (old, forged, changed, claimed):
            stream = attacker.update(RECORDS, old.target, encode(Message(record)))
            # Nodes that replay say that they have taken it.
            stream.collect().addErrback(lambda reason: reason.trap(DHTError))
        self._swarm.clock.runFor(PAUSE)

    def read(self, readers: list[DHTNode]) -> None:
        """Let readers resolve the key, one after the other."""
        assert self.newest is not None
        for reader in readers:
            record = self._swarm.clock.runUntil(resolve(reader, publicKeyOf(self.key)))
            self.isFound = self.isFound and record == self.newest
            before = self._seen.get(reader)
            if before is not None and before.supersedes(record):
                self.older += 1
            self._seen[reader] = record

    def taken(self) -> int:
        """The number of nodes that keep a record with a wrong signature."""
        assert self.newest is not None
        kept = [holder.kept(self.newest.target) for holder in self.closest()]
        return sum(each is not None and not isSigned(each) for each in kept)

    def isAgreed(self) -> bool:
        """Whether all honest nodes among the closest have the newest record."""
        assert self.newest is not None
        target = self.newest.target
        return all(
            holder.kept(target) == self.newest
            for holder in self.closest()
            if target not in holder.replays
        )


def records(seed: int = 1, nodes: int = 100, trials: int = 100) -> Records:
    """
    Publish records of many keys, attack them, and resolve them.

    :param nodes: the number of nodes
    :param trials: the number of keys
    """
    swarm = Swarm(seed)
    swarm.build(nodes)
    swarm.network.loss = LOSS
    holders: dict[bytes, Holder] = {}
    for member in swarm.members:
        assert member.node is not None
        holders[member.id] = holder = Holder(member, swarm.clock.seconds)
        member.node.register(RECORDS, holder)
    done = []
    for number in range(trials):
        trial = Trial(swarm, holders, number)
        trial.run()
        done.append(trial)
    figures = Records(
        trials,
        sum(trial.isFound for trial in done),
        sum(trial.older for trial in done),
        sum(trial.taken() for trial in done),
        sum(trial.isAgreed() for trial in done),
    )
    swarm.close()
    return figures
