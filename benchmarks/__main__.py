"""
``python -m benchmarks``: run the workloads, and show their results.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from time import monotonic
from typing import NoReturn

from . import dead, growth, idle, internet, networks, serving, start
from .child import ChildFailed
from .overview import draw
from .plan import FULL_POPULATION, QUICK, Plan
from .results import Results
from .subjects import versions
from .table import report
from .targets import targets, verdict

WORKLOADS: dict[str, Callable[[Plan, Results], None]] = {
    "serving": serving.run,
    "networks": networks.run,
    "internet": internet.run,
    "growth": growth.run,
    "dead": dead.run,
    "idle": idle.run,
    "start": start.run,
}


class _Parser(argparse.ArgumentParser):
    """An argument parser that reports a mistake in one line."""

    def error(self, message: str) -> NoReturn:
        sys.exit(f"benchmarks: {message}")


def _rounds(given: str) -> int:
    if not given.isdigit() or not 1 <= int(given) <= 100:
        raise argparse.ArgumentTypeError(f"{given!r} is not a number of rounds from 1 to 100")
    return int(given)


def _nodes(given: str) -> int:
    if not given.isdigit() or not 25 <= int(given) <= 100_000:
        raise argparse.ArgumentTypeError(f"{given!r} is not a number of nodes from 25 to 100000")
    return int(given)


def _workloads(given: str) -> list[str]:
    names = given.split(",")
    for name in names:
        if name not in WORKLOADS:
            raise argparse.ArgumentTypeError(
                f"{name!r} is not a workload; there are {', '.join(WORKLOADS)}"
            )
    return names


def _file(given: str) -> Path:
    path = Path(given)
    if not path.parent.is_dir() or path.is_dir():
        raise argparse.ArgumentTypeError(f"{given!r} is not a file in a folder that exists")
    return path


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; a mistake ends the process with one line and exit status 1."""
    parser = _Parser(
        prog="python -m benchmarks",
        description="Measure dwdht_twisted beside dht-rpc (npm), kademlia (PyPI) and a bare "
        "Twisted echo.",
        epilog="Costs are CPU times of processes. Results are medians of the rounds, with their "
        "range.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--only",
        type=_workloads,
        default=list(WORKLOADS),
        metavar="NAME,...",
        help=f"run only these workloads, of {', '.join(WORKLOADS)}",
    )
    parser.add_argument("--rounds", type=_rounds, help="how often each measurement is made")
    parser.add_argument(
        "--idle-nodes", type=_nodes, metavar="N", help="how many idle nodes are counted"
    )
    extent = parser.add_mutually_exclusive_group()
    extent.add_argument("--quick", action="store_true", help="take less than a minute")
    extent.add_argument(
        "--full", action="store_true", help="measure lookups among 100,000 nodes too"
    )
    parser.add_argument("--json", type=_file, metavar="FILE", help="write the results as JSON")
    parser.add_argument("--svg", type=_file, metavar="FILE", help="write the results as a plot")
    return parser.parse_args(arguments)


def planFor(options: argparse.Namespace) -> Plan:
    """The plan that the options ask for."""
    plan = QUICK if options.quick else Plan()
    if options.full:
        plan = replace(plan, populations=(*plan.populations, FULL_POPULATION))
    if options.rounds is not None:
        plan = replace(plan, rounds=options.rounds)
    if options.idle_nodes is not None:
        plan = replace(plan, idleNodes=options.idle_nodes)
    return plan


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the workloads that the command line names, and write their results."""
    options = parse(arguments)
    plan = planFor(options)
    results = Results(_environment(plan))
    for name in options.only:
        begun = monotonic()
        print(f"{name} ...", end=" ", file=sys.stderr, flush=True)
        try:
            WORKLOADS[name](plan, results)
        except ChildFailed as error:
            sys.exit(f"benchmarks: {error}")
        print(f"{monotonic() - begun:.0f} s", file=sys.stderr)
    print("\n\n".join(part for part in (report(results), verdict(results)) if part))
    if options.json is not None:
        claims = [{**each._asdict(), "isMet": each.isMet} for each in targets(results)]
        options.json.write_text(json.dumps({**results.asJSON(), "targets": claims}, indent=1))
    if options.svg is not None:
        options.svg.write_text(draw(results))


def _environment(plan: Plan) -> dict[str, object]:
    return {
        "time": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "processors": os.cpu_count(),
        "versions": versions(),
        "plan": vars(plan),
    }


if __name__ == "__main__":
    main()
