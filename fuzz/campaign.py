"""
A campaign: many datagrams that are sent to one node, and the outcome.
"""

from __future__ import annotations

import ctypes
import faulthandler
import gc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from socket import inet_ntoa
from time import perf_counter, strftime

from dwdht_twisted._core.wire import COMPACT_CONTACT_BYTES, unpackContact
from dwdht_twisted.testing.addresses import isIPv4

from .forger import Forger
from .subject import BrokenInvariant, Subject

CORPUS = Path(__file__).parent / "corpus"

#: The number of datagrams that arrive at the same simulated time.
BATCH = 10

#: The mean simulated time between two batches, in seconds.  It makes 10,000 datagrams a second.
PAUSE = 0.001

#: The number of datagrams between two checks of the invariants.  Larger: a problem is found longer
#: after its datagram.
CHECKED_EVERY = 10_000

#: The number of datagrams between two lines about the progress.
SHOWN_EVERY = 500_000

#: The process ends when no check was made for this time, in seconds of real time.  Two checks are a
#: few seconds apart.  After two minutes without a check, the node must be in an endless loop.
STUCK_AFTER = 120.0

#: The number of datagrams after which the growth of the process is measured.  Smaller: the bounded
#: caches of the node are not full yet, and their growth would count as a leak.
WARM_UP = 1_000_000

#: The allowed growth of the process after the warm-up, in megabytes.
GROWTH_LIMIT = 5.0


@dataclass
class Outcome:
    """
    The outcome of a campaign.

    :ivar seed: the seed, which is enough to repeat the campaign
    :ivar datagrams: the number of datagrams sent
    :ivar seconds: the real time that the campaign took, in seconds
    :ivar simulated: the simulated time that passed, in seconds
    :ivar growth: the growth of the process's memory after the warm-up, in megabytes; None when it
        can't be measured, or the campaign ended during the warm-up
    :ivar longest: the duration of the longest query, in simulated seconds
    :ivar ended: the number of queries that ended, by outcome
    :ivar counters: the counters of the node
    :ivar failure: the invariant that was broken; empty when all held
    """

    seed: int
    datagrams: int = 0
    seconds: float = 0.0
    simulated: float = 0.0
    growth: float | None = None
    longest: float = 0.0
    ended: dict[str, int] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    failure: str = ""

    def __str__(self) -> str:
        growth = "not measured" if self.growth is None else f"{self.growth:+.1f} MB"
        lines = [
            f"seed {self.seed}: {self.datagrams:,} datagrams in {self.seconds:.1f} s, "
            f"{self.datagrams / max(self.seconds, 1e-9):,.0f} a second",
            f"  simulated time {self.simulated:.0f} s; memory after the warm-up {growth}",
            f"  queries: {_list(self.ended)}; the longest took {self.longest:.1f} simulated s",
            f"  node: {_list(self.counters)}",
            f"  BROKEN: {self.failure}" if self.failure else "  all invariants held",
        ]
        return "\n".join(lines)


def run(seed: int, datagrams: int, progress: Callable[[int], None] = lambda sent: None) -> Outcome:
    """
    Send datagrams to a node with a full table and open queries, until an invariant is broken.

    :param datagrams: the number of datagrams, rounded up to a multiple of 10
    :param progress: called after each 10,000 datagrams with the number sent so far
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
                raise BrokenInvariant(f"the process grew by {outcome.growth:.1f} MB")
    except BrokenInvariant as error:
        outcome.failure = str(error)
    except Exception as error:
        outcome.failure = f"{error!r} on {datagram.hex()} from {source}"
    outcome.seconds = perf_counter() - began
    outcome.simulated = subject.clock.seconds()
    outcome.longest = subject.queries.longest
    outcome.ended = dict(subject.queries.ended)
    outcome.counters = subject.node.counters.asDict()
    return outcome


def _fillCaches(random: Random) -> None:
    """
    Fill the caches that all nodes of the process share, up to their bounds.

    A campaign alone would fill these caches slowly, because new contacts and addresses are rare.
    The growth of the caches during millions of datagrams would look like a leak.
    """
    for _ in range(unpackContact.cache_info().maxsize or 0):
        unpackContact(random.randbytes(COMPACT_CONTACT_BYTES))
    for _ in range(isIPv4.cache_info().maxsize or 0):
        isIPv4(inet_ntoa(random.randbytes(4)))


def runWithProgress(seed: int, datagrams: int) -> Outcome:
    """
    Do a `run`, and print a line after each 500,000 datagrams.

    The process ends with a traceback when no check was made for two minutes of real time.
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
    """The datagrams of the corpus, without the byte of flags before each."""
    return [path.read_bytes()[1:] for path in sorted(CORPUS.glob("*")) if path.is_file()]


def memory() -> float | None:
    """
    The resident memory of the process, in megabytes; None where ``/proc`` is missing.

    What was freed is given back first.  Otherwise a single peak, as when members that were
    restarted have two associations with each other, would count as a leak from then on.
    """
    gc.collect()
    with suppress(AttributeError, OSError):
        # Only glibc has it.
        ctypes.CDLL(None).malloc_trim(0)
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return None
    return pages * 4096 / 1e6


def _list(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count:,}" for name, count in counts.items() if count) or "none"
