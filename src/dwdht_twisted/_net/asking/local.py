"""
The requests of a node to itself, as one of the nodes closest to a target.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..._core.wire import HostPort, ResponseMessage
from ..question import Question

#: The longest time that a lookup waits for the node's own handler, in seconds.  While no round trip
#: has been measured, another node gets the same time: ``INITIAL_TIMEOUT`` times the sum of
#: ``WAITS``.  Larger: a slow handler of the node delays its own lookups.  Smaller: such a handler
#: is not among the results.
LOCAL_TIMEOUT = 4.0


class LocalNode(Protocol):
    """
    Serves the requests of the node to itself.  `OwnRequests` implements this protocol.
    """

    @property
    def clock(self) -> IReactorTime:
        """The clock of the node."""

    def address(self) -> HostPort:
        """The address that the node is bound to."""

    def handles(self, command: str) -> bool:
        """Whether the node is a member of the network and has a handler for a command."""

    def serve(
        self,
        command: str,
        target: bytes,
        value: bytes | None,
        done: Callable[[ResponseMessage | None], None],
        *,
        isUpdate: bool,
    ) -> None:
        """
        Run the handler of a command.

        :param done: called once with the answer, or with None when too many handlers are running
        """


class LocalRequest:
    """
    A request of the node to itself.

    The handler is called on the next turn of the reactor.  The answer is reported on a later turn.

    :param clock: calls functions later
    :param done: called once with the answer, or with None when no answer came in time
    """

    def __init__(self, clock: IReactorTime, done: Callable[[ResponseMessage | None], None]) -> None:
        self._clock = clock
        self._done: Callable[[ResponseMessage | None], None] | None = done
        self._timer: IDelayedCall | None = None

    def send(self, local: LocalNode, question: Question, *, isUpdate: bool) -> None:
        """Ask the node itself."""

        def serve() -> None:
            self._restart(LOCAL_TIMEOUT, None)
            command, target, value = question[:3]
            local.serve(command, target, value, self._answered, isUpdate=isUpdate)

        # The handler is not called at once.  Otherwise the handler, and the consumer of its answer,
        # would run before the call of the user has returned.
        self._timer = self._clock.callLater(0, serve)

    def cancel(self) -> None:
        """End the request without calling ``done``."""
        self._done = None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _answered(self, message: ResponseMessage | None) -> None:
        if self._done is not None:
            # ``done`` is not called at once.  A handler may wait for a query to its own node.  The
            # query runs a second handler, which may wait for another query, and so on.  If all of
            # them ended in one call stack, 256 handlers would exceed the recursion limit.
            self._restart(0, message)

    def _restart(self, seconds: float, message: ResponseMessage | None) -> None:
        """Replace the timer: end the request with ``message`` after some seconds."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = self._clock.callLater(seconds, self._end, message)

    def _end(self, message: ResponseMessage | None) -> None:
        done = self._done
        self.cancel()
        if done is not None:
            done(message)
