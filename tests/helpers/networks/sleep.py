"""
The sleep of a simulated machine.
"""

from __future__ import annotations

from twisted.internet.base import DelayedCall

from dwdht_twisted.testing import HostReactor


def delay(host: HostReactor, seconds: float) -> None:
    """Let the timers of a host that come due within some seconds run after these seconds."""
    wake = host.seconds() + seconds
    for call in host.getDelayedCalls():
        isOfHost = isinstance(call, DelayedCall) and getattr(call, "reactor", None) is host
        if isOfHost and call.getTime() < wake:
            call.reset(seconds)
