"""
Latencies: how long a datagram is under way between two hosts.
"""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b
from math import exp, isfinite, log
from random import Random
from statistics import NormalDist
from typing import TypeAlias

from .arguments import isNumber

#: A function that returns the latency of a datagram, in seconds.  It is called with the network's
#: source of random numbers, the source host and the destination host.
Latency: TypeAlias = Callable[[Random, str, str], float]

_NORMAL = NormalDist()


class LogNormalLatency:
    """
    Latencies as the internet has them: log-normal, with a long tail.

    :param median: the median latency one way, in seconds: half of the median round trip
    :param sigma: the standard deviation of the logarithm of the latencies; with 0.5, 99 % of them
        are below 3.2 times the median
    :param stable: whether all datagrams between two hosts, in both directions, have the same
        latency, as on most paths of the internet.  A stable instance belongs to one network: it
        takes its seed from the first network that uses it.
    """

    def __init__(self, median: float, sigma: float = 0.5, *, stable: bool = False) -> None:
        if not (isNumber(median) and isfinite(median) and median > 0):
            raise ValueError(f"a median latency is above 0 seconds, not {median!r}")
        if not (isNumber(sigma) and isfinite(sigma) and sigma >= 0):
            raise ValueError(f"sigma is 0 or above, not {sigma!r}")
        self.median = median
        self.sigma = sigma
        self.stable = stable
        self._key: bytes | None = None

    def __call__(self, random: Random, source: str, destination: str) -> float:
        """
        Draw the latency of one datagram, in seconds.
        """
        if not self.stable:
            return random.lognormvariate(log(self.median), self.sigma)
        if self._key is None:
            self._key = random.getrandbits(128).to_bytes(16, "big")
        # Compute the latency of the pair for each datagram: a large network has too many pairs to
        # store their latencies.
        pair = f"{min(source, destination)} {max(source, destination)}"
        drawn = int.from_bytes(blake2b(pair.encode(), digest_size=6, key=self._key).digest(), "big")
        return self.median * exp(self.sigma * _NORMAL.inv_cdf((drawn + 0.5) / 2**48))


__all__ = ["Latency", "LogNormalLatency"]
