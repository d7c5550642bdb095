"""
What all parts of one node share.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import NamedTuple

from twisted.internet.interfaces import IReactorTime

from .._core.counters import Counters
from .._core.wire import HostPort


class Environment(NamedTuple):
    """
    The clock, the transport and the randomness of one node, and what it tells others and counts.

    :ivar clock: tells the time and calls later
    :ivar send: sends a datagram to an address
    :ivar random: the source of all random numbers
    :ivar counters: counts events
    :ivar ownId: the id that the node tells others, 32 bytes; None when it is ephemeral
    """

    clock: IReactorTime
    send: Callable[[bytes, HostPort], None]
    random: Random
    counters: Counters
    ownId: bytes | None
