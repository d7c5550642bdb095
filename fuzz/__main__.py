"""
``python -m fuzz``: a campaign from the command line.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from .campaign import Outcome, runAloud


def main() -> int:
    """Run a campaign, and give the exit status: 1 when something broke."""
    parser = argparse.ArgumentParser(
        prog="python -m fuzz",
        description="Send mutated datagrams at a node with a full table and open queries.",
    )
    parser.add_argument("--datagrams", type=_positive, default=1_000_000, help="how many")
    parser.add_argument("--processes", type=_positive, default=1, help="which share them")
    parser.add_argument("--seed", type=int, default=1, help="of the first process")
    options = parser.parse_args()
    share = -(-options.datagrams // options.processes)
    seeds = range(options.seed, options.seed + options.processes)
    outcomes: list[Outcome] = []
    with ProcessPoolExecutor(options.processes, mp_context=get_context("spawn")) as pool:
        for outcome in pool.map(partial(runAloud, datagrams=share), seeds):
            print(outcome, flush=True)
            outcomes.append(outcome)
    broken = [outcome.seed for outcome in outcomes if outcome.broken]
    sent = sum(outcome.datagrams for outcome in outcomes)
    print(f"{sent:,} datagrams; {f'broken with seeds {broken}' if broken else 'all held'}")
    return 1 if broken else 0


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text} is not positive")
    return number


if __name__ == "__main__":
    sys.exit(main())
