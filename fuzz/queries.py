"""
The queries and updates that a fuzzed node keeps running.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from random import Random

from twisted.python.failure import Failure

from dwdht_twisted import DHTError, DHTNode
from dwdht_twisted.values import COMMAND as VALUES

#: A command whose handler returns the value that it got, at once or later.
ECHO = "echo"


class Queries:
    """
    Keeps a number of queries and updates open on a node, for random targets.

    :param count: the number of queries that are open at any time
    :param seconds: returns the present simulated time
    :param random: the source of targets and values
    :param failed: called with the traceback of a query that fails with an error other than
        `DHTError`

    :ivar ended: the number of queries that have ended, by outcome
    :ivar longest: the duration of the longest ended query, in simulated seconds
    """

    def __init__(
        self,
        node: DHTNode,
        count: int,
        seconds: Callable[[], float],
        random: Random,
        failed: Callable[[str], None],
    ) -> None:
        self._node = node
        self._count = count
        self._seconds = seconds
        self._random = random
        self._failed = failed
        # The start of each open query, in simulated seconds, by the number of the query.
        self._open: dict[int, float] = {}
        self._started = 0
        self.ended: Counter[str] = Counter()
        self.longest = 0.0

    def __len__(self) -> int:
        """The number of open queries."""
        return len(self._open)

    @property
    def oldest(self) -> float:
        """The age of the oldest open query, in simulated seconds; 0 if none is open."""
        now = self._seconds()
        return now - min(self._open.values(), default=now)

    def refill(self) -> None:
        """Start a query for each that has ended, unless `stop` was called."""
        for _ in range(self._count - len(self._open)):
            self._start()

    def stop(self) -> None:
        """Start no more queries."""
        self._count = 0

    def _start(self) -> None:
        """Start a query or an update.  Both kinds and both commands take turns."""
        self._started += 1
        number = self._started
        self._open[number] = self._seconds()
        command = (ECHO, VALUES)[number % 2]
        ask = (self._node.query, self._node.update)[number // 2 % 2]
        value = self._random.randbytes(number % 50)
        target = self._random.randbytes(32)
        stream = ask(command, target, value, holepunching=number % 5 > 0)
        stream.collect().addBoth(self._ended, number)

    def _ended(self, result: object, number: int) -> None:
        duration = self._seconds() - self._open.pop(number)
        self.longest = max(self.longest, duration)
        if not isinstance(result, Failure):
            self.ended["ended well"] += 1
        elif result.check(DHTError):
            self.ended[type(result.value).__name__] += 1
        else:
            self._failed(result.getTraceback())
