"""
Tests for `dwdht_twisted.testing.reactor.threads` and `dwdht_twisted.testing.reactor.threadpool`.
"""

from __future__ import annotations

from threading import Thread, active_count, current_thread
from typing import Any

import twisted.internet
from twisted.enterprise.adbapi import ConnectionPool
from twisted.internet.defer import Deferred
from twisted.internet.threads import blockingCallFromThread, deferToThread, deferToThreadPool
from twisted.python.threadpool import ThreadPool
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTNode, values
from dwdht_twisted.stores import SQLiteStore
from dwdht_twisted.testing import HostReactor, MemoryNetwork, SimulatedClock
from tests.helpers.networks.three_hosts import A


class Odd(BaseException):
    """An exception that isn't a kind of ``Exception``."""


class ThreadTestCase(SynchronousTestCase):
    """
    A test with one host, which checks that no thread is started.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock)
        self.host: HostReactor = self.network.reactor(A)
        self.ran: list[object] = []
        before = active_count()
        self.addCleanup(lambda: self.assertEqual(active_count(), before))

    def raiseError(self, error: type[BaseException]) -> None:
        """Raise an exception of this kind."""
        raise error


class ThreadsTests(ThreadTestCase):
    """
    A host does the work of its threads at once, and delivers results on a turn of the clock.
    """

    def test_callFromThreadRunsOnNextTurn(self) -> None:
        """
        Calls from a thread run on the next turn of the clock in their order, with their arguments,
        and are no delayed calls.
        """
        self.host.callFromThread(self.ran.append, 1)
        self.host.callFromThread(lambda *args, **kw: self.ran.append((args, kw)), 2, three=3)
        self.assertEqual((self.ran, list(self.host.getDelayedCalls())), ([], []))
        self.clock.advance(0)
        self.assertEqual(self.ran, [1, ((2,), {"three": 3})])

    def test_realThreadCanCall(self) -> None:
        """
        A thread that an application has started itself can call a function on the next turn.
        """
        thread = Thread(target=self.host.callFromThread, args=(self.ran.append, 1))
        thread.start()
        thread.join()
        self.assertEqual(self.ran, [])
        self.clock.advance(0)
        self.assertEqual(self.ran, [1])

    def test_exceptionOfCallFromThreadIsLogged(self) -> None:
        """
        Whatever a call from a thread raises is logged with its function, and the next call runs.
        """
        self.host.callFromThread(self.raiseError, Odd)
        self.host.callFromThread(self.ran.append, "next")
        self.clock.advance(0)
        self.assertEqual(self.ran, ["next"])
        self.assertEqual(len(self.flushLoggedErrors(Odd)), 1)

    def test_callInThreadRunsAtOnce(self) -> None:
        """
        A function that is called in a thread runs at once in the thread of the test, and what it
        raises is logged.
        """
        self.host.callInThread(lambda *args, **kw: self.ran.append((args, kw)), 1, two=2)
        self.host.callInThread(lambda: self.ran.append(current_thread()))
        self.host.callInThread(self.raiseError, Odd)
        self.assertEqual(self.ran, [((1,), {"two": 2}), current_thread()])
        self.assertEqual(len(self.flushLoggedErrors(Odd)), 1)

    def test_resultOfThreadComesOnNextTurn(self) -> None:
        """
        The Deferred of `deferToThreadPool` fires on the next turn, after the work was done at once.
        """
        pool = self.host.getThreadPool()
        results = [deferToThreadPool(self.host, pool, self.add, number) for number in range(3)]
        self.assertEqual(self.ran, [0, 1, 2])
        for result in results:
            self.assertNoResult(result)
        self.assertEqual([self.clock.runUntil(result) for result in results], [0, 2, 4])
        self.assertEqual(self.clock.seconds(), 0)

    def add(self, number: int) -> int:
        """Record a number, and return its double."""
        self.ran.append(number)
        return 2 * number

    def test_failureOfThreadComesOnNextTurn(self) -> None:
        """
        Whatever the work of a thread raises fails its Deferred on the next turn.
        """
        failed = deferToThreadPool(self.host, self.host.getThreadPool(), self.raiseError, Odd)
        self.assertNoResult(failed)
        self.assertRaises(Odd, self.clock.runUntil, failed)

    def test_interruptOfThreadIsRaised(self) -> None:
        """
        A KeyboardInterrupt during the work of a thread is raised at once.
        """
        pool = self.host.getThreadPool()
        with self.assertRaises(KeyboardInterrupt):
            deferToThreadPool(self.host, pool, self.raiseError, KeyboardInterrupt)
        with self.assertRaises(KeyboardInterrupt):
            self.host.callInThread(self.raiseError, KeyboardInterrupt)

    def test_globalReactorCanBeReplaced(self) -> None:
        """
        `deferToThread` runs on a host that a test puts in the place of the global reactor.
        """
        self.patch(twisted.internet, "reactor", self.host)
        result = deferToThread(self.add, 2)
        self.assertEqual(self.ran, [2])
        self.assertNoResult(result)
        self.assertEqual(self.clock.runUntil(result), 4)

    def test_blockingCallIsRefused(self) -> None:
        """
        ``blockingCallFromThread`` raises an exception that says why, instead of waiting forever.
        """
        with self.assertRaisesRegex(RuntimeError, "blockingCallFromThread would never return"):
            blockingCallFromThread(self.host, self.ran.append, 1)
        self.clock.advance(0)
        self.assertEqual(self.ran, [])


class PoolTests(ThreadTestCase):
    """
    The thread pool of a host is a ``ThreadPool`` without threads.
    """

    def test_poolIsThreadPool(self) -> None:
        """
        The thread pool of a host is always the same, is started, and can be used as any other.
        """
        pool = self.host.getThreadPool()
        self.assertIs(self.host.getThreadPool(), pool)
        self.assertIsInstance(pool, ThreadPool)
        self.assertTrue(pool.started)
        pool.callInThreadWithCallback(lambda *result: self.ran.append(result), lambda: 1)
        self.assertEqual(self.ran, [(True, 1)])
        pool.startAWorker()
        pool.stopAWorker()
        self.assertEqual((pool.workers, pool.threads), (0, []))

    def test_suggestedSizeIsKept(self) -> None:
        """
        ``suggestThreadPoolSize`` sets the size of the pool, and refuses one below the least.
        """
        self.host.suggestThreadPoolSize(3)
        pool = self.host.getThreadPool()
        self.assertEqual((pool.min, pool.max), (0, 3))
        pool.adjustPoolsize(2)
        self.assertEqual((pool.min, pool.max), (2, 3))
        self.assertRaises(AssertionError, self.host.suggestThreadPoolSize, 1)

    def test_exceptionOfResultIsLogged(self) -> None:
        """
        What the receiver of a result raises is logged.
        """
        pool = self.host.getThreadPool()
        pool.callInThreadWithCallback(lambda *result: self.raiseError(Odd), lambda: 1)
        self.assertEqual(len(self.flushLoggedErrors(Odd)), 1)

    def test_shutdownStopsPool(self) -> None:
        """
        The pool works during the phase ``before`` of a shutdown, and does nothing from ``during``
        on; a pool that is asked for after the end does nothing at all.
        """
        host = self.host
        pool = host.getThreadPool()
        for phase in ("before", "after"):
            host.addSystemEventTrigger(phase, "shutdown", host.callInThread, self.add, phase)
        self.clock.runUntil(host.shutDown())
        self.assertEqual(self.ran, ["before"])
        self.assertTrue(pool.joined)
        other = self.network.reactor()
        other.crash()
        other.callInThread(self.add, "never")
        self.assertEqual(self.ran, ["before"])

    def add(self, label: str) -> None:
        """Record a label."""
        self.ran.append(label)


class DatabaseTests(ThreadTestCase):
    """
    Databases work on a host.
    """

    def open(self, **options: Any) -> ConnectionPool:
        """A database in memory, whose table of numbers holds 1."""
        pool = ConnectionPool("sqlite3", ":memory:", cp_reactor=self.host, **options)
        self.clock.runUntil(pool.runOperation("CREATE TABLE numbers (number)"))
        self.clock.runUntil(pool.runOperation("INSERT INTO numbers VALUES (1)"))
        return pool

    def test_databasePoolRuns(self) -> None:
        """
        A ``ConnectionPool`` of adbapi does its work at once, in no thread, and its results come on
        the next turn.
        """
        pool = self.open()
        query = pool.runQuery("SELECT number FROM numbers")
        self.assertNoResult(query)
        self.assertEqual(self.clock.runUntil(query), [(1,)])
        self.assertEqual(self.clock.seconds(), 0)
        pool.close()

    def test_databasePoolKeepsItsSize(self) -> None:
        """
        The pool in the place of a database pool's own has its numbers of threads.
        """
        pool = self.open(cp_min=2, cp_max=4)
        self.assertEqual((pool.threadpool.min, pool.threadpool.max), (2, 4))
        pool.close()

    def test_failedInteractionRollsBack(self) -> None:
        """
        An interaction that raises an exception changes nothing, and fails its Deferred.
        """
        pool = self.open()

        def interact(transaction: Any) -> None:
            transaction.execute("INSERT INTO numbers VALUES (2)")
            raise ZeroDivisionError

        self.assertRaises(ZeroDivisionError, self.clock.runUntil, pool.runInteraction(interact))
        query = pool.runQuery("SELECT number FROM numbers")
        self.assertEqual(self.clock.runUntil(query), [(1,)])
        pool.close()

    def test_shutdownClosesDatabasePool(self) -> None:
        """
        A database pool is closed by the shutdown of its host, after the last query of ``before``.
        """
        pool = self.open()
        self.host.addSystemEventTrigger(
            "before", "shutdown", pool.runOperation, "INSERT INTO numbers VALUES (2)"
        )
        self.clock.runUntil(self.host.shutDown())
        self.assertEqual((pool.running, pool.connections), (False, {}))

    def test_startedPoolIsKept(self) -> None:
        """
        A thread pool that has been started already is not replaced.
        """
        pool = self.open()

        class Owner:
            threadpool = ThreadPool(0, 1)

            def start(self) -> None:
                pass

        owner = Owner()
        own = owner.threadpool
        own.started = True
        self.host.callWhenRunning(owner.start)
        self.assertIs(owner.threadpool, own)
        pool.close()

    def test_storeRuns(self) -> None:
        """
        A node that keeps values in an `SQLiteStore` answers from it, also after a restart of its
        host.
        """
        path = self.mktemp()
        reader = DHTNode(self.network.reactor(), bootstrap=[f"{A}:6620"])
        key = b""
        for _ in range(2):
            host = self.network.reactor(A)
            store = SQLiteStore(host, path)
            node = DHTNode(host, id=bytes(32))
            node.listen(6620)
            node.register(values.COMMAND, values.ValueHandler(store))
            host.addSystemEventTrigger("before", "shutdown", self.stop, node, store)
            key = key or self.clock.runUntil(values.put(reader, b"hello"))
            self.assertEqual(self.clock.runUntil(values.get(reader, key)), b"hello")
            self.clock.runUntil(host.shutDown())
        self.clock.runUntil(reader.destroy())

    def stop(self, node: DHTNode, store: SQLiteStore) -> Deferred[None]:
        """Destroy a node, and close its store."""
        return node.destroy().addCallback(lambda _: store.close())
