"""
A node that stores values in a file, at the rate that it is told.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from time import perf_counter, time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import LoopingCall

from dwdht_twisted import Contact, DHTNode, Request, SQLiteStore, ValueHandler, values
from dwdht_twisted._clock import secondsUp
from dwdht_twisted._core.limits.bounds import MAXIMUM_HANDLERS
from dwdht_twisted.values.stores import schema
from dwdht_twisted.values.stores.bounds import entryCost
from dwdht_twisted.values.stores.table import Put, StoreClock, Writer

from ..usage import cpuSeconds
from .calls import Commands, answerWithReactor, prioritize

#: The size of a value, in bytes.
VALUE_BYTES = 500

#: The number of hosts that put values.
HOSTS = 5000

#: The size limit and the age limit of the store.  Nothing is dropped.
MAXIMUM_BYTES = 1 << 40
MAXIMUM_AGE = 86400.0

#: The time between two turns of a steady load, in seconds.
TURN_SECONDS = 0.001

#: The number of values that are put in one transaction when a file is filled, and the memory for
#: pages meanwhile, in KiB.  Smaller: a page of an index is written more often.
FILLED_AT_ONCE = 20_000
FILL_CACHE_KIBIBYTES = 256 * 1024


def hostOf(number: int) -> str:
    """Return the host that puts the value with this number."""
    host = number % HOSTS
    return f"198.{18 + (host >> 16)}.{host >> 8 & 255}.{host & 255}"


def putOf(number: int) -> Put:
    """Return a random value, as the table takes it."""
    key, value = os.urandom(32), os.urandom(VALUE_BYTES)
    return Put(key, value, hostOf(number), MAXIMUM_AGE, entryCost(key, value))


def callOf(put: Put) -> Callable[[Writer], None]:
    """Return a call that puts a value."""
    return lambda writer: writer.put(put)


def openWriter(path: str, synchronous: str, cacheKibibytes: int = schema.CACHE_KIBIBYTES) -> Writer:
    """Open a file without a store's threads."""
    connection = schema.connect(path, schema.LOCK_TIMEOUT, MAXIMUM_AGE)
    connection.execute(f"PRAGMA synchronous = {synchronous}")
    connection.execute(f"PRAGMA cache_size = -{cacheKibibytes}")
    # The clocks of an `SQLiteStore`: another one would let all values expire.
    clock = StoreClock(time, secondsUp)
    clock.start(connection, MAXIMUM_AGE)
    return Writer(connection, clock, maximumBytes=MAXIMUM_BYTES, maximumAge=MAXIMUM_AGE)


def fill(path: str, count: int) -> None:
    """Put values into a file, as fast as possible."""
    writer = openWriter(path, "OFF", FILL_CACHE_KIBIBYTES)
    for start in range(0, count, FILLED_AT_ONCE):
        puts = [putOf(number) for number in range(start, min(count, start + FILLED_AT_ONCE))]
        writer.run([callOf(put) for put in puts])
    writer.emptyLog()
    writer.close()


def alone(path: str, synchronous: str, count: int) -> float:
    """Put values in one transaction each.  Return the seconds for one."""
    writer = openWriter(path, synchronous)
    start = perf_counter()
    for number in range(count):
        put = putOf(number)
        writer.run([callOf(put)])
    seconds = perf_counter() - start
    writer.close()
    return seconds / count


class Storing:
    """
    The commands of the process.
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._node = DHTNode(reactor)
        self._node.listen(0, "127.0.0.1")
        self._store: SQLiteStore | None = None
        self._handler: ValueHandler | None = None
        self._loop: LoopingCall | None = None
        self._isRunning = False
        self._begun = 0.0
        self._cpu = 0.0
        self._done = 0
        self._started = 0

    def port(self) -> int:
        """The port of the node."""
        return self._node.address().port

    async def open(self, path: str) -> None:
        """Open the store.  The first put reads its shares."""
        self._store = SQLiteStore(
            self._reactor, path, maximumBytes=MAXIMUM_BYTES, maximumAge=MAXIMUM_AGE
        )
        self._handler = ValueHandler(self._store)
        await self._put()

    async def close(self) -> None:
        """Close the store."""
        assert self._store is not None
        await self._store.close()

    async def _put(self) -> None:
        value = os.urandom(VALUE_BYTES)
        asker = Contact(None, hostOf(self._started), 4000)
        self._started += 1
        assert self._handler is not None
        written = self._handler.updateReceived(
            Request(values.COMMAND, values.keyOf(value), value, asker)
        )
        assert isinstance(written, Awaitable)
        await written
        self._done += 1

    async def _putOn(self) -> None:
        while self._isRunning:
            await self._put()

    def begin(self, atOnce: int = 0, rate: float = 0.0) -> None:
        """
        Begin to put values.

        :param atOnce: the number of puts at the same time; each is followed by another
        :param rate: the number of puts a second, spread over time.  As in a node, no put begins
            while `MAXIMUM_HANDLERS` others have not ended.
        """
        self._isRunning = True
        self._done = self._started = 0
        self._begun = perf_counter()
        self._cpu = cpuSeconds()
        for _ in range(atOnce):
            Deferred.fromCoroutine(self._putOn())
        if rate:

            def turn() -> None:
                due = rate * (perf_counter() - self._begun)
                while self._started < min(due, self._done + MAXIMUM_HANDLERS):
                    Deferred.fromCoroutine(self._put())

            self._loop = LoopingCall(turn)
            self._loop.start(TURN_SECONDS)

    def end(self) -> dict[str, float]:
        """Stop.  Return the puts a second that the disk had, and the CPU time of one in seconds."""
        seconds = perf_counter() - self._begun
        self._isRunning = False
        if self._loop is not None:
            self._loop.stop()
            self._loop = None
        done = max(1, self._done)
        return {"rate": self._done / seconds, "cpu": (cpuSeconds() - self._cpu) / done}


def makeCommands(reactor: Any) -> Commands:
    """The commands of the process."""
    storing = Storing(reactor)
    return {
        "port": storing.port,
        "fill": fill,
        "alone": alone,
        "open": storing.open,
        "close": storing.close,
        "begin": storing.begin,
        "end": storing.end,
        "prioritize": prioritize,
    }


if __name__ == "__main__":
    answerWithReactor(makeCommands)
