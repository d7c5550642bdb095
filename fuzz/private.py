"""
``python -m fuzz.private``: datagrams of strangers, sent to a node of a network with a key.

The strangers have recorded what members sent to the node, and know the format.  They send it again,
changed and unchanged, with random bytes and with datagrams of the open wire.

The invariants: no exception, nothing is sent to anybody, no part of the node but its layer gets a
datagram, every datagram is counted as refused, and the memory doesn't grow.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from time import perf_counter

from dwdht_twisted import DHTNode
from dwdht_twisted.private import newNetworkKey
from dwdht_twisted.private.keyed.sealing import HEADER_BYTES, SENDER_BYTES
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock

from .campaign import GROWTH_LIMIT, memory, readCorpus

#: The members that talk to the node.
MEMBERS = 30

#: The datagrams between two checks, while which no simulated time passes.
BATCH = 1000

#: The simulated time between two batches, in seconds.
PAUSE = 0.25

#: The datagrams of members that strangers have recorded, the last ones.
RECORDED = 512

#: The datagrams after which the growth of the memory is measured.
WARM_UP = 500_000


@dataclass
class Outcome:
    """
    The outcome of a campaign.

    :ivar datagrams: the number of datagrams sent
    :ivar seconds: the real time that they took, in seconds
    :ivar growth: the growth of the process after the warm-up, in megabytes; None when it ended
        before
    :ivar strangers: the number of datagrams counted as those of strangers
    :ivar replays: the number of datagrams counted as replays
    :ivar failure: the invariant that was broken; empty when all held
    """

    datagrams: int = 0
    seconds: float = 0.0
    growth: float | None = None
    strangers: int = 0
    replays: int = 0
    failure: str = ""

    def __str__(self) -> str:
        growth = "not measured" if self.growth is None else f"{self.growth:+.1f} MB"
        return (
            f"{self.datagrams:,} datagrams in {self.seconds:.1f} s; {self.strangers:,} refused as "
            f"strangers', {self.replays:,} as replays; memory {growth}; "
            f"{self.failure or 'all invariants held'}"
        )


class Strangers:
    """
    Makes the datagrams of strangers.

    :ivar recorded: what members have sent to the node
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._corpus = readCorpus()
        self.recorded: list[bytes] = []
        self._kinds: list[Callable[[bytes], bytes]] = [
            self._same,
            self._flipped,
            self._cut,
            self._longer,
            self._otherStream,
            self._otherNonce,
            self._otherTime,
            self._otherText,
            self._spliced,
            self._open,
            self._bytes,
        ]

    def next(self) -> bytes:
        """The next datagram."""
        return self._random.choice(self._kinds)(self._random.choice(self.recorded))

    def _same(self, sealed: bytes) -> bytes:
        return sealed

    def _flipped(self, sealed: bytes) -> bytes:
        changed = bytearray(sealed)
        for _ in range(self._random.choice((1, 1, 2, 8))):
            changed[self._random.randrange(len(changed))] ^= 1 << self._random.randrange(8)
        return bytes(changed)

    def _cut(self, sealed: bytes) -> bytes:
        return sealed[: self._random.randrange(len(sealed))]

    def _longer(self, sealed: bytes) -> bytes:
        return sealed + self._random.randbytes(self._random.randrange(1, 40))

    def _otherStream(self, sealed: bytes) -> bytes:
        return sealed[:4] + self._random.randbytes(8) + sealed[SENDER_BYTES:]

    def _otherNonce(self, sealed: bytes) -> bytes:
        return sealed[:SENDER_BYTES] + self._random.randbytes(12) + sealed[HEADER_BYTES:]

    def _otherTime(self, sealed: bytes) -> bytes:
        # A number that wasn't used yet, so that the datagram isn't refused as a replay.
        number = self._random.getrandbits(32).to_bytes(4, "big")
        return sealed[:20] + number + sealed[HEADER_BYTES:]

    def _otherText(self, sealed: bytes) -> bytes:
        return sealed[:HEADER_BYTES] + self._random.randbytes(self._random.randrange(600))

    def _spliced(self, sealed: bytes) -> bytes:
        other = self._random.choice(self.recorded)
        at = self._random.choice((4, SENDER_BYTES, HEADER_BYTES))
        return sealed[:at] + other[at:] if sealed[:at] != other[:at] else self._flipped(sealed)

    def _open(self, sealed: bytes) -> bytes:
        return self._random.choice(self._corpus)

    def _bytes(self, sealed: bytes) -> bytes:
        return self._random.randbytes(self._random.randrange(1500))


class Subject:
    """
    A node of a network with a key, and members that talk to it.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(f"private {seed}")
        self._clock = SimulatedClock()
        self._clock.advance(1_800_000_000)
        self.network = MemoryNetwork(self._clock, seed=seed)
        self.strangers = Strangers(self._random)
        self.network.onDatagram = self._sent
        self._key = newNetworkKey()
        self.node = self._join([])
        self._members = [self._join(["10.0.0.1:6620"]) for _ in range(MEMBERS)]
        self._clock.runFor(10)

    def _join(self, bootstrap: list[str]) -> DHTNode:
        node = DHTNode(
            self.network.reactor(),
            bootstrap=bootstrap,
            networkKey=self._key,
            random=Random(self._random.getrandbits(64)),
        )
        node.listen(6620)
        return node

    def _sent(self, source: tuple[str, int], destination: tuple[str, int], data: bytes) -> None:
        if destination[0] == "10.0.0.1":
            self.strangers.recorded = [*self.strangers.recorded[1 - RECORDED :], data]

    def live(self) -> None:
        """Let a member ask the node, and simulated time pass."""
        member = self._random.choice(self._members)
        member.query("any", self._random.randbytes(32)).collect().addErrback(lambda _: None)
        self._clock.runFor(PAUSE)

    @property
    def refused(self) -> tuple[int, int]:
        """The numbers of refused datagrams of strangers, and of replays."""
        counters = self.node.counters
        return counters.strangersRefused, counters.replaysRefused

    def heard(self) -> int:
        """The number of datagrams that got beyond the layer."""
        each = self.node.counters
        return (
            each.requestsReceived
            + each.responsesReceived
            + each.unexpected
            + each.malformed
            + each.rateLimited
        )

    def attack(self) -> int:
        """
        Send a batch of datagrams to the node.

        :return: the number of them
        """
        before = self.network.sent, self.heard(), sum(self.refused)
        for _ in range(BATCH):
            source = (f"5.6.{self._random.randrange(256)}.7", self._random.randrange(65536))
            self.node.datagramReceived(self.strangers.next(), source)
        sent, heard, refused = before
        assert self.network.sent == sent, "the node has sent something"
        assert self.heard() == heard, "a datagram of a stranger got beyond the layer"
        assert sum(self.refused) == refused + BATCH, "a datagram wasn't counted"
        return BATCH


def run(seed: int, datagrams: int) -> Outcome:
    """
    Send datagrams to a node until an invariant is broken.

    :param datagrams: the number of datagrams, rounded up to a multiple of 1,000
    """
    outcome = Outcome()
    subject = Subject(seed)
    before: float | None = None
    strangers, replays = subject.refused
    begun = perf_counter()
    try:
        while outcome.datagrams < datagrams:
            outcome.datagrams += subject.attack()
            subject.live()
            if before is None and outcome.datagrams >= WARM_UP:
                before = memory()
        after = memory()
        if before is not None and after is not None:
            outcome.growth = after - before
            assert outcome.growth <= GROWTH_LIMIT, "the memory grew"
    except Exception as error:
        outcome.failure = f"BROKEN: {error!r}"
    outcome.seconds = perf_counter() - begun
    outcome.strangers, outcome.replays = subject.refused
    outcome.strangers -= strangers
    outcome.replays -= replays
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign; return the exit status, which is 1 when an invariant was broken."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.private")
    parser.add_argument("--datagrams", type=int, default=1_000_000, help="how many to send")
    parser.add_argument("--seed", type=int, default=1, help="the seed")
    options = parser.parse_args(arguments)
    outcome = run(options.seed, options.datagrams)
    print(outcome)
    return 1 if outcome.failure else 0


if __name__ == "__main__":
    sys.exit(main())
