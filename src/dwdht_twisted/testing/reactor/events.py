"""
System events of a host: functions that run before, during and after its shutdown.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..failures import failuresLogged

#: The phases of an event, in their order.
PHASES = ("before", "during", "after")


class Trigger:
    """
    A function that runs once, in one phase of the next event with a certain name.

    :ivar event: the name of the event
    :ivar phase: one of `PHASES`
    :ivar call: calls the function with its arguments
    """

    __slots__ = ("call", "event", "phase")

    def __init__(self, phase: str, event: str, call: Callable[[], object]) -> None:
        self.phase = phase
        self.event = event
        self.call = call

    def __repr__(self) -> str:
        return f"<Trigger {self.phase} {self.event}: {self.call!r}>"


class SystemEvents:
    """
    The triggers of one host, in the order in which they were added.
    """

    _log = Logger()

    def __init__(self) -> None:
        self._triggers: list[Trigger] = []

    def add(self, trigger: Trigger) -> None:
        """
        Add a trigger.

        :raises KeyError: when its phase isn't one of `PHASES`
        """
        if trigger.phase not in PHASES:
            raise KeyError(f"a phase is one of {', '.join(PHASES)}, not {trigger.phase!r}")
        self._triggers.append(trigger)

    def remove(self, trigger: Trigger) -> None:
        """
        Remove a trigger.

        :raises ValueError: when the trigger has run, was removed before or was never added
        """
        if trigger not in self._triggers:
            raise ValueError(f"{trigger!r} has run, was removed or was never added")
        self._triggers.remove(trigger)

    def fire(self, event: str) -> Deferred[None]:
        """
        Run the triggers of an event, those of each phase in the order in which they were added.

        An exception of a trigger is logged, and so is the failure of a Deferred that a trigger of
        ``before`` has returned.

        :return: fires when all triggers have run.  The triggers of ``before`` run within this call.
            The others wait for the Deferreds that the triggers of ``before`` have returned.
        """
        awaited: list[Deferred[object]] = []
        for result in self._run("before", event):
            if isinstance(result, Deferred):
                awaited.append(result.addErrback(self._logFailure, event))

        def finish(ignored: object) -> None:
            self._run("during", event)
            self._run("after", event)

        return DeferredList(awaited).addCallback(finish)

    def _run(self, phase: str, event: str) -> list[object]:
        """Run the triggers of one phase, also triggers that they add, and return their results."""
        results: list[object] = []
        while trigger := next(
            (each for each in self._triggers if (each.phase, each.event) == (phase, event)), None
        ):
            self._triggers.remove(trigger)
            with failuresLogged(self._log, "{trigger} raised an exception", trigger=trigger):
                results.append(trigger.call())
        return results

    def _logFailure(self, failure: Failure, event: str) -> None:
        self._log.failure("a Deferred from before {event} failed", failure, event=event)


__all__ = ["SystemEvents", "Trigger"]
