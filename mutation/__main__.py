"""
The command line: ``python -m mutation``.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path
from tempfile import TemporaryDirectory

from .covering import runsFor
from .drawing import PACKAGE, ROOT, Mutant, drawMutants, modules
from .trying import fastTests, measure, prepare, tryOne


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Draw mutants, run their tests, and print the survivors.

    :param arguments: those of the process by default
    :return: 0 when each mutant was noticed, 1 when a mutant survived, 2 when the tests fail without
        a change
    """
    options = _parser().parse_args(arguments)
    paths = [Path(path).resolve().relative_to(ROOT).as_posix() for path in options.modules]
    drawn = list(drawMutants(options.seed, options.mutants, paths or modules()))
    mutants = [mutant for mutant in drawn if mutant.reason is None]
    for mutant in drawn:
        if mutant.reason is not None:
            print(f"{mutant.diff}\nleft out, because {mutant.reason}\n")
    survivors = _run(mutants, options.jobs)
    if survivors is None:
        return 2
    _summarize(mutants, survivors)
    print(f"{len(drawn) - len(mutants)} mutants that change nothing were left out")
    return 1 if survivors else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m mutation",
        description="Draw small changes to the source from a seed, and run the fast tests with "
        "each of them in a copy of the checkout.",
    )
    parser.add_argument("--seed", type=int, default=1, help="draws the changes (default: 1)")
    parser.add_argument(
        "--mutants", type=int, default=50, help="number of changes (default: %(default)d)"
    )
    parser.add_argument("--jobs", type=int, default=1, help="number of processes (default: 1)")
    parser.add_argument(
        "modules", nargs="*", help="files to change (default: the core and the datagram path)"
    )
    return parser


def _run(mutants: Sequence[Mutant], jobs: int) -> list[Mutant] | None:
    """Return the mutants that survive; None if the tests fail without a change."""
    survivors: list[Mutant] = []
    with (
        TemporaryDirectory(prefix="mutation-") as folder,
        ProcessPoolExecutor(jobs, initializer=prepare, initargs=(folder,)) as pool,
    ):
        names = fastTests()
        measured = []
        for name, covered in zip(names, pool.map(measure, names), strict=True):
            if covered is None:
                print(f"{name} fails without a change")
                return None
            measured.append(covered)
        pending = {
            pool.submit(tryOne, mutant, runsFor(mutant, measured)): mutant for mutant in mutants
        }
        for number, future in enumerate(as_completed(pending), 1):
            mutant = pending[future]
            if future.result():
                print(f"{number}: noticed: {mutant.kind}, {mutant.path}", flush=True)
            else:
                survivors.append(mutant)
                print(f"{number}: SURVIVED: {mutant.kind}\n{mutant.diff}\n", flush=True)
    return survivors


def _summarize(mutants: Sequence[Mutant], survivors: Sequence[Mutant]) -> None:
    """Print how many mutants of each module, and of each kind, were noticed."""
    for name in ("path", "kind"):
        drawn = Counter(getattr(mutant, name) for mutant in mutants)
        lost = Counter(getattr(mutant, name) for mutant in survivors)
        for each, count in sorted(drawn.items()):
            print(f"{count - lost[each]:4} of {count:4}  {each.removeprefix(PACKAGE + '/')}")
        print()
    noticed = len(mutants) - len(survivors)
    share = 100 * noticed / max(len(mutants), 1)
    print(f"{noticed} of {len(mutants)} mutants were noticed: {share:.1f} %")


if __name__ == "__main__":
    sys.exit(main())
