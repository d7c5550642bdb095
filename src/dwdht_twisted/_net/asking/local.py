"""
Asking the node itself, as one of the nodes closest to a target.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from twisted.internet.interfaces import IDelayedCall, IReactorTime

from ..._core.wire import HostPort, ResponseMessage
from .question import Question

#: Seconds that the node's own handler may take: as long as another node is waited for at most
#: before any round trip was measured.  Larger: a slow handler of the node's own holds up its
#: lookups.
LOCAL_TIMEOUT = 4.0


class LocalNode(Protocol):
    """
    Serves requests of the node to itself; the answering half of the node.
    """

    @property
    def clock(self) -> IReactorTime:
        """The clock of the node."""

    def address(self) -> HostPort:
        """The address that the node is bound to."""

    def handles(self, command: str) -> bool:
        """Whether the node is a member and has a handler for a command."""

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

        :param done: called once with the answer, or with None when the handler was not run
        """


class LocalRequest:
    """
    A request of the node to itself.

    It is served on the next turn of the reactor, and its answer comes on a further one.

    :param clock: calls later
    :param done: called once with the answer, or with None when there is none in time
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

        # Not at once: the handler, and then the consumer, would run within the caller's own call.
        self._timer = self._clock.callLater(0, serve)

    def cancel(self) -> None:
        """End without a word to ``done``."""
        self._done = None
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _answered(self, message: ResponseMessage | None) -> None:
        if self._done is not None:
            # Not at once: handlers that wait for queries of their own node, each for the next one,
            # would all end in one call stack, which has no room for 256 of them.
            self._restart(0, message)

    def _restart(self, seconds: float, message: ResponseMessage | None) -> None:
        """End after some seconds, and not when it was to end until now."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = self._clock.callLater(seconds, self._end, message)

    def _end(self, message: ResponseMessage | None) -> None:
        done = self._done
        self.cancel()
        if done is not None:
            done(message)
