"""
``python -m fuzz``: campaigns from the command line, in one or several processes.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from .campaign import Outcome, runWithProgress


def main() -> int:
    """Run the campaigns; return the exit status, which is 1 when an invariant was broken."""
    parser = argparse.ArgumentParser(
        prog="python -m fuzz",
        description="Send mutated datagrams to a node with a full table and open queries.",
    )
    parser.add_argument("--datagrams", type=_positive, default=1_000_000, help="how many to send")
    parser.add_argument(
        "--processes", type=_positive, default=1, help="how many share the datagrams"
    )
    parser.add_argument("--seed", type=int, default=1, help="the seed of the first process")
    options = parser.parse_args()
    share = -(-options.datagrams // options.processes)
    seeds = range(options.seed, options.seed + options.processes)
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for outcome in pool.map(partial(runWithProgress, datagrams=share), seeds):
            print(outcome, flush=True)
            outcomes.append(outcome)
    broken = [outcome.seed for outcome in outcomes if outcome.failure]
    sent = sum(outcome.datagrams for outcome in outcomes)
    verdict = f"broken with seeds {broken}" if broken else "all invariants held"
    print(f"{sent:,} datagrams; {verdict}")
    return 1 if broken else 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return number


if __name__ == "__main__":
    sys.exit(main())
