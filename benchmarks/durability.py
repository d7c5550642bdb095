"""
``python -m benchmarks.durability``: how fast a node stores values, and how it answers meanwhile.

The first part counts the puts a second of an `SQLiteStore`, which go to the disk in groups, beside
the same puts in one transaction each: with ``synchronous=FULL``, which waits for the disk each
time, and with ``NORMAL``, which may lose the last puts with the power.

The second part measures the round trips of pings, one at a time, to a node that is idle, that
stores at a steady rate, and that stores as fast as it can.  The three take turns.  The requests
come from another process.  On a machine with other programs, the 99th percentile is the time for
which a process waits for a processor.  With ``--real-time``, which needs root, both processes come
before all other programs while pings are measured, and the node's main thread before those that
write to the disk.

Both parts are run with an empty store and with a large one.

Two quantities have a limit: the 99th percentile of the round trips while values are stored, beside
that of the idle node, and both rates of the large store, beside those of the empty one.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import sleep
from typing import NamedTuple

from .child import Child
from .results import percentile
from .subjects import pythonProcess
from .table import align, number

#: The number of puts at the same time: as many as a node runs handlers.
AT_ONCE = 256

#: The steady rate, in puts a second.
RATE = 1000

#: The time for which puts are counted, and the time before the first ping, in seconds.
SECONDS = 3.0
SETTLED_AFTER = 0.3

#: The number of transactions of one put each, and of pings.
ALONE = 200
PINGS = 5000

#: The 99th percentile of the round trips must stay below this multiple of the idle node's.
SLOWDOWN_LIMIT = 2.0

#: A large store must be at most this many times as slow as an empty one.
SIZE_LIMIT = 1.5

#: The most seconds that filling a store may take.
FILL_TIMEOUT = 900.0

MICROSECONDS = 1e6


class Outcome(NamedTuple):
    """
    The figures of one store.

    :ivar values: the number of values in the store before
    :ivar normal: puts a second in one transaction each, without waiting for the disk
    :ivar full: puts a second in one transaction each
    :ivar grouped: puts a second in groups
    :ivar idle: the 99th percentile of the round trips of an idle node, in seconds
    :ivar steady: that of a node that stores at the steady rate
    :ivar busy: that of a node that stores as fast as it can
    """

    values: int
    normal: float
    full: float
    grouped: float
    idle: float
    steady: float
    busy: float


def measure(
    folder: Path, values: int, rounds: int, *, rate: float = RATE, isRealTime: bool = False
) -> Outcome:
    """
    Measure one store.

    :param folder: where its file is made
    :param values: the number of values that it has before
    :param isRealTime: whether no other program delays pings
    """
    path = str(folder.absolute() / f"values-{values}")
    *others, last = sorted(os.sched_getaffinity(0))
    with (
        Child(pythonProcess("storing"), processors=others) as node,
        Child(pythonProcess("load"), processors=[last]) as load,
    ):
        node.call("fill", path=path, count=values, timeout=FILL_TIMEOUT)
        seconds: dict[str, list[float]] = {"NORMAL": [], "FULL": []}
        grouped, idle, steady, busy = [], [], [], []
        port = node.call("port")

        def prioritize(isRealTime: bool) -> None:
            for child in (node, load):
                child.call("prioritize", isRealTime=isRealTime)

        def pings() -> float:
            load.call("prepare", port=port, isEphemeral=False, kind="ping", count=PINGS)
            prioritize(isRealTime)
            times: Sequence[float] = load.call("roundTrips")
            prioritize(False)
            return percentile(times, 99)

        def pingsWhile(**storing: float) -> float:
            node.call("begin", **storing)
            sleep(SETTLED_AFTER)
            found = pings()
            node.call("end")
            sleep(SETTLED_AFTER)
            return found

        for _ in range(rounds):
            for level, found in seconds.items():
                found.append(node.call("alone", path=path, synchronous=level, count=ALONE))
            node.call("open", path=path)
            node.call("begin", atOnce=AT_ONCE)
            sleep(SECONDS)
            grouped.append(node.call("end")["rate"])
            sleep(SETTLED_AFTER)
            idle.append(pings())
            steady.append(pingsWhile(rate=rate))
            busy.append(pingsWhile(atOnce=AT_ONCE))
            node.call("close")
    return Outcome(
        values,
        1 / median(seconds["NORMAL"]),
        1 / median(seconds["FULL"]),
        *map(median, (grouped, idle, steady, busy)),
    )


def report(outcomes: Sequence[Outcome]) -> str:
    """The figures as a table."""
    rows = [["", *(f"{outcome.values:,} values" for outcome in outcomes)]]

    def add(name: str, figure: Callable[[Outcome], str]) -> None:
        rows.append([name, *map(figure, outcomes)])

    add("puts/s, one transaction each, NORMAL", lambda each: number(each.normal))
    add("puts/s, one transaction each, FULL", lambda each: number(each.full))
    add("puts/s, grouped, FULL", lambda each: number(each.grouped))
    add("ping p99, idle, us", lambda each: number(each.idle * MICROSECONDS))
    add("ping p99, steady rate, us", lambda each: number(each.steady * MICROSECONDS))
    add("  of the idle node's", lambda each: f"{each.steady / each.idle:.2f}")
    add("ping p99, as fast as it can, us", lambda each: number(each.busy * MICROSECONDS))
    add("  of the idle node's", lambda each: f"{each.busy / each.idle:.2f}")
    return "\n".join(align(rows))


def problems(outcomes: Sequence[Outcome]) -> list[str]:
    """What is beyond a limit, in words."""
    found = []
    for each in outcomes:
        if max(each.steady, each.busy) > SLOWDOWN_LIMIT * each.idle:
            found.append(f"with {each.values:,} values, pings are slower while values are stored")
    first, last = outcomes[0], outcomes[-1]
    if last.grouped * SIZE_LIMIT < first.grouped:
        found.append("the large store takes fewer values a second")
    if last.steady > SIZE_LIMIT * first.steady:
        found.append("pings are slower beside the large store")
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure an empty store and a large one.  The exit status is 1 if a limit is exceeded."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.durability",
        description="Measure how fast a node stores values, and how it answers meanwhile.",
    )
    parser.add_argument("--values", type=int, default=1_000_000, help="of the large store")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument(
        "--rate", type=float, default=RATE, help="the steady rate, in puts a second"
    )
    parser.add_argument(
        "--real-time", action="store_true", help="let no other program delay pings; needs root"
    )
    parser.add_argument("--folder", help="where the files are made; a temporary folder by default")
    options = parser.parse_args(arguments)
    with TemporaryDirectory(dir=options.folder) as folder:
        outcomes = [
            measure(
                Path(folder),
                values,
                options.rounds,
                rate=options.rate,
                isRealTime=options.real_time,
            )
            for values in (0, options.values)
        ]
    print(f"steady rate: {options.rate:,.0f} puts a second")
    print(report(outcomes))
    if found := problems(outcomes):
        sys.exit("\n".join(found))


if __name__ == "__main__":
    main()
