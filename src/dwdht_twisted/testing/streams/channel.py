"""
The order of one direction of a connection.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from .table import Segment, StreamNetwork


class Channel:
    """
    One direction of a connection: what is sent arrives in the order of sending.

    A segment that overtakes an earlier one waits at the receiver, as in TCP.  When a segment was
    lost too often, nothing behind it can arrive in order.  From then on, segments don't wait.

    :param source: the IPv4 address of the sending host
    :param destination: the IPv4 address of the receiving host
    """

    def __init__(self, network: StreamNetwork, source: str, destination: str) -> None:
        self._transmit = partial(Segment, network, source, destination)
        self._isBroken = False
        self._sent = 0
        self._received = 0
        # The segments that have overtaken others, by their numbers.
        self._early: dict[int, Callable[[], object]] = {}

    def send(self, arrive: Callable[[], object], fail: Callable[[], object]) -> None:
        """
        Send a segment behind all that were sent before.

        :param arrive: called when this and all earlier segments have arrived
        :param fail: called when the segment was lost too often
        """
        if self._isBroken:
            self.sendUnordered(arrive, fail)
            return
        number = self._sent
        self._sent += 1

        def failed() -> None:
            self._isBroken = True
            fail()

        self._transmit(arrive=partial(self._arrived, number, arrive), fail=failed)

    def sendUnordered(self, arrive: Callable[[], object], fail: Callable[[], object]) -> None:
        """Send a segment that doesn't wait for others, and for which no other waits."""
        self._transmit(arrive=arrive, fail=fail)

    def _arrived(self, number: int, arrive: Callable[[], object]) -> None:
        self._early[number] = arrive
        while self._received in self._early:
            arrive = self._early.pop(self._received)
            self._received += 1
            arrive()


__all__ = ["Channel"]
