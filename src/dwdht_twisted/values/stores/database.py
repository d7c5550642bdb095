"""
The connection of an `SQLiteStore` to its file, and the thread that waits for the disk.

``twisted.enterprise.adbapi`` is not used, for four reasons:

* Closing its pool blocks the reactor.
* A closed pool opens again when it is used.
* Closing a pool twice raises an error of Twisted's own.
* A pool still does the work of a request that was cancelled before its turn.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.threads import deferToThreadPool

from ..._awaitable import AwaitableDeferred, awaitable
from ...errors import CannotOpenStore, StoreFailed
from . import schema

Result = TypeVar("Result")


class Database:
    """
    Runs calls on one connection in threads of the reactor.

    The calls run one at a time, in the order in which they were made.  SQLite serves one writer at
    a time, so parallel threads would only wait for each other.

    The connection is opened by the first call, not by the constructor.  The process may fork in
    between, and a connection must not be carried into the new process
    (https://www.sqlite.org/howtocorrupt.html, section 2.6).  After a failure, the next call opens
    the file again.

    :param reactor: provides the threads, and receives their results
    :param path: the file
    :raises CannotOpenStore: when the file isn't a store and can't become one
    """

    def __init__(self, reactor: Any, path: str) -> None:
        schema.checkFile(path)
        self._reactor = reactor
        self._path = path
        self._connection: sqlite3.Connection | None = None
        self._waiting: deque[tuple[Deferred[Any], Callable[[], object]]] = deque()
        self._isBusy = False
        self._isClosed = False

    def run(self, work: Callable[[sqlite3.Connection], Result]) -> Deferred[Result]:
        """
        Call a function with the connection, in a thread.

        :return: fires with the result of the function; fails with `StoreFailed` when SQLite fails,
            and when the database is closed.  If the Deferred is cancelled before the turn of the
            call, the function is never called.
        """
        if self._isClosed:
            return awaitable(fail(StoreFailed(f"the store {self._path!r} is closed")))
        return self._add(lambda: self._call(work))

    def close(self) -> Deferred[None]:
        """
        Close the file after all earlier calls have ended.  This may be called more than once.

        :return: fires when the file is closed
        """
        self._isClosed = True
        if self._connection is None and not self._isBusy:
            # Nothing is open.  A thread is not used here, because the reactor may not have started
            # its threads yet, or may have stopped them.
            return awaitable(succeed(None))
        return self._add(self._disconnect)

    def _add(self, call: Callable[[], Result]) -> Deferred[Result]:
        result: AwaitableDeferred[Result] = AwaitableDeferred()
        self._waiting.append((result, call))
        if not self._isBusy:
            self._next()
        return result

    def _next(self) -> None:
        while self._waiting:
            result, call = self._waiting.popleft()
            if not result.called:
                self._isBusy = True
                pool = self._reactor.getThreadPool()
                deferToThreadPool(self._reactor, pool, call).addBoth(self._ended, result)
                return

    def _ended(self, outcome: object, result: Deferred[Any]) -> None:
        # The call may have been cancelled meanwhile.  The connection was busy until its thread had
        # finished, so the next call begins only now.
        self._isBusy = False
        self._next()
        result.callback(outcome)

    def _call(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        try:
            if self._connection is None:
                self._connection = schema.connect(self._path, schema.LOCK_TIMEOUT)
            return work(self._connection)
        except (sqlite3.Error, CannotOpenStore) as error:
            self._disconnect()
            raise StoreFailed(f"the store {self._path!r} failed: {error}") from error

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            # Ignore an error about the last writes: the connection is discarded in any case.
            with suppress(sqlite3.Error):
                connection.close()


__all__ = ["Database"]
