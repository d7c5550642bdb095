"""
Keeping the announcements that a running node keeps for others.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred

from .._clock import reactorOf
from .._files import StateFolder
from ..peers import PeerHandler
from ..peers.record import decode, encode
from .writer import PeriodicWriter

#: The name of the file.
PEERS_FILE = "peers"

#: The shortest and the longest pause between two writes, in seconds.  Larger: a node that is killed
#: forgets more announcements, until they are made again.  Smaller: the disk is used more often.
PAUSES = (60.0, 120.0)


class PeerKeeper:
    """
    Keeps the announcements of one run of a node: recalls them, writes them from time to time, and
    at the end.

    :param clock: calls later, as made by `clockOf`
    :param folder: the folder of the state, which is in use
    :param handler: keeps the announcements while the node runs
    """

    def __init__(self, clock: Any, folder: StateFolder, handler: PeerHandler) -> None:
        self._clock = clock
        self._reactor = reactorOf(clock)
        self._folder = folder
        self._handler = handler
        self._isEmpty = True
        self._writer = PeriodicWriter(
            clock,
            PAUSES,
            # No other node sees these pauses, so a simulation need not repeat them.
            Random(),
            changed=self._changed,
            trouble="the announcements were not kept: {reason}",
            recovery="recovered: the announcements are written again",
        )

    def recall(self) -> None:
        """
        Restore the announcements of the last run of the process, if the handler keeps none.

        :raises StateFailed: when the state can't be read
        """
        data = self._folder.read(PEERS_FILE)
        if data is None or len(self._handler):
            return
        found = decode(data, self._clock.seconds(), self._reactor.seconds())
        if found is None:
            self._folder.setAside(PEERS_FILE, "it holds no announcements")
            return
        self._isEmpty = False
        self._handler.restore(found)

    def start(self) -> None:
        """Write the announcements from time to time."""
        self._writer.start()

    def stop(self) -> Deferred[None]:
        """
        Write the announcements as they are now, if `start` was called, and write no more.

        :return: fires when they are written, or that has failed
        """
        return self._writer.stop()

    def _changed(self) -> Callable[[], None] | None:
        """Return the function that writes the announcements, or None if there are none."""
        announcements = self._handler.announcements
        wasEmpty, self._isEmpty = self._isEmpty, not announcements
        if wasEmpty and self._isEmpty:
            return None
        now, wallTime = self._clock.seconds(), self._reactor.seconds()
        # Many announcements take long to encode, so that is done in the thread as well.
        return lambda: self._folder.write(PEERS_FILE, encode(announcements, now, wallTime))


__all__ = ["PEERS_FILE", "PeerKeeper"]
