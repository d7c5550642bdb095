"""
The command line: ``python -m simulation``.
"""

from __future__ import annotations

import argparse
import gc
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from typing import Any, Protocol

from twisted.logger import ILogObserver, LogEvent, globalLogBeginner
from zope.interface import implementer

from .experiments.lies import fifthLiars, oneLiar
from .experiments.loss import loss
from .experiments.massacre import massacre
from .liars import KINDS
from .run import DURATION, Outcome, run

#: How many nodes a network has when nothing is said.
NODES = 100

#: How many more objects there are when the garbage collector looks again.
BETWEEN_COLLECTIONS = 200_000


class Figures(Protocol):
    """What an experiment gives."""

    @property
    def isMet(self) -> bool:
        """Whether the promise is kept."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the arguments say; 0 when all is well."""
    options = _parser().parse_args(arguments)
    prepare()
    if options.experiment is not None:
        return _experiment(options)
    if options.seed is not None:
        seeds: Iterable[int] = [options.seed]
    else:
        seeds = range(options.first, options.first + options.seeds)
    runOne = partial(run, nodes=options.nodes or NODES, duration=options.duration)
    failed = [outcome for outcome in _each(runOne, seeds, options.jobs) if outcome.troubles]
    for outcome in failed:
        duration = "" if options.duration == DURATION else f" --duration {options.duration:g}"
        print(
            f"to see it again: python -m simulation --seed {outcome.seed} "
            f"--nodes {outcome.nodes}{duration}"
        )
    return 1 if failed else 0


def prepare() -> None:
    """
    Let nothing be logged to the terminal, for the swarm listens to the log by itself; and let the
    garbage collector look seldom, for nodes leave it hardly anything.
    """
    gc.set_threshold(BETWEEN_COLLECTIONS)
    globalLogBeginner.beginLoggingTo([_Ignore()], redirectStandardIO=False, discardBuffer=True)


@implementer(ILogObserver)
class _Ignore:
    """Leaves it to the other observers."""

    def __call__(self, event: LogEvent) -> None:
        """Do nothing."""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulation",
        description="Run networks of nodes in simulated time, from seeds, and let faults befall "
        "them; or make an experiment.",
    )
    parser.add_argument(
        "experiment",
        nargs="?",
        choices=("liars", "loss", "massacre"),
        help="make this experiment instead",
    )
    parser.add_argument("--seed", type=_natural, help="run this seed alone")
    parser.add_argument(
        "--seeds", type=_natural, default=10, help="run so many seeds (default: 10)"
    )
    parser.add_argument("--first", type=_natural, default=1, help="the first of them (default: 1)")
    parser.add_argument(
        "--nodes",
        type=_natural,
        help=f"nodes in a network (default: {NODES}; 200 or 500 in experiments)",
    )
    parser.add_argument(
        "--duration",
        type=float,
        default=DURATION,
        help="simulated seconds with faults (default: %(default)g)",
    )
    parser.add_argument("--jobs", type=_natural, default=1, help="processes at once (default: 1)")
    return parser


def _natural(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number from 1 on")
    return int(text)


def _each(runOne: Callable[[int], Outcome], seeds: Iterable[int], jobs: int) -> Iterator[Outcome]:
    """Run the seeds, and print what came of each."""
    if jobs > 1:
        with ProcessPoolExecutor(jobs, initializer=prepare) as pool:
            yield from map(_reported, pool.map(runOne, seeds))
    else:
        yield from map(_reported, map(runOne, seeds))


def _reported(outcome: Outcome) -> Outcome:
    print(outcome, flush=True)
    for trouble in outcome.troubles[:10]:
        print(f"    {trouble}", flush=True)
    return outcome


def _experiment(options: argparse.Namespace) -> int:
    given: dict[str, Any] = {"seed": options.seed or options.first}
    if options.nodes is not None:
        given["nodes"] = options.nodes
    experiments: dict[str, list[Callable[..., Figures]]] = {
        "liars": [
            *(partial(oneLiar, kind) for kind in KINDS),
            *(partial(fifthLiars, kind) for kind in KINDS),
        ],
        "loss": [loss],
        "massacre": [massacre],
    }
    areMet = True
    for experiment in experiments[options.experiment]:
        figures = experiment(**given)
        print(f"{'ok' if figures.isMet else 'MISSED'}: {figures}", flush=True)
        areMet = areMet and figures.isMet
    return 0 if areMet else 1


if __name__ == "__main__":
    sys.exit(main())
