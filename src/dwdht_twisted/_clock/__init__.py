"""
The clock of a node.

* `clockOf` gives the clock for a reactor.
* `monotonic`: `MonotonicClock`, for a reactor of Twisted.  It is loaded at its first use.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

#: The seconds since the start of the machine.  Where there is such a clock, it includes the time
#: that the machine slept: contacts and values have aged meanwhile.
secondsUp: Callable[[], float] = (
    partial(time.clock_gettime, time.CLOCK_BOOTTIME)
    if hasattr(time, "CLOCK_BOOTTIME")
    else time.monotonic
)


class ReactorClock:
    """
    A clock that is not the reactor itself.

    :ivar reactor: the reactor that wakes the clock
    """

    reactor: Any


def reactorOf(clock: Any) -> Any:
    """Return the reactor for which `clockOf` made a clock."""
    return clock.reactor if isinstance(clock, ReactorClock) else clock


def clockOf(reactor: Any) -> Any:
    """
    Return the clock for the timers of a node: a new `MonotonicClock` on a reactor of Twisted.

    A simulated reactor whose clock can be set has a method ``elapsed``, which tells the simulated
    seconds that have passed, and a set ``clockWatch``.  Any other reactor, for example a ``Clock``,
    is itself the clock.

    :raises TypeError: when it is not a reactor
    """
    if not callable(getattr(reactor, "seconds", None)):
        raise TypeError(f"a reactor is required, not {reactor!r}")
    if hasattr(reactor, "elapsed"):
        from .monotonic import MonotonicClock

        return MonotonicClock(reactor, reactor.elapsed, reactor.clockWatch)
    # This module is loaded if there is a reactor of Twisted.  To load it takes long.
    base = sys.modules.get("twisted.internet.base")
    if base is not None and isinstance(reactor, base.ReactorBase):
        from .monotonic import WATCH, MonotonicClock

        return MonotonicClock(reactor, secondsUp, WATCH)
    return reactor
