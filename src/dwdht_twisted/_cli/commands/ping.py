"""
``dwdht ping``: whether a node answers, and how long its answers take.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import deferLater

from ..._clock import clockOf
from ..._net.names import Resolver
from ...errors import RequestTimeout, UnexpectedAnswer
from ...interfaces import IDHTNode, Pong
from ..command import CommandFailed, NodeCommand
from ..console import Console
from ..options import readAddress, readNumber

#: The most pings of one command: one a second for a day.  Larger: more memory is used, because the
#: median needs the round-trip time of every ping, 32 bytes each.  Smaller: a node can't be watched
#: for a day.
MAXIMUM_COUNT = 86400

#: The time between two pings, in seconds, as in the ``ping`` of ICMP.  Larger: the command takes
#: longer.  Smaller: a node with a low rate limit may refuse to answer, which would look like loss.
INTERVAL = 1.0


class RoundTrips:
    """
    The round-trip times of a series of pings.

    :ivar sent: the number of pings
    :ivar times: the round-trip time of each ping that was answered, in seconds
    """

    def __init__(self) -> None:
        self.sent = 0
        self.times: list[float] = []

    @property
    def loss(self) -> float:
        """The share of the pings that were not answered, in percent."""
        return 100 * (1 - len(self.times) / self.sent) if self.sent else 0.0

    def extremes(self) -> tuple[float, float, float] | None:
        """The shortest, the median and the longest time, in seconds; None without an answer."""
        times = sorted(self.times)
        if not times:
            return None
        middle = len(times) // 2
        # times[~middle] counts from the end.  With an odd number of times, it is times[middle].
        return times[0], (times[middle] + times[~middle]) / 2, times[-1]


class Ping(NodeCommand):
    """Ask a node whether it is there."""

    synopsis = "[options] HOST:PORT"
    longdesc = (
        "Prints the node's id, its address, the address at which the node sees us, and how long "
        "the answer took. Like every request, a ping without an answer is sent again up to three "
        "times before it counts as lost. --timeout limits each ping."
    )
    optParameters = [
        ["count", None, None, "Send this many pings, one a second, and print a summary."]
    ]

    def parseArgs(self, address: str) -> None:  # type: ignore[override]
        """Read the address."""
        self["address"] = readAddress(address, "the address")

    def postOptions(self) -> None:
        """Read the number of pings."""
        super().postOptions()
        if self["count"] is not None:
            self["count"] = readNumber(self["count"], "--count", 1, MAXIMUM_COUNT)

    async def runOn(self, node: IDHTNode, reactor: Any, console: Console) -> None:
        """Ping the address and print each answer.  With --count, also print a summary."""
        # Open the port and resolve the name first, so that no round-trip time includes them.
        node.listen()
        clock = clockOf(reactor)
        address = await self.inTime(reactor, Resolver(reactor, clock).resolve(self["address"]))
        trips = RoundTrips()
        wait = 0.0
        error: Exception | None = None
        try:
            while trips.sent < (self["count"] or 1):
                await deferLater(clock, wait)
                started = clock.seconds()
                trips.sent += 1
                try:
                    pong = await self.inTime(reactor, node.ping(address))
                except (RequestTimeout, UnexpectedAnswer, CommandFailed) as reason:
                    error = reason
                    self._showLoss(str(reason), str(address), console)
                else:
                    trips.times.append(clock.seconds() - started)
                    self._showAnswer(pong, trips.times[-1], console)
                wait = max(0.0, INTERVAL - (clock.seconds() - started))
        finally:
            # An interrupted series of pings has a summary, too.
            if self["count"] is not None:
                self._showSummary(trips, console)
        if error is not None and not trips.times:
            raise error

    def _showAnswer(self, pong: Pong, seconds: float, console: Console) -> None:
        id, address = pong.contact.id, str(pong.contact.address)
        if self["json"]:
            console.record(
                node=None if id is None else id.hex(),
                address=address,
                seenAs=str(pong.address),
                milliseconds=_milliseconds(seconds),
            )
            return
        name = "an ephemeral node" if id is None else id.hex()
        console.line(f"{name} at {address} sees us at {pong.address}, {seconds * 1000:.1f} ms")

    def _showLoss(self, reason: str, address: str, console: Console) -> None:
        if self["count"] is None:
            return
        if self["json"]:
            console.record(address=address, error=reason)
        else:
            console.line(reason)

    def _showSummary(self, trips: RoundTrips, console: Console) -> None:
        extremes = trips.extremes()
        if self["json"]:
            names = ("minimum", "median", "maximum")
            times = [None] * 3 if extremes is None else [_milliseconds(each) for each in extremes]
            console.record(
                sent=trips.sent,
                answered=len(trips.times),
                lossPercent=round(trips.loss, 1),
                **dict(zip(names, times, strict=True)),
            )
            return
        text = f"{trips.sent} sent, {len(trips.times)} answered, {trips.loss:.0f} % lost"
        if extremes is not None:
            shown = "/".join(f"{seconds * 1000:.1f}" for seconds in extremes)
            text += f"; min/median/max {shown} ms"
        console.line(text)


def _milliseconds(seconds: float) -> float:
    return round(seconds * 1000, 3)
