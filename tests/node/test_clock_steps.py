"""
Nodes on a machine whose clock is set forward or back, or that sleeps.

The time of each step is drawn from a seed.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs

from dwdht_twisted import DHTService, MemoryStore, SQLiteStore
from dwdht_twisted._core.health import OFFLINE, OFFLINE_AFTER
from dwdht_twisted._core.limits.bounds import HANDLER_TIMEOUT
from dwdht_twisted._net.names import RESOLUTION_TIMEOUT
from dwdht_twisted._net.upkeep import REFRESH_AFTER
from dwdht_twisted.testing import HostReactor
from tests.helpers.networks.doubles import Handler, SilentResolver, ignoreCancellation
from tests.helpers.networks.nodes import COMMAND, NodeTestCase

#: The steps of the clock, in seconds.
STEPS = (-3600.0, -60.0, 60.0, 3600.0)

#: A function that begins some work on a host.
Begin: TypeAlias = Callable[[HostReactor], Deferred[Any]]

#: The longest time by which something may end late because of a step, in seconds. The step is
#: noticed after one second.
LATE = 1.1

#: The time after which a contact that has died is in no table, in seconds.
DEAD_GONE_AFTER = 630.0


class ClockStepTests(NodeTestCase):
    """
    A node on a host whose clock is set.
    """

    def setUp(self) -> None:
        super().setUp()
        self.draw = Random(5)

    def endOf(self, begin: Begin, step: float, most: float) -> float:
        """
        Return the seconds from the beginning of some work to its end, whether it succeeds or fails.

        :param begin: begins the work on a host
        :param step: the clock is set by so many seconds while the work is done, unless this is 0
        :param most: the seconds within which the work has to end
        """
        reactor = self.network.reactor()
        work = begin(reactor)
        begun = self.clock.seconds()
        ended: list[float] = []
        work.addBoth(lambda _: ended.append(self.clock.seconds() - begun))
        if step:
            self.clock.runFor(self.draw.random() * most * 0.9)
            reactor.setClock(step)
        self.clock.runUntil(lambda: ended, limit=most + 3)
        return ended[0]

    def assertEndsInTime(self, begin: Begin, most: float) -> None:
        """
        Require that some work ends at the same time with and without a step of the clock, and soon
        after all hosts have slept.
        """
        undisturbed = self.endOf(begin, 0, most)
        for step in STEPS * 3:
            taken = self.endOf(begin, step, undisturbed)
            self.assertGreater(taken, undisturbed * 0.9, step)
            self.assertLess(taken, undisturbed + LATE, step)
        ended: list[object] = []
        begin(self.network.reactor()).addBoth(ended.append)
        self.clock.advance(3600)
        self.clock.runUntil(lambda: ended, limit=undisturbed + LATE)

    def test_requestsEndInTime(self) -> None:
        """A ping to a silent address fails at its time."""

        def ping(reactor: HostReactor) -> Deferred[Any]:
            return self.node(reactor=reactor).ping(self.peer().address)

        self.assertEndsInTime(ping, 10)

    def test_lookupsEndInTime(self) -> None:
        """A lookup that asks only silent nodes ends at its time."""

        def lookUp(reactor: HostReactor) -> Deferred[Any]:
            silent = [self.peer().address for _ in range(4)]
            node = self.node(reactor=reactor, bootstrap=silent)
            return node.query(COMMAND, self.target()).collect()

        self.assertEndsInTime(lookUp, 10)

    def test_namesEndInTime(self) -> None:
        """The resolution of a name that is never answered fails at its time."""

        def ping(reactor: HostReactor) -> Deferred[Any]:
            reactor.installNameResolver(SilentResolver())
            return self.node(reactor=reactor).ping("dht.example:1")

        self.assertEndsInTime(ping, RESOLUTION_TIMEOUT)

    def test_handlersEndInTime(self) -> None:
        """A handler that never ends is given up at its time."""

        def ask(reactor: HostReactor) -> Deferred[Any]:
            node = self.node(reactor=reactor)
            result: Deferred[None] = Deferred()
            node.register(COMMAND, Handler(lambda _: result))
            asked = self.node().query(COMMAND, self.target(), nodes=[self.addressOf(node)])
            asked.collect().addErrback(lambda _: None)
            self.clock.runFor(0.1)
            ended: Deferred[object] = Deferred()

            def pass_(outcome: object) -> object:
                ended.callback(None)
                return outcome

            result.addBoth(pass_)
            return ended

        self.assertEndsInTime(ask, HANDLER_TIMEOUT + 1)
        self.assertGreater(len(self.flushLoggedErrors()), 0)

    def test_upkeepGoesOn(self) -> None:
        """A contact that died is in the table no more at its time, and buckets are refreshed."""
        for step in (*STEPS, None):
            reactor = self.network.reactor()
            self.swarm(4)
            node = self.node(reactor=reactor, bootstrap=[self.bootstrap])
            self.clock.runUntil(node.ready())
            dead = self.peer(answers="pong")
            self.introduce(dead, node)
            dead.onRequest = lambda *_: None
            self.clock.runFor(self.draw.random() * DEAD_GONE_AFTER / 2)
            if step is None:
                self.clock.advance(3600)
            else:
                reactor.setClock(step)
            since = len(self.requestsBy(self.addressOf(node)))
            self.clock.runFor(max(DEAD_GONE_AFTER, REFRESH_AFTER) + 2)
            self.assertNotIn(dead.contact, node.contacts())
            self.assertGreater(len(self.requestsBy(self.addressOf(node))), since)
            self.destroyAll()

    def test_silenceOfAllIsLogged(self) -> None:
        """A node whose bootstrap node is silent logs in time that it is offline."""
        for step in STEPS:
            reactor = self.network.reactor()
            service = DHTService(reactor, bootstrap=[self.peer().address])
            with capturedLogs() as events:
                service.startService()
                self.clock.runFor(self.draw.random() * 30)
                reactor.setClock(step)
                self.clock.runFor(OFFLINE_AFTER + 2)
            self.clock.runUntil(service.stopService())
            self.assertIn(OFFLINE, [event.get("state") for event in events])

    def test_destroyLeavesNoTimer(self) -> None:
        """A node that is destroyed after a step leaves no timer."""
        for step in STEPS:
            reactor = self.network.reactor()
            node = self.node(reactor=reactor)
            node.register(COMMAND, Handler(ignoreCancellation))
            waiting = node.ping(self.peer().address)
            self.clock.runFor(0.1)
            reactor.setClock(step)
            self.clock.runFor(self.draw.random() * 2)
            self.clock.runUntil(node.destroy())
            waiting.addErrback(lambda _: None)
            self.clock.runFor(2)
            self.destroyAll()


class StoreStepTests(NodeTestCase):
    """
    Stores on a host whose clock is set.
    """

    #: The age of the stores, in seconds.
    age = 100.0

    def memoryStore(self, reactor: HostReactor, _: str) -> MemoryStore:
        """Return a new store in memory."""
        return MemoryStore(reactor, maximumAge=self.age)

    def sqliteStore(self, reactor: HostReactor, path: str) -> SQLiteStore:
        """Return a store in a file."""
        return SQLiteStore(
            reactor, path, seconds=reactor.seconds, elapsed=reactor.elapsed, maximumAge=self.age
        )

    def result(self, given: Any) -> Any:
        """Return the result of a put or a get."""
        return self.clock.runUntil(given) if isinstance(given, Deferred) else given

    def test_valuesExpireAtTheirTime(self) -> None:
        """A value is there until its age, and no longer, whenever the clock is set."""
        draw = Random(7)
        for open in (self.memoryStore, self.sqliteStore):
            for step in STEPS:
                reactor = self.network.reactor()
                store: Any = open(reactor, self.mktemp())
                self.result(store.put(b"k" * 32, b"value"))
                at = draw.random() * (self.age - 2)
                self.clock.runFor(at)
                reactor.setClock(step)
                self.clock.runFor(self.age - at - 1)
                self.assertEqual(self.result(store.get(b"k" * 32)), b"value", (open, step))
                self.clock.runFor(2)
                self.assertIsNone(self.result(store.get(b"k" * 32)), (open, step))
                self.result(store.close())

    def test_valuesExpireDuringSleep(self) -> None:
        """A value expires while its host sleeps."""
        for open in (self.memoryStore, self.sqliteStore):
            store: Any = open(self.network.reactor(), self.mktemp())
            self.result(store.put(b"k" * 32, b"value"))
            self.clock.advance(self.age + 1)
            self.assertIsNone(self.result(store.get(b"k" * 32)))
            self.result(store.close())

    def test_valuesFromTheFutureExpire(self) -> None:
        """
        If the clock was set back while a file was closed, its values live for another age, and no
        longer.
        """
        for step in (-60.0, -3600.0):
            reactor, path = self.network.reactor(), self.mktemp()
            store = self.sqliteStore(reactor, path)
            self.result(store.put(b"k" * 32, b"value"))
            self.result(store.close())
            reactor.setClock(step)
            store = self.sqliteStore(reactor, path)
            self.assertEqual(self.result(store.get(b"k" * 32)), b"value")
            self.clock.runFor(self.age - 1)
            self.assertEqual(self.result(store.get(b"k" * 32)), b"value")
            self.clock.runFor(2)
            self.assertIsNone(self.result(store.get(b"k" * 32)))
            self.result(store.close())
