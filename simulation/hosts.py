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

#: The number of hosts in one /24 network.  Larger: above `CONTACTS_PER_SUBNET`, tables would refuse
#: honest nodes because their network is full.  Smaller: with 1, the limits for a /24 network would
#: never count two hosts together.
HOSTS_OF_SUBNET = 4

#: The port of every node.
PORT = 6620

#: The delay of a host's link if no delay was drawn for this host, in seconds.
DEFAULT_DELAY = 0.02


def hostOf(index: int) -> str:
    """The address of the host with this index; four neighbours by index share a /24 network."""
    network, place = divmod(index, HOSTS_OF_SUBNET)
    return str(IPv4Address(FIRST_HOST + network * 256 + 1 + place))


def vacantHost(random: Random) -> str:
    """
    Draw an address that no host has.

    There are 2,097,152 such addresses, each in a /24 network of its own.  So hardly any address is
    drawn twice.
    """
    return str(IPv4Address(FIRST_VACANT + random.getrandbits(21) * 256 + 1))


class AccessLinks:
    """
    The latency of a network in which each host is attached by a link with a delay of its own.

    The latency of a datagram is the sum of the delays of both links, up to a tenth more or less.
    The delays are log-normal, as on the internet.

    :param random: the source from which the delays are drawn
    :param median: the median delay of a link, in seconds; a round trip takes four such delays
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

        :param seconds: the added delay; below 0 to remove an earlier addition
        """
        self._delays[host] += seconds
        self._slowed[host] += 1 if seconds > 0 else -1

    def isSlow(self, host: str) -> bool:
        """Whether a host's link has a longer delay than was drawn for it."""
        return self._slowed[host] > 0
