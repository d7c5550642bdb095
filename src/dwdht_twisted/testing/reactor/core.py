"""
The core of a host's reactor: its time, its system events and its end.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

from twisted.internet.base import DelayedCall
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ReactorAlreadyRunning, ReactorNotRestartable, ReactorNotRunning
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from ..arguments import checkDelay, checkSeconds
from ..clock import schedulerOf
from ..failures import failuresLogged
from ..names import MemoryResolver
from ..port import MemoryPort, PortNetwork
from ..streams import MemoryConnection, MemoryStreamPort, StreamNetwork
from .events import SystemEvents, Trigger

#: The time from a change of a host's clock until it is noticed, in seconds.  A node on a real
#: reactor looks every second.
STEP_NOTICED_AFTER = 1.0


class HostNetwork(PortNetwork, StreamNetwork, Protocol):
    """
    The part of `MemoryNetwork` that a host uses.

    Hosts depend only on this protocol, so that the module of the network can import this package.
    """

    @property
    def resolver(self) -> MemoryResolver:
        """The name resolver of every host, until another one is installed on the host."""


def _drop(call: Any) -> None:
    """
    Let a delayed call do nothing when it is due, because its host has ended.

    As in a real reactor that has stopped, the call then still waits, so it can be cancelled.
    """

    def wait() -> None:
        call.called = 0
        call.canceller = call.resetter = _ignore

    call.func, call.args, call.kw = wait, (), {}


def _ignore(call: object) -> None:
    """Take the cancellation, or the move, of a delayed call that the clock has no more."""


class CoreReactor:
    """
    The methods of ``IReactorTime`` and ``IReactorCore`` for one host.

    The reactor runs from the beginning, and ends once.

    :ivar host: the IPv4 address of the host
    :ivar running: True until the phase ``during`` of the shutdown, or until `crash`
    :ivar clockWatch: the objects whose method ``setAgain`` is called, without arguments, one second
        after the clock of the host was set
    :ivar openFiles: the objects whose method ``close`` is called, without arguments, by `crash` and
        at the end of a shutdown, as an operating system closes the files of a process
    """

    _log = Logger()

    __slots__ = (
        "_events",
        "_network",
        "_stepped",
        "_stopped",
        "clockWatch",
        "host",
        "openFiles",
        "running",
    )

    def __init__(self, network: HostNetwork, host: str) -> None:
        self.host = host
        self.running = True
        self._network = network
        # Created for the first trigger, because most hosts of a simulation have no triggers.
        self._events: SystemEvents | None = None
        self._stopped: Deferred[None] | None = None
        self._stepped = 0.0
        self.clockWatch: set[Any] = set()
        self.openFiles: set[Any] = set()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.host}{'' if self.running else ', ended'}>"

    # Time.

    def seconds(self) -> float:
        """The time of the network's clock, in seconds, and what `setClock` has added to it."""
        return self._network.clock.seconds() + self._stepped

    def elapsed(self) -> float:
        """The time of the network's clock, in seconds, which no one can set."""
        return self._network.clock.seconds()

    def setClock(self, seconds: float) -> None:
        """
        Set the clock of this host forward or back.

        The delayed calls of the host come earlier or later by the same time.  In a real reactor,
        too, a call has an absolute time.  The flight of datagrams is not affected.

        :param seconds: added to the time; negative to set the clock back
        :raises ValueError: when it isn't a finite number
        """
        checkSeconds("the step of a clock", seconds, isPositive=False)
        self._stepped += seconds
        for call in self._ownCalls():
            call.delay(-seconds)
        schedulerOf(self._network.clock)(STEP_NOTICED_AFTER, self._noticeStep)

    def _noticeStep(self) -> None:
        for each in list(self.clockWatch):
            each.setAgain()

    def moveTo(self, host: str) -> None:
        """
        Take another address; `MemoryNetwork.changeAddress` calls this.

        :param host: the new IPv4 address
        """
        for port in self._ownPorts():
            port.moveTo(host)
        self._network.streams.move(self.host, host)
        self.host = host

    def _ownPorts(self) -> list[MemoryPort]:
        return [port for (host, _), port in self._network.ports.items() if host == self.host]

    def _ownCalls(self) -> list[DelayedCall]:
        return [
            call
            for call in self._network.clock.getDelayedCalls()
            if isinstance(call, DelayedCall) and getattr(call, "reactor", None) is self
        ]

    def callLater(
        self, delay: float, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> IDelayedCall:
        """
        Schedule a call on the network's clock.  The end of the host drops the call, which can still
        be cancelled.

        :param delay: seconds
        :raises AssertionError: when it is below 0 or NaN
        """
        checkDelay(delay)
        if not self.running:
            dropped = self._network.clock.callLater(delay, callable, *args, **kwargs)
            _drop(dropped)
            return dropped
        call = self._network.clock.callLater(delay, callable, *args, **kwargs)
        # By this attribute, _end() finds the calls of this host among those of all hosts.
        call.reactor = self  # type: ignore[attr-defined]
        return call

    def getDelayedCalls(self) -> Sequence[IDelayedCall]:
        """The delayed calls of the network's clock: those of all hosts."""
        return self._network.clock.getDelayedCalls()

    def _callSoon(self, function: Callable[[], object]) -> None:
        """Call a function on the next turn of the clock, unless the host has ended by then."""
        schedulerOf(self._network.clock)(0, self._callIfRunning, function)

    def _callIfRunning(self, function: Callable[[], object]) -> None:
        if self.running:
            with failuresLogged(self._log, "{function} raised an exception", function=function):
                function()

    # System events.

    def callWhenRunning(
        self, callable: Callable[..., Any], *args: object, **kwargs: object
    ) -> Trigger | None:
        """
        Call a function at once, because the reactor runs from the beginning.

        :return: None; after the end of the host, a trigger that never runs
        """
        if not self.running:
            return self.addSystemEventTrigger("after", "startup", callable, *args, **kwargs)
        callable(*args, **kwargs)
        return None

    def addSystemEventTrigger(
        self,
        phase: str,
        eventType: str,
        callable: Callable[..., Any],
        *args: object,
        **kwargs: object,
    ) -> Trigger:
        """
        Add a function that runs once, when a system event is fired.

        :param phase: ``"before"``, ``"during"`` or ``"after"``; the event waits for a Deferred that
            a function of ``before`` returns
        :param eventType: ``"shutdown"``, which `shutDown` and `stop` fire; any other is fired by
            `fireSystemEvent` alone, even ``"startup"``
        :return: the trigger, for `removeSystemEventTrigger`
        :raises KeyError: when there is no such phase
        """
        trigger = Trigger(phase, eventType, partial(callable, *args, **kwargs))
        self._getEvents().add(trigger)
        return trigger

    def removeSystemEventTrigger(self, triggerID: Trigger) -> None:
        """
        Remove a function.

        :param triggerID: as `addSystemEventTrigger` returned it
        :raises ValueError: when the function has run, or was removed before
        """
        self._getEvents().remove(triggerID)

    def fireSystemEvent(self, eventType: str) -> None:
        """
        Run the functions of an event.
        """
        self._getEvents().fire(eventType)

    def _getEvents(self) -> SystemEvents:
        if self._events is None:
            self._events = SystemEvents()
            # Add this trigger first: as in a real reactor, it runs before all triggers that the
            # application adds to this phase.
            self._events.add(Trigger("during", "shutdown", self._disconnect))
        return self._events

    # The end.

    def shutDown(self) -> Deferred[None]:
        """
        Shut the host down, as a signal or `stop` does.

        The functions that were added for ``"shutdown"`` run on the next turn of the clock.  At the
        beginning of the phase ``during``, the ports of the host are closed and its delayed calls
        are dropped.  From that moment, `MemoryNetwork.reactor` returns a new reactor for this
        address, as if the program was started again.

        :return: fires when all functions have run
        """
        if self._stopped is None:
            if not self.running:
                return succeed(None)
            self.stop()
            assert self._stopped is not None
        return self._stopped

    def stop(self) -> None:
        """
        Shut the host down, as `shutDown` does.

        :raises ReactorNotRunning: when the host was stopped before
        """
        if self._stopped is not None or not self.running:
            raise ReactorNotRunning("Can't stop reactor that isn't running.")
        stopped = self._stopped = Deferred()

        def ended(result: Any) -> None:
            self._closeFiles()
            # A crash during the shutdown has fired this Deferred already.
            if not stopped.called:
                stopped.callback(result)

        self._callSoon(lambda: self._getEvents().fire("shutdown").addBoth(ended))

    def crash(self) -> None:
        """
        End the host at once, as if its process was killed: nothing is called, and no datagram is
        sent.  The operating system resets the TCP connections, and unlocks files.
        """
        for port in self._end():
            port.abandon()
        self._closeFiles()
        if self._stopped is not None and not self._stopped.called:
            self._stopped.callback(None)

    def _disconnect(self) -> None:
        for port in self._end():
            with failuresLogged(self._log, "{port} raised an exception when closed", port=port):
                port.connectionLost()

    def _closeFiles(self) -> None:
        for each in list(self.openFiles):
            each.close()

    def _end(self) -> list[MemoryPort | MemoryStreamPort | MemoryConnection]:
        """Drop the delayed calls, and return the ports and the connections that are open."""
        self.running = False
        for call in self._ownCalls():
            _drop(call)
        return [*self._ownPorts(), *self._network.streams.of(self.host)]

    # Methods that only the owner of a real reactor calls.

    def run(self, installSignalHandlers: bool = True) -> None:
        """
        :raises ReactorAlreadyRunning: always, because the clock runs the reactors of all hosts
        :raises ReactorNotRestartable: after the end of the host
        """
        raise ReactorAlreadyRunning() if self.running else ReactorNotRestartable()

    def iterate(self, delay: float = 0.0) -> None:
        """
        Advance the network's clock, for all hosts.

        :param delay: seconds
        """
        self._network.clock.advance(delay)


__all__ = ["CoreReactor", "HostNetwork"]
