"""
Keeping the id and the contacts of a running node.
"""

from __future__ import annotations

from os import PathLike
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._clock import reactorOf
from .._core.wire import Contact
from ..errors import StateFailed
from ..node import DHTNode
from ..peers import PeerHandler
from .folder import StateFolder
from .peers import PeerKeeper
from .record import NodeRecord, decode, encode, merge

#: The name of the file of the id and the contacts.
FILE = "node"

#: The name of the file of the values, in the folder of the state.
VALUES_FILE = "values.sqlite"

#: The longest time from the start of a node to the first write of its contacts, in seconds.
#: Larger: a node that is killed before that forgets them.  Smaller: it has found fewer.
FIRST_PAUSE = 60.0

#: The shortest and the longest pause between two writes, in seconds.  The pause is drawn between
#: them, so that the many nodes of a machine do not write together.  Larger: contacts that were
#: found since are forgotten if the process is killed.  Smaller: the disk is used more often.
SHORTEST_PAUSE = 180.0
LONGEST_PAUSE = 420.0


class StateKeeper:
    """
    Keeps the state of one run of a node: recalls it, writes it from time to time, and at the end.

    A write waits for the disk, so it is done in a thread while the node runs.  A write that fails
    is logged once, and tried again after the next pause.

    :param clock: calls later, as made by `clockOf`
    :param path: the folder
    :param random: draws the pauses
    :param peers: keeps announcements for others, which are a part of the state; None without them
    :param givenId: an id that wins over the one that is kept, 32 bytes; None if there is none
    :ivar folder: the folder of the state, which is in use until `close`
    :raises CannotOpenState: when the folder can't be opened, or is in use
    """

    _log = Logger()

    def __init__(
        self,
        clock: Any,
        path: str | PathLike[str],
        random: Random,
        *,
        peers: PeerHandler | None = None,
        givenId: bytes | None = None,
    ) -> None:
        self.folder = StateFolder(path)
        self._peers = None if peers is None else PeerKeeper(clock, self.folder, peers)
        self._givenId = givenId
        self._clock = clock
        self._random = random
        self._former: list[Contact] = []
        self._written = b""
        self._node: DHTNode | None = None
        self._timer: IDelayedCall | None = None
        self._writing: Deferred[None] = succeed(None)
        self._hasFailed = False

    def recall(self, newId: bytes) -> NodeRecord:
        """
        Return the state of the last run.  If there is none, or the id changes, write the id.

        :param newId: the id of the node if no other is given or kept, 32 bytes
        :raises StateFailed: when the state can't be read or written
        """
        if self._peers is not None:
            self._peers.recall()
        data = self.folder.read(FILE)
        record = None if data is None else decode(data)
        if data is not None and record is None:
            self.folder.setAside(FILE, "it holds no id and contacts")
        if record is None:
            record = NodeRecord(self._givenId or newId, [])
        elif self._givenId is not None and self._givenId != record.id:
            self._log.info(
                "the id {given} was given and takes the place of {kept} in the state",
                given=self._givenId.hex(),
                kept=record.id.hex(),
            )
            record = NodeRecord(self._givenId, record.contacts)
        self._former = record.contacts
        self._written = encode(record)
        if data != self._written:
            self.folder.write(FILE, self._written)
        return record

    def start(self, node: DHTNode) -> None:
        """Write the state of a node from time to time."""
        self._node = node
        self._pause(FIRST_PAUSE / 2, FIRST_PAUSE)
        if self._peers is not None:
            self._peers.start()

    def stop(self) -> Deferred[None]:
        """
        Write the state as it is now, unless the node was not started, and write no more.

        :return: fires when it is written, or that has failed
        """
        peersWritten = succeed(None) if self._peers is None else self._peers.stop()
        node, self._node = self._node, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        data = None if node is None else self._changed(node)

        def write(_: object) -> None:
            # The reactor may be about to stop its threads, so this write uses none.
            if data is not None:
                self.folder.write(FILE, data)

        # A thread may still write an earlier state, which must not take the place of this one.
        self._writing.addCallback(write).addErrback(self._failed)
        return self._writing.addCallback(lambda _: peersWritten)

    def close(self) -> None:
        """Let others use the folder."""
        self.folder.close()

    def _pause(self, shortest: float, longest: float) -> None:
        pause = shortest + self._random.random() * (longest - shortest)
        self._timer = self._clock.callLater(pause, self._write)

    def _write(self) -> None:
        assert self._node is not None
        self._pause(SHORTEST_PAUSE, LONGEST_PAUSE)
        data = self._changed(self._node)
        if data is None:
            return

        def ended(_: object) -> None:
            self._written = data
            if self._hasFailed:
                self._hasFailed = False
                self._log.info("recovered: the state is written again")

        reactor = reactorOf(self._clock)
        pool = reactor.getThreadPool()
        self._writing = deferToThreadPool(reactor, pool, self.folder.write, FILE, data)
        self._writing.addCallbacks(ended, self._failed)

    def _changed(self, node: DHTNode) -> bytes | None:
        """Return what is to be written, or None if it is what was written last."""
        self._former = merge(self._former, node.contacts())
        data = encode(NodeRecord(node.id, self._former))
        return None if data == self._written else data

    def _failed(self, reason: Failure) -> None:
        reason.trap(StateFailed)
        if not self._hasFailed:
            self._hasFailed = True
            self._log.warn("the state was not kept: {reason}", reason=str(reason.value))


__all__ = ["FILE", "VALUES_FILE", "StateKeeper"]
