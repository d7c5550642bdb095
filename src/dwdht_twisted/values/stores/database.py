"""
The connections of an `SQLiteStore` to its file, and the threads that wait for the disk.

``twisted.enterprise.adbapi`` is not used, for four reasons:

* Closing its pool blocks the reactor.
* A closed pool opens again when it is used.
* Closing a pool twice raises an error of Twisted's own.
* A pool still does the work of a request that was cancelled before its turn.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from functools import partial
from os.path import abspath
from threading import RLock
from traceback import clear_frames
from typing import Any, NoReturn, TypeVar, cast

from twisted.internet.defer import Deferred, fail, succeed
from twisted.python.failure import Failure

from ..._awaitable import awaitable
from ...errors import CannotOpenStore, StoreFailed
from . import schema
from .lane import Lane
from .recovery import Recovery, RecoveryFailed
from .table import Reader, StoreClock, Writer

Result = TypeVar("Result")

#: The most writes of one transaction.  It is the number of handlers that a node runs at the same
#: time.  Larger: the first of them waits for longer.  Smaller: the disk is waited for more often.
WRITES_PER_TRANSACTION = 256

#: The most reads that a thread makes before it gives their results.
READS_PER_TURN = 64


class Database:
    """
    Runs reads and writes of one file in threads of the reactor.

    Writes wait in one lane and reads in another, each with a connection of its own, so a read
    doesn't wait for writes.  It sees the writes whose Deferreds have fired.  Writes that come while
    a transaction is written go together into the next one.

    The connections are opened by the first call, not by the constructor.  The process may fork in
    between, and a connection must not be carried into the new process
    (https://www.sqlite.org/howtocorrupt.html, section 2.6).  After a failure, the next call opens
    the file again.  A damaged file is recovered.

    :param reactor: provides the threads, and receives their results
    :param path: the file
    :param clock: the time of the store
    :param maximumBytes: the most bytes of all values
    :param maximumAge: the longest lifetime of a value, in seconds
    :raises CannotOpenStore: when the file isn't a store and can't become one
    """

    def __init__(
        self, reactor: Any, path: str, clock: StoreClock, *, maximumBytes: int, maximumAge: float
    ) -> None:
        # The connections are opened later, and the process may change its folder before.
        self._path = abspath(path)
        self._recovery = Recovery(reactor, self._path, maximumAge)
        if path:
            # A recovery that ended with its process may have left no file with this name.
            try:
                self._recovery.finish()
            except (RecoveryFailed, ValueError) as error:
                raise CannotOpenStore(f"cannot keep values in {path!r}: {error}") from error
        schema.checkFile(path)
        self._reactor = reactor
        self._clock = clock
        self._maximumBytes = maximumBytes
        self._maximumAge = maximumAge
        # A read holds the lock, and so does a thread that opens or closes a connection.
        self._lock = RLock()
        self._reader: Reader | None = None
        self._writer: Writer | None = None
        self._reads: Lane[Reader] = Lane(reactor, self._read, READS_PER_TURN)
        self._writes: Lane[Writer] = Lane(reactor, self._write, WRITES_PER_TRANSACTION)
        self._isClosed = False

    def read(self, call: Callable[[Reader], Result]) -> Deferred[Result]:
        """
        Call a function with a `Reader`, in a thread.

        :return: fires with the result of the function; fails with `StoreFailed` when SQLite fails,
            and when the database is closed.  If the Deferred is cancelled before the turn of the
            call, the function is never called.
        """
        if self._isClosed:
            return self._refused()

        def damaged(failure: Failure) -> Any:
            # Only the lane of the writes may recover the file.
            error = failure.value
            if not isinstance(error, _Damaged):
                return failure
            recovering: Deferred[Any] = self._writes.addAlone(
                partial(self._recover, error.recoveries)
            )
            # After a recovery that failed, what can be read is served.
            recovering.addErrback(lambda failed: failed.trap(StoreFailed))
            return recovering.addCallback(lambda _: self._reads.add(call))

        def damagedAgain(failure: Failure) -> NoReturn:
            failure.trap(_Damaged)
            raise self._failed(cast(_Damaged, failure.value))

        result: Deferred[Any] = self._reads.add(call)
        return awaitable(result.addErrback(damaged).addErrback(damagedAgain))

    def write(self, call: Callable[[Writer], Result]) -> Deferred[Result]:
        """
        Call a function with a `Writer`, in a thread and in a transaction.

        :return: fires with the result of the function when the disk has what it wrote; fails as
            `read` does, and then the function has written nothing
        """
        return self._refused() if self._isClosed else self._writes.add(call)

    def close(self) -> Deferred[None]:
        """
        Close the file after all earlier calls have ended.  This may be called more than once.

        :return: fires when the file is closed
        """
        self._isClosed = True
        isOpen = self._reader is not None or self._writer is not None
        if not (isOpen or self._reads.isBusy or self._writes.isBusy):
            # Nothing is open.  A thread is not used here, because the reactor may not have started
            # its threads yet, or may have stopped them.
            return awaitable(succeed(None))
        closing = self._reads.addAlone(self._closeReader)
        return awaitable(closing.addCallback(lambda _: self._writes.addAlone(self._end)))

    def _refused(self) -> Deferred[Any]:
        return awaitable(fail(StoreFailed(f"the store {self._path!r} is closed")))

    def _failed(self, error: BaseException) -> StoreFailed:
        failed = StoreFailed(f"the store {self._path!r} failed: {error}")
        failed.__cause__ = error
        return failed

    # The methods below run in threads.

    def _read(self, calls: Sequence[Callable[[Reader], Any]]) -> list[Any]:
        with self._lock:
            try:
                reader = self._openReader()
                return [self._readOne(reader, call) for call in calls]
            except schema.FAILURES as error:
                _release(error)
                if schema.isDamage(error) and not self._recovery.isPaused:
                    raise _Damaged(self._recovery.count) from error
                self._closeReader()
                raise self._failed(error) from error

    def _readOne(self, reader: Reader, call: Callable[[Reader], Any]) -> Any:
        try:
            return call(reader)
        except Exception as error:
            isPassed = isinstance(error, schema.FAILURES)
            if isPassed and not (schema.isDamage(error) and self._recovery.isPaused):
                raise
            # The others of the group may read intact pages.
            return Failure(self._failed(error))

    def _write(self, calls: Sequence[Callable[[Writer], Any]]) -> list[Any]:
        try:
            return self._run(calls)
        except schema.FAILURES as error:
            _release(error)
            if schema.isDamage(error):
                self._recover(self._recovery.count)
            elif schema.isFull(error) and self._writer is not None:
                # The log takes up room that the file may need.
                self._writer.emptyLog()
            else:
                self._closeWriter()
                raise self._failed(error) from error
        try:
            return self._run(calls)
        except schema.FAILURES as error:
            if not schema.isFull(error):
                self._closeWriter()
            raise self._failed(error) from error

    def _run(self, calls: Sequence[Callable[[Writer], Any]]) -> list[Any]:
        """Run writes in one transaction.  If one of them is wrong, run each in its own."""
        writer = self._openWriter()
        try:
            return writer.run(calls)
        except schema.FAILURES:
            raise
        except Exception as error:
            if len(calls) == 1:
                return [Failure(self._failed(error))]
        results: list[Any] = []
        for call in calls:
            try:
                results += writer.run([call])
            except Exception as error:
                results.append(Failure(self._failed(error)))
        return results

    def _recover(self, recoveries: int) -> None:
        """
        Recover the file.

        :param recoveries: the number of recoveries before the damage was seen.  If it has changed,
            the damage is that of a file that has been set aside already.
        """
        with self._lock:
            if recoveries != self._recovery.count:
                return
            self._closeReader()
            self._closeWriter()
            try:
                self._recovery.run()
            except RecoveryFailed as error:
                raise self._failed(error) from error

    def _openWriter(self) -> Writer:
        if self._writer is not None:
            return self._writer
        with self._lock:
            if self._writer is None:
                # The reader may have been opened without a writer.
                self._closeReader()
                try:
                    self._recovery.finish()
                except RecoveryFailed as error:
                    raise self._failed(error) from error
                connection = schema.connect(self._path, schema.LOCK_TIMEOUT, self._maximumAge)
                try:
                    self._clock.start(connection, self._maximumAge)
                except BaseException:
                    connection.close()
                    raise
                self._writer = Writer(
                    connection,
                    self._clock,
                    maximumBytes=self._maximumBytes,
                    maximumAge=self._maximumAge,
                )
            return self._writer

    def _openReader(self) -> Reader:
        if self._reader is None:
            try:
                # The writer makes the tables and starts the clock.
                self._openWriter()
                connection = schema.connectReader(self._path, schema.LOCK_TIMEOUT)
            except schema.FAILURES as error:
                if schema.isDamage(error) and not self._recovery.isPaused:
                    raise
                connection = self._connectAlone(error)
            self._reader = Reader(connection, self._clock)
        return self._reader

    def _connectAlone(self, error: Exception) -> sqlite3.Connection:
        """
        Open the file for reads alone.  A full disk may have no room for what a writer needs.

        :param error: raised when this fails too
        """
        try:
            connection = schema.connectReader(self._path, schema.LOCK_TIMEOUT, isAlone=True)
            self._clock.start(connection, self._maximumAge)
        except schema.FAILURES:
            raise error from None
        return connection

    def _end(self) -> None:
        if self._writer is not None:
            self._writer.saveClock()
        # A read that waited for a recovery may have opened the reader again.
        self._closeReader()
        self._closeWriter()

    def _closeReader(self) -> None:
        with self._lock:
            reader, self._reader = self._reader, None
            if reader is not None:
                reader.close()

    def _closeWriter(self) -> None:
        with self._lock:
            writer, self._writer = self._writer, None
            if writer is not None:
                writer.close()


def _release(error: BaseException) -> None:
    """
    Drop the statements that an exception refers to.

    As long as there is a statement of a closed connection, SQLite keeps its lock of the file.
    """
    clear_frames(error.__traceback__)


class _Damaged(Exception):
    """
    A read has found that the file is damaged.

    :ivar recoveries: the number of recoveries before
    """

    def __init__(self, recoveries: int) -> None:
        super().__init__("it is damaged")
        self.recoveries = recoveries


__all__ = ["Database"]
