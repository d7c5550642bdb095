"""
How long the operations of a network take.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from time import perf_counter
from typing import Any

from ..usage import cpuSeconds


async def timed(
    operations: Sequence[Sequence[Any]], run: Callable[..., Awaitable[int]]
) -> dict[str, Any]:
    """
    Run operations one after the other.

    :param operations: the arguments of each
    :param run: gives a number that says what came of it
    :return: the seconds of CPU for all, the seconds of wall clock for each, and the mean of the
        numbers
    """
    latencies = []
    outcomes = []
    cpu = cpuSeconds()
    for operation in operations:
        start = perf_counter()
        outcomes.append(await run(*operation))
        latencies.append(perf_counter() - start)
    return {
        "cpu": cpuSeconds() - cpu,
        "latencies": latencies,
        "outcome": sum(outcomes) / len(outcomes),
    }
