"""
The clock, the transport and other things that all parts of one node share.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from .._core.counters import Counters
from .._core.identity import Identity
from .._core.statistics import Measurements
from .._core.wire import MAX_DATAGRAM_BYTES, HostPort
from .watching import LookupWatchers


class Environment(NamedTuple):
    """
    The things that all parts of one node share.

    :ivar clock: tells the time and calls functions later
    :ivar send: sends a datagram to an address
    :ivar random: the source of all random numbers
    :ivar counters: counts events
    :ivar identity: the id that the node sends to other nodes, if it is a member
    :ivar measurements: what the node measures of itself
    :ivar watchers: are told the steps of lookups
    :ivar overhead: the bytes by which a datagram on the network is longer than one that is sent
        here; 0 on an open network
    :ivar maximumBytes: the most bytes of a datagram on the network
    """

    clock: IReactorTime
    send: Callable[[bytes, HostPort], None]
    random: Random
    counters: Counters
    identity: Identity
    measurements: Measurements
    watchers: LookupWatchers
    overhead: int = 0
    maximumBytes: int = MAX_DATAGRAM_BYTES
