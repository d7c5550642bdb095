"""
The command line: C{python -m simulation}.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from twisted.logger import LogEvent, globalLogBeginner

from .run import DURATION, Outcome, run


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0 when all is well."""
    parser = argparse.ArgumentParser(
        prog="python -m simulation",
        description="Run networks of nodes in simulated time, from seeds, and let faults befall "
        "them.",
    )
    parser.add_argument("--seed", type=int, help="run one seed, and tell all about it")
    parser.add_argument("--seeds", type=int, default=10, help="run so many seeds (default: 10)")
    parser.add_argument("--first", type=int, default=1, help="the first of them (default: 1)")
    parser.add_argument("--nodes", type=int, default=100, help="nodes in a network (default: 100)")
    parser.add_argument(
        "--duration",
        type=float,
        default=DURATION,
        help="simulated seconds with faults (default: %(default)s)",
    )
    parser.add_argument("--jobs", type=int, default=1, help="processes at once (default: 1)")
    options = parser.parse_args(arguments)
    _quiet()
    if options.seed is not None:
        seeds: Iterable[int] = [options.seed]
    else:
        seeds = range(options.first, options.first + options.seeds)
    runOne = partial(run, nodes=options.nodes, duration=options.duration)
    failed: list[Outcome] = []
    if options.jobs > 1:
        with ProcessPoolExecutor(options.jobs, initializer=_quiet) as pool:
            for outcome in pool.map(runOne, seeds):
                _report(outcome, failed)
    else:
        for outcome in map(runOne, seeds):
            _report(outcome, failed)
    for outcome in failed:
        duration = "" if options.duration == DURATION else f" --duration {options.duration}"
        print(
            f"to see it again: python -m simulation --seed {outcome.seed} "
            f"--nodes {outcome.nodes}{duration}"
        )
    return 1 if failed else 0


def _report(outcome: Outcome, failed: list[Outcome]) -> None:
    print(outcome, flush=True)
    for trouble in outcome.troubles[:10]:
        print(f"    {trouble}", flush=True)
    if outcome.troubles:
        failed.append(outcome)


def _quiet() -> None:
    """Let nothing be logged to the terminal: the swarm listens to the log by itself."""
    globalLogBeginner.beginLoggingTo([_ignore], redirectStandardIO=False, discardBuffer=True)


def _ignore(event: LogEvent) -> None:
    """Leave it to the other observers."""


if __name__ == "__main__":
    sys.exit(main())
