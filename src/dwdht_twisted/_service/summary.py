"""
A line of the log from time to time that sums up what a node has done.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from .._core.statistics import Distribution
from ..node import DHTNode

#: The least time between two lines, in seconds.  Smaller: the log has little else.
SHORTEST_INTERVAL = 1.0


class Summary:
    """
    Logs what a node has done since the last line.

    :param reactor: provides time
    :param node: the node
    :param log: where the lines go
    """

    def __init__(self, reactor: Any, node: DHTNode, log: Logger) -> None:
        self._node = node
        self._log = log
        self._last = node.statistics()
        self._loop = LoopingCall(self._summarize)
        self._loop.clock = reactor

    def start(self, interval: float) -> None:
        """
        Log a line again and again.

        :param interval: the time between two lines, in seconds
        """
        self._loop.start(interval, now=False)

    def stop(self) -> None:
        """Log no further line."""
        if self._loop.running:
            self._loop.stop()

    def _summarize(self) -> None:
        last, now = self._last, self._node.statistics()
        self._last = now
        counts = {name: count - last.counters[name] for name, count in now.counters.items()}
        lookups = now.lookupTimes.size - last.lookupTimes.size
        self._log.info(
            "summary: {state}, {contacts} contacts; {requestsReceived} requests received, "
            "{requestsSent} sent, {requestsUnanswered} not answered; {lookups} lookups of "
            "{milliseconds:.0f} ms; {kilobytesReceived:.0f} kB received, {kilobytesSent:.0f} sent",
            state=self._node.health.state,
            contacts=now.contacts,
            lookups=lookups,
            milliseconds=1000 * _mean(last.lookupTimes, now.lookupTimes),
            kilobytesReceived=(counts["requestBytesReceived"] + counts["responseBytesReceived"])
            / 1000,
            kilobytesSent=(counts["requestBytesSent"] + counts["responseBytesSent"]) / 1000,
            **counts,
        )


def _mean(last: Distribution, now: Distribution) -> float:
    """The mean of what was measured in between; 0 if that is nothing."""
    size = now.size - last.size
    return (now.total - last.total) / size if size else 0.0
