"""
``python -m fuzz.private``: datagrams of strangers, sent to a node of a private network.

The strangers have recorded what members sent to the node, and know the format.  They send it again,
changed and unchanged, under their own addresses and under those of members, with random bytes and
with datagrams of the open wire.  On a network by certificate, some of them get a cookie and use it.

The invariants of both kinds:

- no exception, and no error in the log
- no part of the node but its layer gets a datagram of a stranger
- the node answers the pings of members
- the memory doesn't grow, and no timer is left at the end

By key, nothing is sent to anybody while strangers send, and every datagram is counted as refused.
By certificate, an address that has no cookie is sent a cookie for a hello, which is shorter than
the hello, and nothing else.

The random numbers of handshakes are those of OpenSSL, so that a campaign with certificates can't be
repeated exactly.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter

from twisted.logger import globalLogBeginner

from .campaign import GROWTH_LIMIT, memory
from .members import CertifiedSubject, KeyedSubject, Subject
from .subject import BrokenInvariant

#: The kinds of networks.
KINDS: dict[str, type[Subject]] = {"key": KeyedSubject, "certificate": CertifiedSubject}

#: The datagrams after which the growth of the memory is measured.  Smaller: what nodes remember of
#: each other has not reached its bounds yet, and its growth would count as a leak.
WARM_UP = 2_500_000

#: The datagrams between two lines about the progress.
SHOWN_EVERY = 1_000_000


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
    :ivar limited: the number of hellos that were dropped, because too many came
    :ivar cookies: the number of hellos that were answered by a cookie
    :ivar pings: the number of pings of members
    :ivar answered: the number of these that were answered
    :ivar failure: the invariant that was broken; empty when all held
    """

    datagrams: int = 0
    seconds: float = 0.0
    growth: float | None = None
    strangers: int = 0
    replays: int = 0
    limited: int = 0
    cookies: int = 0
    pings: int = 0
    answered: int = 0
    failure: str = ""

    def __str__(self) -> str:
        growth = "not measured" if self.growth is None else f"{self.growth:+.1f} MB"
        return (
            f"{self.datagrams:,} datagrams in {self.seconds:.1f} s; {self.strangers:,} refused as "
            f"strangers', {self.replays:,} as replays, {self.limited:,} for their rate; "
            f"{self.cookies:,} cookies sent; {self.answered:,} of {self.pings:,} pings of members "
            f"answered; memory {growth}; {self.failure or 'all invariants held'}"
        )


def run(seed: int, datagrams: int, kind: str = "key", *, shows: bool = False) -> Outcome:
    """
    Send datagrams to a node until an invariant is broken.

    :param datagrams: the number of datagrams, rounded up to a multiple of 1,000
    :param kind: the kind of the network, a key of `KINDS`
    :param shows: whether a line is printed after each 1,000,000 datagrams
    """
    outcome = Outcome()
    subject = KINDS[kind](seed)
    before: float | None = None
    counters = subject.node.counters
    strangers, replays, limited = (
        counters.strangersRefused,
        counters.replaysRefused,
        counters.rateLimited,
    )
    begun = perf_counter()
    try:
        while outcome.datagrams < datagrams:
            outcome.datagrams += subject.attack()
            subject.live()
            if before is None and outcome.datagrams >= WARM_UP:
                subject.rest()
                before = memory()
            if shows and outcome.datagrams % SHOWN_EVERY == 0:
                used = f"{memory() or 0:.1f} MB in use"
                print(
                    f"{outcome.datagrams:,} sent in {perf_counter() - begun:.0f} s, {used}",
                    flush=True,
                )
        subject.rest()
        after = memory()
        outcome.strangers = counters.strangersRefused - strangers
        outcome.replays = counters.replaysRefused - replays
        outcome.limited = counters.rateLimited - limited
        subject.finish()
        if before is not None and after is not None:
            outcome.growth = after - before
            if outcome.growth > GROWTH_LIMIT:
                raise BrokenInvariant(f"the process grew by {outcome.growth:.1f} MB")
    except Exception as error:
        outcome.failure = f"BROKEN: {error!r}"
    outcome.seconds = perf_counter() - begun
    outcome.pings, outcome.answered = subject.pings, subject.answered
    outcome.cookies = getattr(subject, "cookies", 0)
    return outcome


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a campaign; return the exit status, which is 1 when an invariant was broken."""
    parser = argparse.ArgumentParser(prog="python -m fuzz.private")
    parser.add_argument("--datagrams", type=int, default=1_000_000, help="how many to send")
    parser.add_argument("--seed", type=int, default=1, help="the seed")
    parser.add_argument(
        "--kind", choices=sorted(KINDS), default="key", help="the kind of the network"
    )
    options = parser.parse_args(arguments)
    # Until a log begins, Twisted keeps the last 65,536 events, and so the nodes that have logged
    # them.  The growth of the memory would say little about strangers.
    globalLogBeginner.beginLoggingTo([], redirectStandardIO=False, discardBuffer=True)
    outcome = run(options.seed, options.datagrams, options.kind, shows=True)
    print(outcome)
    return 1 if outcome.failure else 0


if __name__ == "__main__":
    sys.exit(main())
