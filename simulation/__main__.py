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

#: The number of nodes of a network unless ``--nodes`` is given.
NODES = 100

#: The number of new objects after which the garbage collector runs.  A simulation makes many
#: objects but hardly any reference cycles.  Larger: cycles take up more memory.  Smaller: a run
#: takes longer.
BETWEEN_COLLECTIONS = 200_000


class Figures(Protocol):
    """The figures that an experiment returns; ``str`` describes them."""

    @property
    def isMet(self) -> bool:
        """Whether the promise that was measured is kept."""


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the seeds or the experiment that the arguments name.

    :param arguments: those of the process by default
    :return: 0 when all invariants held and all promises were kept, else 1
    """
    options = _parser().parse_args(arguments)
    prepareProcess()
    if options.experiment is not None:
        return _runExperiment(options)
    if options.seed is not None:
        seeds: Iterable[int] = [options.seed]
    else:
        seeds = range(options.first, options.first + options.seeds)
    runOne = partial(run, nodes=options.nodes or NODES, duration=options.duration)
    failed = [outcome for outcome in _runEach(runOne, seeds, options.jobs) if outcome.troubles]
    for outcome in failed:
        duration = "" if options.duration == DURATION else f" --duration {options.duration:g}"
        print(
            f"to repeat this run: python -m simulation --seed {outcome.seed} "
            f"--nodes {outcome.nodes}{duration}"
        )
    return 1 if failed else 0


def prepareProcess() -> None:
    """
    Keep the log off the terminal, because `Record` observes it.  Let the garbage collector run
    rarely.
    """
    gc.set_threshold(BETWEEN_COLLECTIONS)
    globalLogBeginner.beginLoggingTo(
        [_NullObserver()], redirectStandardIO=False, discardBuffer=True
    )


@implementer(ILogObserver)
class _NullObserver:
    """A log observer that ignores every event."""

    def __call__(self, event: LogEvent) -> None:
        pass


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulation",
        description="Run networks of nodes in simulated time, with faults that are drawn from a "
        "seed, and check invariants; or run an experiment.",
    )
    parser.add_argument(
        "experiment",
        nargs="?",
        choices=("liars", "loss", "massacre"),
        help="run this experiment instead",
    )
    parser.add_argument("--seed", type=_natural, help="run only this seed")
    parser.add_argument(
        "--seeds", type=_natural, default=10, help="number of seeds to run (default: 10)"
    )
    parser.add_argument("--first", type=_natural, default=1, help="the first seed (default: 1)")
    parser.add_argument(
        "--nodes",
        type=_natural,
        help=f"number of nodes (default: {NODES}; 200 or 500 in experiments)",
    )
    parser.add_argument(
        "--duration",
        type=float,
        default=DURATION,
        help="simulated seconds during which there are faults (default: %(default)g)",
    )
    parser.add_argument("--jobs", type=_natural, default=1, help="number of processes (default: 1)")
    return parser


def _natural(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _runEach(
    runOne: Callable[[int], Outcome], seeds: Iterable[int], jobs: int
) -> Iterator[Outcome]:
    """Run the seeds, and print each outcome as soon as it is there."""
    if jobs > 1:
        with ProcessPoolExecutor(jobs, initializer=prepareProcess) as pool:
            yield from map(_print, pool.map(runOne, seeds))
    else:
        yield from map(_print, map(runOne, seeds))


def _print(outcome: Outcome) -> Outcome:
    print(outcome, flush=True)
    # Ten troubles are enough: one cause often breaks the same invariant for many nodes.
    for trouble in outcome.troubles[:10]:
        print(f"    {trouble}", flush=True)
    return outcome


def _runExperiment(options: argparse.Namespace) -> int:
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
