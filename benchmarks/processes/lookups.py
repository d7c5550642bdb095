"""
Lookups that run on one node, a fixed number at a time, and their results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from dwdht_twisted import DHTNode, Reply
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import distance

#: A command without a handler on any node, so that its answers contain only the closest contacts.
COMMAND = "nothing"


@dataclass
class Tally:
    """
    The durations and results of lookups.

    :ivar seconds: the duration of each lookup, in seconds
    :ivar found: the number of the k closest nodes that each lookup has found
    """

    seconds: list[float] = field(default_factory=list)
    found: list[int] = field(default_factory=list)

    @property
    def mean(self) -> float:
        """The mean duration, in seconds."""
        return sum(self.seconds) / len(self.seconds)


class Lookups:
    """
    Keeps lookups for random targets running on a node.

    :param ids: the ids of all other nodes of the network
    :param seconds: returns the present time
    :param atOnce: the number of lookups at a time
    """

    def __init__(
        self,
        node: DHTNode,
        ids: Sequence[bytes],
        seconds: Callable[[], float],
        random: Random,
        atOnce: int = 16,
    ) -> None:
        self._node = node
        self._ids = ids
        self._seconds = seconds
        self._random = random
        self._atOnce = atOnce
        self._running = 0
        self._wanted = False
        self._ended: Deferred[None] | None = None
        self._tally = Tally()

    def begin(self) -> None:
        """Start lookups.  Another lookup follows each that ends, until `end` is called."""
        self._wanted = True
        while self._running < self._atOnce:
            self._lookUp()

    def take(self) -> Tally:
        """The lookups that have ended since the last call."""
        taken, self._tally = self._tally, Tally()
        return taken

    def end(self) -> Deferred[None]:
        """
        Start no more lookups.

        :return: fires when all have ended
        """
        self._wanted = False
        if not self._running:
            return succeed(None)
        self._ended = Deferred()
        return self._ended

    def _lookUp(self) -> None:
        self._running += 1
        target = self._random.randbytes(32)
        started = self._seconds()

        def done(result: list[Reply] | Failure) -> None:
            self._running -= 1
            self._tally.seconds.append(self._seconds() - started)
            self._tally.found.append(
                0 if isinstance(result, Failure) else self._found(target, result)
            )
            if self._wanted:
                self._lookUp()
            elif not self._running and self._ended is not None:
                self._ended.callback(None)

        self._node.query(COMMAND, target).collect().addBoth(done)

    def _found(self, target: bytes, replies: list[Reply]) -> int:
        """The number of the k closest nodes that have answered."""
        closest = sorted(self._ids, key=lambda id: distance(id, target))[:K]
        return len({reply.node.id for reply in replies}.intersection(closest))
