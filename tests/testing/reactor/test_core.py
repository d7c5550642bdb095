"""
`dwdht_twisted.testing.reactor.core`: the system events of a simulated host, and its end.
"""

from __future__ import annotations

from typing import Any, NoReturn

from twisted.application.internet import TimerService, UDPServer
from twisted.application.service import MultiService
from twisted.internet.defer import Deferred
from twisted.internet.error import (
    ReactorAlreadyRunning,
    ReactorNotRestartable,
    ReactorNotRunning,
)
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import Clock, deferLater
from twisted.trial.unittest import SynchronousTestCase, TestCase
from zope.interface import implementer

from dwdht_twisted import DHTNode, ICommandHandler, Request
from dwdht_twisted.testing import HostReactor, MemoryNetwork, SimulatedClock
from tests.helpers.networks.three_hosts import A, B, C, Echo, NetworkTestCase, Recorder


class Odd(BaseException):
    """
    An exception that is not a subclass of ``Exception``.
    """


def observe(reactor: Any) -> list[object]:
    """
    Use all features of system events on a reactor. Return everything that a program can observe.
    """
    seen: list[object] = []
    event = "maintenance of dwdht_twisted"
    first: Deferred[None] = Deferred()
    second: Deferred[None] = Deferred()

    def note(label: object, result: object = None, **more: object) -> object:
        seen.append((label, more))
        return result

    def addDuring() -> None:
        seen.append("adds")
        reactor.addSystemEventTrigger("during", event, note, "added")

    def fail() -> None:
        raise Odd

    reactor.addSystemEventTrigger("after", event, note, "after")
    reactor.addSystemEventTrigger("during", event, note, "during", two=2)
    reactor.addSystemEventTrigger("before", event, note, "before 1", first)
    reactor.addSystemEventTrigger("before", event, fail)
    reactor.addSystemEventTrigger("before", event, note, "before 2", second)
    reactor.addSystemEventTrigger("during", event, fail)
    reactor.addSystemEventTrigger("during", event, addDuring)
    for phase in ("before", "during", "after"):
        removed = reactor.addSystemEventTrigger(phase, event, note, "removed")
        reactor.removeSystemEventTrigger(removed)
        try:
            reactor.removeSystemEventTrigger(removed)
        except ValueError:
            seen.append("removed before")
    try:
        reactor.addSystemEventTrigger("meanwhile", event, note)
    except KeyError:
        seen.append("no such phase")
    reactor.addSystemEventTrigger("during", f"other {event}", note, "other")
    reactor.fireSystemEvent("unknown to dwdht_twisted")
    for step in (
        lambda: reactor.fireSystemEvent(event),
        lambda: second.callback(None),
        lambda: first.callback(None),
        lambda: reactor.fireSystemEvent(event),
        lambda: seen.append(reactor.callWhenRunning(note, "running", two=2)),
        lambda: reactor.fireSystemEvent(f"other {event}"),
    ):
        step()
        seen.append("step")
    return seen


class RealEventTests(TestCase):
    """
    The system events of a simulated host, compared with those of a real reactor.
    """

    async def test_eventsBehaveAsReal(self) -> None:
        """
        The functions of an event run once, in the same phases and order as with the real reactor.
        The later phases wait for the Deferreds of ``before``.
        """
        from twisted.internet import reactor

        assert IReactorTime.providedBy(reactor)
        # trial starts the reactor when a test waits for the first time.
        await deferLater(reactor, 0)
        real = observe(reactor)
        self.assertEqual(len(self.flushLoggedErrors(Odd)), 2)
        self.assertEqual(observe(MemoryNetwork().reactor()), real)
        self.assertEqual(len(self.flushLoggedErrors(Odd)), 2)


class SystemEventTests(NetworkTestCase):
    """
    Functions that run before, during and after the events of a host.
    """

    def test_failedDeferredIsLogged(self) -> None:
        """
        If a Deferred of the phase ``before`` fails, the failure is logged and the event goes on.
        """
        host = self.network.reactor(A)
        ran: list[str] = []
        failing: Deferred[None] = Deferred()
        host.addSystemEventTrigger("before", "shutdown", lambda: failing)
        host.addSystemEventTrigger("after", "shutdown", ran.append, "after")
        host.stop()
        self.clock.runFor(1)
        failing.errback(ZeroDivisionError())
        self.assertEqual(ran, ["after"])
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)

    def test_runIsRefused(self) -> None:
        """
        ``run`` raises ReactorAlreadyRunning on a running host, and ReactorNotRestartable after the
        host's end.
        """
        host = self.network.reactor(A)
        self.assertTrue(host.running)
        self.assertRaises(ReactorAlreadyRunning, host.run)
        host.crash()
        self.assertRaises(ReactorNotRestartable, host.run)

    def test_iterateRunsCallsThatAreDue(self) -> None:
        """``iterate(2)`` runs the calls that are due within 2 seconds and no others."""
        ran: list[int] = []
        for seconds in (1, 3):
            self.clock.callLater(seconds, ran.append, seconds)
        self.network.reactor(A).iterate(2)
        self.assertEqual((ran, self.clock.seconds()), ([1], 2))


class EndTests(NetworkTestCase):
    """
    The end of a host: by a test, by its application, or by a crash.
    """

    def setUp(self) -> None:
        super().setUp()
        self.host: HostReactor = self.network.reactor(B)
        self.ran: list[object] = []

    def test_shutdownRunsTriggers(self) -> None:
        """
        ``shutDown`` runs the functions of all phases of the shutdown. Its Deferred fires after 3
        seconds, because a Deferred of ``before`` takes this time.
        """
        host = self.host

        def note(label: str) -> None:
            self.ran.append((label, host.running, host.seconds()))

        host.addSystemEventTrigger("after", "shutdown", note, "after")
        host.addSystemEventTrigger("during", "shutdown", note, "during")
        host.addSystemEventTrigger("before", "shutdown", note, "before")
        host.addSystemEventTrigger("before", "shutdown", lambda: deferLater(host, 3))
        stopped = host.shutDown()
        self.assertEqual(self.ran, [])
        self.clock.runUntil(stopped)
        self.assertEqual(self.ran, [("before", True, 0), ("during", False, 3), ("after", False, 3)])
        self.clock.runUntil(host.shutDown())
        self.assertEqual(len(self.ran), 3)

    def test_stopShutsDown(self) -> None:
        """
        ``stop``, called by an application, runs the functions of the shutdown on the next turn of
        the clock. A second call raises ReactorNotRunning.
        """
        self.host.addSystemEventTrigger("during", "shutdown", self.ran.append, "during")
        self.host.stop()
        self.assertRaises(ReactorNotRunning, self.host.stop)
        self.assertEqual(self.ran, [])
        self.clock.advance(0)
        self.assertEqual((self.ran, self.host.running), (["during"], False))
        self.assertRaises(ReactorNotRunning, self.host.stop)
        self.clock.runUntil(self.host.shutDown())

    def test_portsWorkUntilBeforeIsOver(self) -> None:
        """
        A host sends and receives until the Deferreds of ``before`` have fired. Then its ports
        close, its protocols stop, and datagrams to the host are lost.
        """
        self.listen(B, 7, Echo())
        answered = Recorder()
        self.listen(A, 7, answered)
        self.host.addSystemEventTrigger("before", "shutdown", lambda: deferLater(self.host, 3))
        stopped = self.host.shutDown()
        for _ in range(2):
            self.network.ports[A, 7].write(b"hello", (B, 7))
            self.clock.runFor(5)
        self.assertEqual(answered.payloads, [b"hello"])
        self.assertEqual(self.recorders[B].stopped, 1)
        self.assertIsNone(self.recorders[B].transport)
        self.assertEqual({host for host, _ in self.network.ports}, {A, C})
        self.successResultOf(stopped)
        self.assertRaises(RuntimeError, self.ports[B].write, b"late", (A, 1000))

    def test_portThatIsStoppingCloses(self) -> None:
        """
        A port that is stopped in the same turn as its host is closed once. Its Deferred fires.
        """
        stopped = self.host.shutDown()
        closed = self.ports[B].stopListening()
        assert closed is not None
        self.clock.runUntil(stopped)
        self.clock.runUntil(closed)
        self.assertEqual(self.recorders[B].stopped, 1)

    def test_exceptionOfStoppedProtocolIsLogged(self) -> None:
        """
        If a protocol raises in ``stopProtocol``, the exception is logged and the other ports are
        still closed.
        """

        class Broken(Recorder):
            def stopProtocol(self) -> None:
                raise Odd

        self.listen(B, 7, Broken())
        last = Recorder()
        self.listen(B, 8, last)
        self.clock.runUntil(self.host.shutDown())
        self.assertEqual(len(self.flushLoggedErrors(Odd)), 1)
        self.assertEqual((last.stopped, self.recorders[B].stopped), (1, 1))

    def test_delayedCallsOfEndedHostAreDropped(self) -> None:
        """
        After the end of a host, none of its delayed calls runs, whether it was scheduled before or
        after the end. Calls of other hosts run.
        """
        for clock in (None, Clock()):
            self.build(clock)
            self.ran.clear()
            host = self.network.reactor(B)
            early = host.callLater(2, self.ran.append, "early")
            cancelled = host.callLater(2, self.ran.append, "cancelled")
            self.network.reactor(A).callLater(2, self.ran.append, "other")
            host.shutDown()
            self.network.clock.advance(1)
            late = host.callLater(2, self.ran.append, "late")
            host.callFromThread(self.ran.append, "from a thread")
            self.assertTrue(early.active() and late.active())
            cancelled.cancel()
            self.network.clock.pump([1, 1, 1])
            self.assertEqual(self.ran, ["other"])

    def test_callWhenRunningIsDroppedAfterEnd(self) -> None:
        """
        After the end of a host, a function passed to ``callWhenRunning`` is never called. It can
        still be removed.
        """
        self.clock.runUntil(self.host.shutDown())
        trigger = self.host.callWhenRunning(self.ran.append, "never")
        self.clock.runFor(1)
        self.assertEqual(self.ran, [])
        assert trigger is not None
        self.host.removeSystemEventTrigger(trigger)

    def test_endedHostDoesNotListen(self) -> None:
        """After its end, a host refuses to open a port."""
        self.clock.runUntil(self.host.shutDown())
        with self.assertRaisesRegex(ReactorNotRunning, B):
            self.host.listenUDP(7, Recorder())

    def test_hostStartsAgain(self) -> None:
        """
        After the end of a host, the network makes a new reactor for the same address. It can open
        the same port.
        """
        self.clock.runUntil(self.host.shutDown())
        again = self.network.reactor(B)
        self.assertIsNot(again, self.host)
        self.assertIs(self.network.reactor(B), again)
        recorder = Recorder()
        again.listenUDP(1000, recorder)
        self.send(A, B, b"hello")
        self.clock.runFor(1)
        self.assertEqual(recorder.payloads, [b"hello"])

    def test_crashCallsNothing(self) -> None:
        """
        A crash ends a host and closes its ports at once. It calls neither the protocols nor the
        functions of the shutdown.
        """
        self.host.addSystemEventTrigger("before", "shutdown", self.ran.append, "before")
        self.host.callLater(1, self.ran.append, "call")
        self.send(A, B, b"under way")
        self.host.crash()
        self.assertFalse(self.host.running)
        self.assertEqual({host for host, _ in self.network.ports}, {A, C})
        self.clock.runUntil(self.host.shutDown())
        self.clock.runFor(2)
        self.assertEqual((self.ran, self.recorders[B].stopped), ([], 0))
        self.assertEqual(self.recorders[B].received, [])
        self.assertRaises(RuntimeError, self.ports[B].write, b"late", (A, 1000))

    def test_callsOfAnEndedHostCanBeCancelled(self) -> None:
        """
        When a host has ended, its delayed calls, and those made since, can be cancelled at any
        later time.
        """
        other = self.network.reactor(C)
        for host, end in ((self.host, self.host.crash), (other, other.shutDown)):
            calls = [host.callLater(1, self.ran.append, "before")]
            end()
            calls.append(host.callLater(1, self.ran.append, "after"))
            self.clock.runFor(10)
            for call in calls:
                call.cancel()
        self.assertEqual(self.ran, [])

    def test_crashEndsShutdown(self) -> None:
        """
        A crash during a shutdown fires the Deferred of ``shutDown``. A Deferred of ``before`` can
        fire later without an error.
        """
        waiting: Deferred[None] = Deferred()
        self.host.addSystemEventTrigger("before", "shutdown", lambda: waiting)
        stopped = self.host.shutDown()
        self.clock.runFor(1)
        self.assertNoResult(stopped)
        self.host.crash()
        self.successResultOf(stopped)
        waiting.callback(None)

    def test_shutdownEventEndsHost(self) -> None:
        """A host also ends if an application fires the shutdown event."""
        self.host.fireSystemEvent("shutdown")
        self.assertFalse(self.host.running)
        self.assertEqual(self.recorders[B].stopped, 1)
        self.clock.runUntil(self.host.shutDown())


class ApplicationTests(SynchronousTestCase):
    """
    Services of Twisted and nodes on a simulated host.
    """

    def test_servicesRun(self) -> None:
        """
        A ``UDPServer`` and a ``TimerService`` run on a host until its shutdown stops their parent.
        """
        network = MemoryNetwork()
        clock: Any = network.clock
        host = network.reactor(B)
        parent = MultiService()
        ran: list[float] = []
        UDPServer(7, Echo(), reactor=host).setServiceParent(parent)
        timer = TimerService(10, lambda: ran.append(host.seconds()))
        timer.clock = host
        timer.setServiceParent(parent)
        host.callWhenRunning(parent.startService)
        host.addSystemEventTrigger("before", "shutdown", parent.stopService)
        asker = Recorder()
        network.reactor(A).listenUDP(0, asker).write(b"hello", (B, 7))
        clock.runFor(25)
        self.assertEqual((asker.payloads, ran), ([b"hello"], [0, 10, 20]))
        clock.runUntil(host.shutDown())
        self.assertFalse(parent.running)
        self.assertEqual(clock.getDelayedCalls(), [])

    def test_exceptionOfHandlerIsLogged(self) -> None:
        """
        Every exception of a node's handler is logged, even SystemExit. ``runFor`` doesn't raise it.
        """

        @implementer(ICommandHandler)
        class Failing:
            def queryReceived(self, request: Request) -> NoReturn:
                raise error

            def updateReceived(self, request: Request) -> NoReturn:
                raise error

        for error in (SystemExit, Odd, ZeroDivisionError):
            clock = SimulatedClock()
            network = MemoryNetwork(clock)
            failing = DHTNode(network.reactor(A))
            failing.listen(6620)
            failing.register("anything", Failing())
            node = DHTNode(network.reactor(B), bootstrap=[f"{A}:6620"])
            ended = node.query("anything", bytes(32)).collect()
            ended.addErrback(lambda failure: None)
            clock.runFor(60)
            self.successResultOf(ended)
            self.assertNotEqual(self.flushLoggedErrors(error), [])
