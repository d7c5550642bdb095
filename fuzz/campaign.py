"""
Many datagrams, one after the other, and what has come of them.
"""

from __future__ import annotations

import faulthandler
import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from socket import inet_ntoa
from time import perf_counter, strftime

from dwdht_twisted._core.wire import COMPACT_CONTACT_BYTES, unpackContact
from dwdht_twisted.testing.host import isIPv4

from .forger import Forger
from .subject import Broken, Subject

CORPUS = Path(__file__).parent / "corpus"

#: How many datagrams arrive at one moment, and the simulated seconds between such moments.
BATCH = 10
PAUSE = 0.001

#: How many datagrams lie between two looks at what must hold.
CHECKED_EVERY = 10_000

#: How many datagrams lie between two lines about the progress.
SHOWN_EVERY = 500_000

#: When there is no look for so long, in seconds of real time, something runs in circles.
STUCK_AFTER = 120.0

#: After this many datagrams all bounded memories of the node are full, and from there the memory of
#: the process is measured.
WARM_UP = 1_000_000

#: By how much the process may grow from then on, in megabytes.
GROWTH_LIMIT = 5.0


@dataclass
class Outcome:
    """
    What has come of a campaign.

    :ivar seed: which makes it run again in the same way
    :ivar datagrams: how many were sent
    :ivar seconds: of real time
    :ivar simulated: seconds of simulated time
    :ivar growth: of the process's memory after the warm-up, in megabytes; None when it was not
        measured, or the warm-up was not over
    :ivar longest: what the longest query took, in simulated seconds
    :ivar ended: how many queries have ended, by how
    :ivar counters: those of the node
    :ivar broken: what did not hold; empty when all did
    """

    seed: int
    datagrams: int = 0
    seconds: float = 0.0
    simulated: float = 0.0
    growth: float | None = None
    longest: float = 0.0
    ended: dict[str, int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    broken: str = ""

    def __str__(self) -> str:
        growth = "not measured" if self.growth is None else f"{self.growth:+.1f} MB"
        lines = [
            f"seed {self.seed}: {self.datagrams:,} datagrams in {self.seconds:.1f} s, "
            f"{self.datagrams / max(self.seconds, 1e-9):,.0f} a second",
            f"  simulated time {self.simulated:.0f} s; memory after the warm-up {growth}",
            f"  queries: {_list(self.ended)}; the longest took {self.longest:.1f} simulated s",
            f"  node: {_list(self.counters)}",
            f"  BROKEN: {self.broken}" if self.broken else "  all held",
        ]
        return "\n".join(lines)


def run(seed: int, datagrams: int, progress: Callable[[int], None] = lambda sent: None) -> Outcome:
    """
    Send datagrams at a node with a full table and open queries, until something breaks.

    :param progress: called now and then with how many were sent
    """
    outcome = Outcome(seed)
    subject = Subject(seed)
    forger = Forger(Random(f"forger {seed}"), subject, readCorpus())
    random = Random(f"campaign {seed}")
    if datagrams > WARM_UP:
        _fillCaches(random)
    before: float | None = None
    began = perf_counter()
    datagram, source = b"", ("", 0)
    try:
        while outcome.datagrams < datagrams:
            for _ in range(BATCH):
                datagram, source = forger.next()
                subject.receive(datagram, source)
            outcome.datagrams += BATCH
            subject.run(PAUSE * 2 * random.random())
            if outcome.datagrams % CHECKED_EVERY == 0:
                subject.check()
                progress(outcome.datagrams)
            if before is None and outcome.datagrams >= WARM_UP:
                before = memory()
        after = memory()
        subject.finish()
        if before is not None and after is not None:
            outcome.growth = after - before
            if outcome.growth > GROWTH_LIMIT:
                raise Broken(f"the process grew by {outcome.growth:.1f} MB")
    except Broken as error:
        outcome.broken = str(error)
    except Exception as error:
        outcome.broken = f"{error!r} on {datagram.hex()} from {source}"
    outcome.seconds = perf_counter() - began
    outcome.simulated = subject.clock.seconds()
    outcome.longest = subject.longest
    outcome.ended = dict(subject.ended)
    outcome.counters = subject.node.counters.asDict()
    return outcome


def _fillCaches(random: Random) -> None:
    """
    Let the caches of the process, of the node's and of the network's code, remember all that they
    ever do: rare things fill them slowly, and would look like a leak for millions of datagrams.
    """
    for _ in range(unpackContact.cache_info().maxsize or 0):
        unpackContact(random.randbytes(COMPACT_CONTACT_BYTES))
    for _ in range(isIPv4.cache_info().maxsize or 0):
        isIPv4(inet_ntoa(random.randbytes(4)))


def runAloud(seed: int, datagrams: int) -> Outcome:
    """
    `run`, with a line on standard output now and then.

    It ends the process, with a traceback, when a datagram is never done with.
    """

    def show(sent: int) -> None:
        faulthandler.dump_traceback_later(STUCK_AFTER, exit=True)
        if sent % SHOWN_EVERY == 0:
            used = f"{memory() or 0:.1f} MB in use"
            print(f"{strftime('%H:%M:%S')} seed {seed}: {sent:,} sent, {used}", flush=True)

    show(0)
    try:
        return run(seed, datagrams, show)
    finally:
        faulthandler.cancel_dump_traceback_later()


def readCorpus() -> list[bytes]:
    """The datagrams of the corpus, which has a byte before each that says how it is sent."""
    return [path.read_bytes()[1:] for path in sorted(CORPUS.glob("*")) if path.is_file()]


def memory() -> float | None:
    """How much memory of the process is resident, in megabytes; None when it can't be known."""
    gc.collect()
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * 4096 / 1e6


def _list(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items() if count) or "none"
