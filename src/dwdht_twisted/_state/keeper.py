"""
Keeping the id and the contacts of a running node.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from os import PathLike
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from .._clock import reactorOf
from .._core.wire import Contact
from .._files import StateFolder
from ..node import DHTNode
from ..peers import PeerHandler
from .peers import PeerKeeper
from .record import NodeRecord, decode, encode, merge
from .writer import PeriodicWriter

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
        self.folder = StateFolder(path, reactorOf(clock))
        self._peers = None if peers is None else PeerKeeper(clock, self.folder, peers)
        self._givenId = givenId
        self._former: list[Contact] = []
        self._written = b""
        self._node: DHTNode | None = None
        self._writer = PeriodicWriter(
            clock,
            (SHORTEST_PAUSE, LONGEST_PAUSE),
            random,
            changed=self._changed,
            trouble="the state was not kept: {reason}",
            recovery="recovered: the state is written again",
        )

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
        self._writer.start((FIRST_PAUSE / 2, FIRST_PAUSE))
        if self._peers is not None:
            self._peers.start()

    def stop(self) -> Deferred[None]:
        """
        Write the state as it is now, unless the node was not started, and write no more.

        :return: fires when it is written, or that has failed
        """
        peersWritten = succeed(None) if self._peers is None else self._peers.stop()
        return self._writer.stop().addCallback(lambda _: peersWritten)

    def close(self) -> None:
        """Let others use the folder."""
        self.folder.close()

    def _changed(self) -> Callable[[], None] | None:
        """Return the function that writes the state, or None if it is what was written last."""
        node = self._node
        assert node is not None
        self._former = merge(self._former, node.contacts())
        data = encode(NodeRecord(node.id, self._former))
        return None if data == self._written else partial(self._save, data)

    def _save(self, data: bytes) -> None:
        self.folder.write(FILE, data)
        self._written = data


__all__ = ["FILE", "VALUES_FILE", "StateKeeper"]
