"""
Retransmission of the flights of a handshake.

OpenSSL sends a flight again after one second of wall time.  That is late for a lookup, and does not
follow the clock of the reactor, so that no simulation could show it.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime

#: The time after which a flight is sent again, in seconds.  It doubles each time.  Larger: a lost
#: datagram delays a handshake for longer.  Smaller: slow lines get each flight twice.
FIRST_WAIT = 0.4

#: The longest such time, in seconds.  Larger: a handshake on a bad line has too few attempts.
LONGEST_WAIT = 0.8

#: How often a flight of the client is sent again by time, and how often the last flight of the
#: server.  The server can't know that its last flight has arrived until the client sends data.  Its
#: other flights are sent again only when the client repeats its own.  Otherwise those of a
#: handshake that the client has given up would disturb the next one, and a stranger that has read a
#: cookie could make a server send more.
CLIENT_REPETITIONS = 40
LAST_REPETITIONS = 3

#: The shortest time between two transmissions of a flight, in seconds.  The flight is also sent
#: again when the other end repeats its own, which may be a copy that the network made.
SHORTEST_WAIT = 0.2


class Retransmission:
    """
    Sends the last flight of one end again, until it is known to have arrived.

    :param clock: calls later
    :param transmit: sends a datagram
    """

    __slots__ = ("_clock", "_flight", "_left", "_sentAt", "_timer", "_transmit", "_wait")

    def __init__(self, clock: IReactorTime, transmit: Callable[[bytes], None]) -> None:
        self._clock = clock
        self._transmit = transmit
        self._flight: list[bytes] = []
        self._left = 0
        self._sentAt = 0.0
        self._timer: IDelayedCall | None = None
        self._wait = FIRST_WAIT

    def send(self, flight: list[bytes], repetitions: int) -> None:
        """
        Send a new flight.

        :param repetitions: how often it is sent again by time; `again` may be called in any case
        """
        self.stop()
        self._flight = flight
        self._wait = FIRST_WAIT
        self._left = repetitions
        if repetitions:
            self._timer = self._clock.callLater(self._wait, self._due)
        self._transmitAll()

    def again(self) -> None:
        """Send the last flight again, because the other end has repeated its own."""
        if self._clock.seconds() - self._sentAt >= SHORTEST_WAIT:
            self._transmitAll()

    def stop(self) -> None:
        """Forget the flight."""
        self._flight = []
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _due(self) -> None:
        self._timer = None
        if self._left == 0:
            return
        self._left -= 1
        self._wait = min(2 * self._wait, LONGEST_WAIT)
        self._timer = self._clock.callLater(self._wait, self._due)
        self._transmitAll()

    def _transmitAll(self) -> None:
        self._sentAt = self._clock.seconds()
        for datagram in self._flight:
            self._transmit(datagram)
