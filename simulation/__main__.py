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
from itertools import chain
from typing import Any, Protocol, TypeVar

from twisted.logger import ILogObserver, LogEvent, globalLogBeginner
from zope.interface import implementer

from .combined import COMBINED
from .experiments.apart import apart
from .experiments.certificates import certificates
from .experiments.combined import LIARS_OF_NETWORK, fifthCombined, singleLiars, total
from .experiments.handshakes import handshakes
from .experiments.keeping import keeping
from .experiments.lies import fifthLiars, oneLiar
from .experiments.loss import loss
from .experiments.massacre import massacre
from .experiments.records import records
from .experiments.replays import replays
from .liars import KINDS
from .private import KINDS as PRIVATE_KINDS
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


AnyFigures = TypeVar("AnyFigures", bound=Figures)
Seeds = TypeVar("Seeds")
Result = TypeVar("Result")


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the seeds or the experiment that the arguments name.

    :param arguments: those of the process by default
    :return: 0 when all invariants held and all promises were kept, else 1
    """
    options = _parser().parse_args(arguments)
    prepareProcess()
    seeds = range(options.first, options.first + options.seeds)
    if options.seed is not None:
        seeds = range(options.seed, options.seed + 1)
    if options.experiment == COMBINED:
        return _runCombined(seeds, options)
    if options.experiment is not None:
        return _runExperiment(options)
    runOne = partial(
        run, nodes=options.nodes or NODES, duration=options.duration, private=options.private
    )
    outcomes = map(_print, _runEach(runOne, seeds, options.jobs))
    failed = [outcome for outcome in outcomes if outcome.troubles]
    for outcome in failed:
        duration = "" if options.duration == DURATION else f" --duration {options.duration:g}"
        private = "" if options.private is None else f" --private {options.private}"
        print(
            f"to repeat this run: python -m simulation --seed {outcome.seed} "
            f"--nodes {outcome.nodes}{duration}{private}"
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
        choices=(
            "liars",
            COMBINED,
            "loss",
            "massacre",
            "records",
            "keeping",
            "handshakes",
            "replays",
            "certificates",
            "apart",
        ),
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
        help=f"number of nodes (default: {NODES}; 200 or 500 in experiments), of nodes of each "
        "network in apart, or of pairs in handshakes (default: 1000)",
    )
    parser.add_argument(
        "--duration",
        type=float,
        default=DURATION,
        help="simulated seconds during which there are faults (default: %(default)g)",
    )
    parser.add_argument(
        "--hours",
        type=_natural,
        default=24,
        help="simulated hours of keeping and replays (default: %(default)s)",
    )
    parser.add_argument(
        "--private",
        choices=PRIVATE_KINDS,
        help="let the nodes be a private network of this kind, and liars members that lie",
    )
    parser.add_argument("--jobs", type=_natural, default=1, help="number of processes (default: 1)")
    return parser


def _natural(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 on")
    return int(text)


def _runEach(
    runOne: Callable[[Seeds], Result], seeds: Iterable[Seeds], jobs: int
) -> Iterator[Result]:
    """Run the seeds, in several processes at once if there is more than one job."""
    if jobs > 1:
        with ProcessPoolExecutor(jobs, initializer=prepareProcess) as pool:
            yield from pool.map(runOne, seeds)
    else:
        yield from map(runOne, seeds)


def _print(outcome: Outcome) -> Outcome:
    print(outcome, flush=True)
    # Ten troubles are enough: one cause often breaks the same invariant for many nodes.
    for trouble in outcome.troubles[:10]:
        print(f"    {trouble}", flush=True)
    return outcome


def _runExperiment(options: argparse.Namespace) -> int:
    seed = options.seed or options.first
    given: dict[str, Any] = {"seed": seed}
    kinds = [*KINDS, f"{COMBINED} {seed}"]
    if options.nodes is not None:
        given["nodes"] = options.nodes
    experiments: dict[str, list[Callable[..., Figures]]] = {
        "liars": [
            *(partial(oneLiar, kind) for kind in kinds),
            *(partial(fifthLiars, kind) for kind in kinds),
        ],
        "loss": [loss],
        "massacre": [massacre],
        "records": [records],
        "replays": [
            partial(replays, hours=options.hours),
            partial(replays, hours=options.hours, redirects=True),
        ],
        "handshakes": [handshakes],
        "certificates": [certificates],
        "apart": [apart],
        "keeping": [
            partial(keeping, hours=options.hours),
            partial(keeping, hours=options.hours, handsOver=False),
        ],
    }
    met = [_report(experiment(**given)).isMet for experiment in experiments[options.experiment]]
    return 0 if all(met) else 1


def _runCombined(seeds: range, options: argparse.Namespace) -> int:
    """Measure combined liars: a network with many of them for each seed, and a single one."""
    given: dict[str, Any] = {} if options.nodes is None else {"nodes": options.nodes}
    fifths = map(_report, _runEach(partial(fifthCombined, **given), seeds, options.jobs))
    batches = [
        seeds[start : start + LIARS_OF_NETWORK] for start in range(0, len(seeds), LIARS_OF_NETWORK)
    ]
    singles = chain.from_iterable(_runEach(partial(singleLiars, **given), batches, options.jobs))
    return 0 if _report(total(fifths, map(_report, singles))).isMet else 1


def _report(figures: AnyFigures) -> AnyFigures:
    print(f"{'ok' if figures.isMet else 'MISSED'}: {figures}", flush=True)
    return figures


if __name__ == "__main__":
    sys.exit(main())
