"""
A monitor of a running node.  It logs the problems that an operator can act on.

Each problem is logged twice: at the level warn when it begins, and at the level info when it is
over.  Each change of the health is logged, too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from .._core.health import ONLINE, Health
from ..node import DHTNode

#: The time between two checks of the node, in seconds.  Larger: a problem is logged later, and a
#: short one may be missed.  Smaller: a problem that comes in bursts is logged again and again.
WATCH_INTERVAL = 30.0

#: The counters whose rise is a problem, and the log message about each problem.
PROBLEMS = {
    "rateLimited": (
        "more requests arrive than the rate limit allows; the excess is dropped; if many honest "
        "nodes share one address, raise --rate-limit on the command line, or rateLimit in a program"
    ),
    "handlersRefused": "requests are dropped because too many handlers are running",
    "claimsRefused": "more newcomers arrive than may be pinged; the excess is not listed yet",
    "contactsRefused": (
        "more nodes share a public address or /24 network than may be listed; the excess is not "
        "listed; if these nodes are yours, raise --contacts-per-host on the command line, or "
        "contactsPerHost in a program"
    ),
}


class NodeMonitor:
    """
    Logs each change of the health of a node, and each rise of one of its counters in `PROBLEMS`.

    :param reactor: provides time
    :param log: where problems are logged
    """

    def __init__(self, reactor: Any, node: DHTNode, log: Logger) -> None:
        self._node = node
        self._log = log
        self._counts = node.counters.asDict()
        self._present: set[str] = set()
        self._endWatch: Callable[[], None] | None = None
        self._loop = LoopingCall(self._check)
        self._loop.clock = reactor

    def start(self) -> None:
        """Watch the health of the node, and look at its counters every 30 seconds."""
        self._endWatch = self._node.watchHealth(self._healthChanged)
        self._loop.start(WATCH_INTERVAL, now=False)

    def stop(self) -> None:
        """Stop watching the node.  This does nothing if `start` wasn't called."""
        if self._endWatch is not None:
            self._endWatch()
        if self._loop.running:
            self._loop.stop()

    def _check(self) -> None:
        counts = self._node.counters.asDict()
        for name, message in PROBLEMS.items():
            self._report(message, counts[name] > self._counts[name])
        self._counts = counts

    def _healthChanged(self, health: Health) -> None:
        log = self._log.info if health.state == ONLINE else self._log.warn
        log("{state}: {reason}", state=health.state, reason=health.reason)

    def _report(self, message: str, isPresent: bool) -> None:
        """Log a problem if it has begun or ended since the last call."""
        if isPresent and message not in self._present:
            self._present.add(message)
            self._log.warn("{problem}", problem=message)
        elif message in self._present and not isPresent:
            self._present.remove(message)
            self._log.info("recovered: {problem}", problem=message)
