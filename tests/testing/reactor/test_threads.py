"""
`dwdht_twisted.testing.reactor.threads` and `dwdht_twisted.testing.reactor.threadpool`: thread calls
without threads.
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
    """
    An exception that is not a subclass of ``Exception``.
    """


class ThreadTestCase(SynchronousTestCase):
    """
    A base for tests with one host. After each test, it requires that no thread was started.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock)
        self.host: HostReactor = self.network.reactor(A)
        self.ran: list[object] = []
        before = active_count()
        self.addCleanup(lambda: self.assertEqual(active_count(), before))

    def raiseError(self, error: type[BaseException]) -> None:
        """Raise an exception of this class."""
        raise error


class ThreadsTests(ThreadTestCase):
    """
    Thread calls of a host. Their work is done at once, and results arrive on a turn of the clock.
    """

    def test_callFromThreadRunsOnNextTurn(self) -> None:
        """
        Calls by ``callFromThread`` run in order and with their arguments on the next turn of the
        clock. They aren't listed as delayed calls.
        """
        self.host.callFromThread(self.ran.append, 1)
        self.host.callFromThread(lambda *args, **kw: self.ran.append((args, kw)), 2, three=3)
        self.assertEqual((self.ran, list(self.host.getDelayedCalls())), ([], []))
        self.clock.advance(0)
        self.assertEqual(self.ran, [1, ((2,), {"three": 3})])

    def test_realThreadCanCall(self) -> None:
        """
        A real thread of an application can call a function with ``callFromThread``. The function
        runs on the next turn.
        """
        thread = Thread(target=self.host.callFromThread, args=(self.ran.append, 1))
        thread.start()
        thread.join()
        self.assertEqual(self.ran, [])
        self.clock.advance(0)
        self.assertEqual(self.ran, [1])

    def test_exceptionOfCallFromThreadIsLogged(self) -> None:
        """
        An exception of a function called by ``callFromThread`` is logged, and the next function
        runs.
        """
        self.host.callFromThread(self.raiseError, Odd)
        self.host.callFromThread(self.ran.append, "next")
        self.clock.advance(0)
        self.assertEqual(self.ran, ["next"])
        self.assertEqual(len(self.flushLoggedErrors(Odd)), 1)

    def test_callInThreadRunsAtOnce(self) -> None:
        """
        A function passed to ``callInThread`` runs at once in the thread of the test. Its exceptions
        are logged.
        """
        self.host.callInThread(lambda *args, **kw: self.ran.append((args, kw)), 1, two=2)
        self.host.callInThread(lambda: self.ran.append(current_thread()))
        self.host.callInThread(self.raiseError, Odd)
        self.assertEqual(self.ran, [((1,), {"two": 2}), current_thread()])
        self.assertEqual(len(self.flushLoggedErrors(Odd)), 1)

    def test_resultOfThreadComesOnNextTurn(self) -> None:
        """`deferToThreadPool` does the work at once. Its Deferred fires on the next turn."""
        pool = self.host.getThreadPool()
        results = [deferToThreadPool(self.host, pool, self.add, number) for number in range(3)]
        self.assertEqual(self.ran, [0, 1, 2])
        for result in results:
            self.assertNoResult(result)
        self.assertEqual([self.clock.runUntil(result) for result in results], [0, 2, 4])
        self.assertEqual(self.clock.seconds(), 0)

    def add(self, number: int) -> int:
        """Record a number and return its double."""
        self.ran.append(number)
        return 2 * number

    def test_failureOfThreadComesOnNextTurn(self) -> None:
        """If the work of a thread raises an exception, its Deferred fails on the next turn."""
        failed = deferToThreadPool(self.host, self.host.getThreadPool(), self.raiseError, Odd)
        self.assertNoResult(failed)
        self.assertRaises(Odd, self.clock.runUntil, failed)

    def test_interruptOfThreadIsRaised(self) -> None:
        """A KeyboardInterrupt during a thread's work is raised at once."""
        pool = self.host.getThreadPool()
        with self.assertRaises(KeyboardInterrupt):
            deferToThreadPool(self.host, pool, self.raiseError, KeyboardInterrupt)
        with self.assertRaises(KeyboardInterrupt):
            self.host.callInThread(self.raiseError, KeyboardInterrupt)

    def test_globalReactorCanBeReplaced(self) -> None:
        """`deferToThread` works if a test replaces the global reactor by a host."""
        self.patch(twisted.internet, "reactor", self.host)
        result = deferToThread(self.add, 2)
        self.assertEqual(self.ran, [2])
        self.assertNoResult(result)
        self.assertEqual(self.clock.runUntil(result), 4)

    def test_blockingCallIsRefused(self) -> None:
        """
        ``blockingCallFromThread`` raises RuntimeError with the reason, because it would otherwise
        wait forever.
        """
        with self.assertRaisesRegex(RuntimeError, "blockingCallFromThread would never return"):
            blockingCallFromThread(self.host, self.ran.append, 1)
        self.clock.advance(0)
        self.assertEqual(self.ran, [])


class PoolTests(ThreadTestCase):
    """
    The thread pool of a host, a ``ThreadPool`` without threads.
    """

    def test_poolIsThreadPool(self) -> None:
        """
        A host has one thread pool, which is started. It can be used like a real one, but has no
        threads.
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
        ``suggestThreadPoolSize`` sets the maximum of the pool. It refuses a maximum below the
        minimum.
        """
        self.host.suggestThreadPoolSize(3)
        pool = self.host.getThreadPool()
        self.assertEqual((pool.min, pool.max), (0, 3))
        pool.adjustPoolsize(2)
        self.assertEqual((pool.min, pool.max), (2, 3))
        self.assertRaises(AssertionError, self.host.suggestThreadPoolSize, 1)

    def test_exceptionOfResultIsLogged(self) -> None:
        """An exception of the function that receives a result is logged."""
        pool = self.host.getThreadPool()
        pool.callInThreadWithCallback(lambda *result: self.raiseError(Odd), lambda: 1)
        self.assertEqual(len(self.flushLoggedErrors(Odd)), 1)

    def test_shutdownStopsPool(self) -> None:
        """
        During a shutdown, the pool runs work in the phase ``before`` and ignores work in the phase
        ``after``. A host that has crashed ignores work too.
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
    Database pools of adbapi on a simulated host.
    """

    def open(self, **options: Any) -> ConnectionPool:
        """Return a database in memory with a table of numbers that contains 1."""
        pool = ConnectionPool("sqlite3", ":memory:", cp_reactor=self.host, **options)
        self.clock.runUntil(pool.runOperation("CREATE TABLE numbers (number)"))
        self.clock.runUntil(pool.runOperation("INSERT INTO numbers VALUES (1)"))
        return pool

    def test_databasePoolRuns(self) -> None:
        """
        A ``ConnectionPool`` of adbapi does its work at once and without a thread. Its results
        arrive on the next turn.
        """
        pool = self.open()
        query = pool.runQuery("SELECT number FROM numbers")
        self.assertNoResult(query)
        self.assertEqual(self.clock.runUntil(query), [(1,)])
        self.assertEqual(self.clock.seconds(), 0)
        pool.close()

    def test_databasePoolKeepsItsSize(self) -> None:
        """
        A host replaces the thread pool of a database pool. The new thread pool has the same minimum
        and maximum.
        """
        pool = self.open(cp_min=2, cp_max=4)
        self.assertEqual((pool.threadpool.min, pool.threadpool.max), (2, 4))
        pool.close()

    def test_failedInteractionRollsBack(self) -> None:
        """An interaction that raises an exception is rolled back, and its Deferred fails."""
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
        The shutdown of a host closes a database pool, after the last query of the phase ``before``.
        """
        pool = self.open()
        self.host.addSystemEventTrigger(
            "before", "shutdown", pool.runOperation, "INSERT INTO numbers VALUES (2)"
        )
        self.clock.runUntil(self.host.shutDown())
        self.assertEqual((pool.running, pool.connections), (False, {}))

    def test_startedPoolIsKept(self) -> None:
        """A thread pool that was already started is not replaced."""
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
        """A node with an `SQLiteStore` returns a stored value, also after a restart of its host."""
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
        """Destroy a node and close its store."""
        return node.destroy().addCallback(lambda _: store.close())
