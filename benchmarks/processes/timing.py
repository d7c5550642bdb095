"""
The cost and latency of the operations of a network.
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

    :param operations: the arguments of each operation
    :param run: runs an operation, and returns its outcome as a number
    :return: the CPU time of all operations in seconds, the latency of each in seconds, and the mean
        of the outcomes
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
