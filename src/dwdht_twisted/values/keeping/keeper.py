"""
`Keeper`: puts what it keeps again before it expires.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import aclosing
from math import inf
from os import PathLike, fspath
from os.path import abspath
from random import Random, SystemRandom
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._awaitable import awaitable
from ..._clock import clockOf
from ..._core.wire import checkId
from ...errors import DHTError
from ..client import Node
from ..keys import COMMAND, checkValue, keyOf
from ..stores.bounds import DEFAULT_MAXIMUM_AGE
from .kept import Kept, Record
from .records import KeptRecords, State
from .schedule import Entry, Schedule

#: The most puts that a keeper begins in a second.  A put of a large value sends and receives some
#: 90 kB.  So 10,000 values that are kept at once take 42 minutes.  Larger: they take more of the
#: node's link.  Smaller: a restarted keeper puts its last values later.
PUT_RATE = 4.0

#: The most puts of a keeper that run at once.  Larger: a keeper takes more of the 64 queries that a
#: node runs at once, when nodes are silent.  Smaller: silent nodes keep values waiting.
PUTS_AT_ONCE = 8


class Keeper(Service):
    """
    Keeps values alive: puts each of them now, and again before the nodes that hold it drop it.

    The next put of a value is at a drawn moment.  The pause before it is an hour at first.  It
    doubles while most of the closest nodes answer with the value when they are asked just before a
    put, up to 18 hours, and halves when few do, down to ten minutes.  So where nodes come and go,
    values are put more often.  These times are for stores that keep values for a day.  When no node
    takes a value, it is put again after 15 seconds, then after twice as long, up to an hour.  Four
    puts begin in a second.

    A keeper that is started, for example after a restart, puts all its values, because it can't
    know how old they are.  While it is stopped, it puts nothing.

    :param node: puts the values; the keeper never destroys it
    :param reactor: that of the node
    :param state: where the list of values survives a restart, as the file ``kept``: the path of a
        folder, which is made if it is missing, or an object with ``read(name)`` and ``write(name,
        data)``; None to keep the list in memory.  A folder is in use from the start to the stop.  A
        relative path counts from the folder in which the process runs when the keeper is made.
    :param age: the age at which the stores of other nodes drop a value, in seconds; a day by
        default, as in Kademlia section 2.5
    :param random: draws the moments of puts
    :param onPut: called after each put, also a failed one, with what is known of the value
    :ivar node: the node; it may be replaced while the keeper is stopped
    :ivar state: as given, a path as an absolute one; it may be replaced while the keeper is stopped
    :raises ValueError: when the age isn't a finite number above 0, or another argument isn't valid
    """

    _log = Logger()

    def __init__(
        self,
        node: Node,
        reactor: Any,
        *,
        state: str | PathLike[str] | State | None = None,
        age: float = DEFAULT_MAXIMUM_AGE,
        random: Random | None = None,
        onPut: Callable[[Kept], object] | None = None,
    ) -> None:
        if not isinstance(age, (int, float)) or isinstance(age, bool) or not 0 < age < inf:
            raise ValueError(f"age must be a finite number of seconds above 0, not {age!r}")
        if not all(callable(getattr(node, each, None)) for each in ("query", "update")):
            raise ValueError(f"a keeper needs a node, not {node!r}")
        if random is not None and not isinstance(random, Random):
            raise ValueError(f"random is a random.Random or None, not {random!r}")
        if onPut is not None and not callable(onPut):
            raise ValueError(f"onPut is a function of a Kept, not {onPut!r}")
        self.node = node
        self.state = _checkState(state)
        self._clock = clockOf(reactor)
        self._age = age
        self._random = random or SystemRandom()
        self._onPut = onPut
        self._schedule = Schedule()
        self._records = KeptRecords(reactor, self._clock)
        self._puts: set[Deferred[None]] = set()
        self._timer: IDelayedCall | None = None
        # The time before which no put begins, in seconds.
        self._notBefore = 0.0
        self._isFailing = False

    def keep(self, value: bytes) -> bytes:
        """
        Put a value now, and again and again until `forget`.

        A value that is kept already is put again now.  Before the start, it is put at the start.

        :param value: up to 1,000 bytes
        :return: the key, 32 bytes
        :raises TypeError: when the value isn't bytes
        :raises ValueTooLarge: when the value has more than 1,000 bytes
        """
        key = keyOf(checkValue(value))
        self._keep(Record(COMMAND, key, value))
        return key

    def forget(self, key: bytes) -> None:
        """
        Put a value no more.  Its holders drop it when it expires.

        :param key: 32 bytes, what `keep` has returned
        :raises InvalidTarget: when the key isn't 32 bytes
        :raises KeyError: when the value is not kept
        """
        key = checkId(key, "a key")
        self._schedule.set(self._records.remove(COMMAND, key), None)

    def kept(self) -> list[Kept]:
        """What is kept, in the order in which it was kept first."""
        return [_describe(entry) for entry in self._records.all()]

    def startService(self) -> None:
        """
        Read the list of an earlier run, and begin to put what is on it.

        :raises CannotOpenState: when ``state`` is a path whose folder can't be opened or is in use
        """
        if self.running:
            return
        recalled = self._records.open(self.state)
        super().startService()
        for record in recalled:
            if self._records.find(record.command, record.target) is None:
                self._records.add(Entry(record, self._age))
        now = self._clock.seconds()
        for entry in self._records.all():
            self._schedule.set(entry, now)
        self._wake()

    def stopService(self) -> Deferred[None]:
        """
        Put nothing more.

        :return: fires when the puts have ended and the list is written
        """
        super().stopService()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        puts = list(self._puts)
        for put in puts:
            put.cancel()
        for entry in self._records.all():
            self._schedule.set(entry, None)
        ended = DeferredList([self._records.close(), *puts])
        return awaitable(ended.addCallback(lambda _: None))

    def _keep(self, record: Record) -> None:
        entry = self._records.find(record.command, record.target)
        if entry is None:
            entry = Entry(record, self._age)
            self._records.add(entry)
        if self.running:
            self._schedule.set(entry, self._clock.seconds())
            self._wake()

    def _wake(self) -> None:
        """Set the timer for the next put, unless enough puts run."""
        entry = self._schedule.first()
        if not self.running or entry is None or len(self._puts) >= PUTS_AT_ONCE:
            return
        assert entry.due is not None
        delay = max(0.0, max(entry.due, self._notBefore) - self._clock.seconds())
        if self._timer is None:
            self._timer = self._clock.callLater(delay, self._onTimer)
        else:
            self._timer.reset(delay)

    def _onTimer(self) -> None:
        self._timer = None
        entry, now = self._schedule.first(), self._clock.seconds()
        if entry is not None and entry.due is not None and entry.due <= now:
            self._notBefore = now + 1 / PUT_RATE
            self._schedule.set(entry, None)
            put = Deferred.fromCoroutine(self._put(entry))
            if not put.called:
                self._puts.add(put)
                put.addBoth(self._ended, put)
        self._wake()

    def _ended(self, result: object, put: Deferred[None]) -> None:
        self._puts.discard(put)
        if isinstance(result, Failure) and not result.check(CancelledError):
            self._log.failure("a put of the keeper failed", result)
        self._wake()

    async def _put(self, entry: Entry) -> None:
        """Put a record, and set the time of its next put."""
        record = entry.record
        held = holders = 0
        reason = ""
        try:
            stream = self.node.update(*record, query=True, valueInQuery=False)
            async with aclosing(stream):
                async for reply in stream:
                    held += reply.value == record.value
            holders = stream.commits
        except DHTError as error:
            reason = str(error)
        if not self.running or self._records.find(record.command, record.target) is not entry:
            return
        if holders:
            pause = entry.taken(holders, held, self._age, self._random)
        else:
            pause = entry.failed(held, self._random)
        if entry.due is None:
            self._schedule.set(entry, self._clock.seconds() + pause)
        self._report(entry, reason)
        if self._onPut is not None:
            self._onPut(_describe(entry))

    def _report(self, entry: Entry, reason: str) -> None:
        """Log the first of several failures, because without a network every put fails."""
        if bool(reason) == self._isFailing:
            return
        self._isFailing = bool(reason)
        if reason:
            self._log.warn(
                "no node took the kept value {key}: {reason}; it is put again later",
                key=entry.record.target.hex(),
                reason=reason,
            )
        else:
            self._log.info(
                "recovered: {holders} nodes took the kept value {key}",
                holders=entry.holders,
                key=entry.record.target.hex(),
            )


def _checkState(given: Any) -> str | State | None:
    """
    Check a state, and make a path absolute.

    :raises ValueError: when it is neither a path, nor reads and writes files, nor None
    """
    if isinstance(given, (str, PathLike)) and given != "":
        path = fspath(given)
        if isinstance(path, str):
            return abspath(path)
    elif given is None or all(callable(getattr(given, each, None)) for each in ("read", "write")):
        state: State | None = given
        return state
    raise ValueError(
        "state is the path of a folder, an object with read(name) and write(name, data), or None, "
        f"not {given!r}"
    )


def _describe(entry: Entry) -> Kept:
    return Kept(*entry.record, entry.holders, entry.heldBefore)


__all__ = ["Keeper"]
