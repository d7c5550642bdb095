"""
Hosts: addresses of the public internet, and the delays of their access links.
"""

from __future__ import annotations

from collections import Counter
from ipaddress import IPv4Address
from random import Random

#: The first of the addresses that hosts get.  All of them are public, so that the node's rules for
#: public addresses apply.
FIRST_HOST = int(IPv4Address("20.0.0.0"))

#: The first of the addresses that no host has.
FIRST_VACANT = int(IPv4Address("60.0.0.0"))

#: Hosts of one /24 network.  Larger: with more than `CONTACTS_PER_SUBNET`, tables would refuse
#: honest nodes of networks that are full.  Smaller: with one, limits for a /24 would never count
#: two hosts together.
HOSTS_OF_SUBNET = 4

#: The port of every node.
PORT = 6620

#: Seconds that the link of a host adds to each datagram if none was drawn for it.
DEFAULT_DELAY = 0.02


def hostOf(index: int) -> str:
    """The address of the host with this index; four neighbours by index share a /24 network."""
    network, place = divmod(index, HOSTS_OF_SUBNET)
    return str(IPv4Address(FIRST_HOST + network * 256 + 1 + place))


def vacantHost(random: Random) -> str:
    """
    Draw an address that no host has, in one of 2,097,152 /24 networks, so hardly ever one twice.
    """
    return str(IPv4Address(FIRST_VACANT + random.getrandbits(21) * 256 + 1))


class AccessLinks:
    """
    The latency of a network in which each host is attached by a link with a delay of its own.

    A datagram takes the delays of both links, up to a tenth more or less.  The delays are
    log-normal, as on the internet.

    :param random: the delays are drawn from this
    :param median: the median delay of a link, in seconds; a round trip takes four delays
    :param sigma: the standard deviation of the logarithm of the delays
    """

    def __init__(self, random: Random, median: float = DEFAULT_DELAY, sigma: float = 0.6) -> None:
        self._random = random
        self._median = median
        self._sigma = sigma
        self._delays: dict[str, float] = {}
        self._slowed: Counter[str] = Counter()

    def __call__(self, random: Random, source: str, destination: str) -> float:
        """
        Draw the latency of one datagram, in seconds.
        """
        delays = self._delays
        both = delays.get(source, DEFAULT_DELAY) + delays.get(destination, DEFAULT_DELAY)
        return both * (0.9 + 0.2 * random.random())

    def add(self, host: str) -> None:
        """Draw the delay of a host's link."""
        self._delays[host] = self._median * self._random.lognormvariate(0, self._sigma)

    def slowDown(self, host: str, seconds: float) -> None:
        """
        Add to the delay of a host's link.

        :param seconds: below 0 to take back as much as was added before
        """
        self._delays[host] += seconds
        self._slowed[host] += 1 if seconds > 0 else -1

    def isSlow(self, host: str) -> bool:
        """Whether a host's link has a longer delay than was drawn for it."""
        return self._slowed[host] > 0
