"""
Where hosts are: addresses of the public internet, and the delays of their lines.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address
from random import Random

#: The first of the addresses that hosts get; all of them are public, so that the rules for public
#: addresses apply.
FIRST_HOST = int(IPv4Address("20.0.0.0"))

#: The first of the addresses where nobody is.
FIRST_VACANT = int(IPv4Address("60.0.0.0"))

#: How many hosts share a /24 network.
HOSTS_OF_SUBNET = 4

#: The port of every node.
PORT = 6620

#: The line of a host that has none of its own, in seconds.
DEFAULT_LINE = 0.02


def hostOf(index: int) -> str:
    """The address of a host, four to a /24 network."""
    network, place = divmod(index, HOSTS_OF_SUBNET)
    return str(IPv4Address(FIRST_HOST + network * 256 + 1 + place))


def vacantHost(random: Random) -> str:
    """An address where nobody is, in a /24 network where most likely nobody else is either."""
    return str(IPv4Address(FIRST_VACANT + random.getrandbits(21) * 256 + 1))


class Lines:
    """
    The latency of a network in which each host has a line of its own.

    A datagram takes the delays of both lines, and up to a tenth more or less.  The delays of the
    lines are log-normal, as those of the internet are.

    :param random: draws the lines
    :param median: the median delay of a line, in seconds; a round trip takes four of them
    :param sigma: the standard deviation of its logarithm
    """

    def __init__(self, random: Random, median: float = DEFAULT_LINE, sigma: float = 0.6) -> None:
        self._random = random
        self._median = median
        self._sigma = sigma
        self._delays: dict[str, float] = {}
        self._slowed: Counter[str] = Counter()

    def __call__(self, random: Random, source: str, destination: str) -> float:
        """How many seconds this datagram is under way."""
        delays = self._delays
        both = delays.get(source, DEFAULT_LINE) + delays.get(destination, DEFAULT_LINE)
        return both * (0.9 + 0.2 * random.random())

    def add(self, host: str) -> None:
        """Draw the line of a host."""
        self._delays[host] = self._median * self._random.lognormvariate(0, self._sigma)

    def slowDown(self, host: str, seconds: float) -> None:
        """Make a line so many seconds longer, or shorter when they are negative."""
        self._delays[host] += seconds
        self._slowed[host] += 1 if seconds > 0 else -1

    def isSlow(self, host: str) -> bool:
        """Whether a line is longer than it was drawn."""
        return self._slowed[host] > 0
