"""
An `SQLiteStore` in a process that can't start a thread for a while.
"""

from __future__ import annotations

from threading import Thread
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from dwdht_twisted.errors import StoreFailed
from dwdht_twisted.testing.stores import keyOf, valueOf
from dwdht_twisted.values import SQLiteStore
from dwdht_twisted.values.stores.lane import Lane


class PoolReactor:
    """
    A reactor whose thread pool starts no thread while it is refused one.
    """

    def __init__(self) -> None:
        self.isRefused = False
        self.callFromThread: Any = reactor.callFromThread  # type: ignore[attr-defined]
        self.seconds: Any = reactor.seconds
        self.callLater: Any = reactor.callLater

    def getThreadPool(self) -> Any:
        """Return the pool itself."""
        return self

    def callInThreadWithCallback(self, onResult: Any, call: Any, *arguments: Any) -> None:
        """Run a call as the pool of Twisted does, or raise as it does."""
        if self.isRefused:
            raise RuntimeError("can't start new thread")
        pool = reactor.getThreadPool()  # type: ignore[attr-defined]
        pool.callInThreadWithCallback(onResult, call, *arguments)


class ThreadTests(TestCase):
    """
    Calls while no thread can be started, and afterwards.
    """

    timeout = 20

    async def assertFails(self, call: Deferred[Any]) -> None:
        """Require that a call fails with StoreFailed, which has the reason."""
        with self.assertRaisesRegex(StoreFailed, "can't start new thread"):
            await call

    async def test_callsFailAndLaterOnesSucceed(self) -> None:
        """While no thread can be started, puts and gets fail. Later ones, and close, succeed."""
        host = PoolReactor()
        store = SQLiteStore(host, self.mktemp())
        self.addCleanup(store.close)
        await store.put(keyOf(1), valueOf(1))
        host.isRefused = True
        calls: list[Deferred[Any]] = [store.put(keyOf(2), valueOf(2)), store.get(keyOf(1))]
        for call in calls:
            await self.assertFails(call)
        host.isRefused = False
        await store.put(keyOf(3), valueOf(3))
        got = await gatherResults([store.get(keyOf(number)) for number in (1, 2, 3)])
        self.assertEqual(got, [valueOf(1), None, valueOf(3)])
        host.isRefused = True
        await self.assertFails(store.close())
        host.isRefused = False
        await store.close()

    async def test_waitingCallsFailInTurn(self) -> None:
        """Of 5,000 calls that wait, each fails, however many turns they need."""
        host = PoolReactor()
        lane: Lane[Thread] = Lane(host, lambda calls: [None for _ in calls], 1)
        first = lane.addAlone(lambda: None)
        host.isRefused = True
        calls = [lane.addAlone(lambda: None) for _ in range(5000)]
        await first
        for call in calls:
            await self.assertFails(call)
        self.assertFalse(lane.isBusy)
        host.isRefused = False
        await lane.addAlone(lambda: None)
