"""
Keeping the announcements that a running node keeps for others.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._clock import reactorOf
from ..errors import StateFailed
from ..peers import PeerHandler
from ..peers.record import decode, encode
from .folder import StateFolder

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

    _log = Logger()

    def __init__(self, clock: Any, folder: StateFolder, handler: PeerHandler) -> None:
        self._clock = clock
        self._reactor = reactorOf(clock)
        self._folder = folder
        self._handler = handler
        # No other node sees these pauses, so a simulation need not repeat them.
        self._random = Random()
        self._timer: IDelayedCall | None = None
        self._writing: Deferred[None] = succeed(None)
        self._isEmpty = True
        self._hasFailed = False

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
        self._timer = self._clock.callLater(self._random.uniform(*PAUSES), self._write)

    def stop(self) -> Deferred[None]:
        """
        Write the announcements as they are now, if `start` was called, and write no more.

        :return: fires when they are written, or that has failed
        """
        if self._timer is None:
            return self._writing
        self._timer.cancel()
        self._timer = None
        # The reactor may be about to stop its threads, so this write uses none.
        now = self._now()
        if now is None:
            return self._writing
        return self._writing.addCallback(lambda _: self._save(*now)).addErrback(self._failed)

    def _now(self) -> tuple[list[Any], float, float] | None:
        """Return the arguments of `_save`, or None if there is nothing to write."""
        announcements = self._handler.announcements
        wasEmpty, self._isEmpty = self._isEmpty, not announcements
        if wasEmpty and self._isEmpty:
            return None
        return announcements, self._clock.seconds(), self._reactor.seconds()

    def _save(self, announcements: list[Any], now: float, wallTime: float) -> None:
        self._folder.write(PEERS_FILE, encode(announcements, now, wallTime))

    def _write(self) -> None:
        self.start()
        now = self._now()
        if now is None:
            return

        def ended(_: object) -> None:
            if self._hasFailed:
                self._hasFailed = False
                self._log.info("recovered: the announcements are written again")

        pool = self._reactor.getThreadPool()
        self._writing = deferToThreadPool(self._reactor, pool, self._save, *now)
        self._writing.addCallbacks(ended, self._failed)

    def _failed(self, reason: Failure) -> None:
        reason.trap(StateFailed)
        if not self._hasFailed:
            self._hasFailed = True
            self._log.warn("the announcements were not kept: {reason}", reason=str(reason.value))


__all__ = ["PEERS_FILE", "PeerKeeper"]
