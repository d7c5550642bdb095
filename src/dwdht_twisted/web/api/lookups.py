"""
The operations that show lookups as they run, as server-sent events.
"""

from __future__ import annotations

from http import HTTPStatus

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IPushProducer
from twisted.web.server import Request
from zope.interface import implementer

from ... import values
from ...errors import DHTError
from ..subject import Subject
from .operation import EVENTS, HEX_ID, Content, Operation, Parameter, readId
from .streams import LineWriter, event, pump
from .turns import Turns

_STEPS = (
    "An event for each step: `started`, `asked`, `answered`, `late`, `punched`, `failed` and "
    "`ended`, with the fields of a `LookupStep`: the number of the `lookup`, its `command` and "
    "`target`, the `time`, the `node` and its `hops`, the `referrer` that has named it, and "
    "others. A field that has its default is left out."
)


class Lookups:
    """
    Shows lookups.

    :param subject: the node
    :param turns: limits the queries of clients
    :param watching: limits the clients that watch all lookups
    """

    def __init__(self, subject: Subject, turns: Turns, watching: Turns) -> None:
        self._node = subject.node
        self._turns = turns
        self._watching = watching

    def operations(self) -> list[Operation]:
        """The operations."""
        content = Content(EVENTS, {}, _STEPS)
        return [
            Operation(
                "GET",
                "/lookups",
                "watchLookups",
                "Watch all lookups of the node, until the connection is closed. A client that is "
                "too slow misses steps.",
                self.watch,
                content,
            ),
            Operation(
                "GET",
                "/lookups/{target}",
                "traceLookup",
                "Look up the nodes closest to a target, and show each step.",
                self.trace,
                content,
                (Parameter("target", "path", HEX_ID, "The target of the lookup."),),
                errors=(HTTPStatus.NOT_FOUND,),
            ),
        ]

    async def trace(self, request: Request, target: str) -> bytes | None:
        """Run a lookup, and write its steps."""
        wanted = readId(target, "a target")
        with self._turns.take():
            stream = self._node.query(values.COMMAND, wanted)
            # The replies are not written, but their consumer passes the pauses on to the query.
            writer = LineWriter(request, EVENTS)
            end = self._node.watchLookups(
                lambda step: (
                    writer.writeBytes(event(step.kind, step.asDict()))
                    if step.lookup == stream.number
                    else None
                )
            )
            try:
                isThere = await pump(request, stream, writer)
            except DHTError:
                # The last step has told the reason.
                isThere = True
            finally:
                end()
        return b"" if isThere else None

    async def watch(self, request: Request) -> bytes | None:
        """Write the steps of all lookups."""
        if request.method == b"HEAD":
            # The body would never end, and HEAD has none.
            request.setHeader("Content-Type", EVENTS)
            return b""
        with self._watching.take():
            writer = LineWriter(request, EVENTS)
            watch = _Watch(request)
            gone: Deferred[None] = request.notifyFinish()
            request.registerProducer(watch, True)
            writer.writeBytes(b": the lookups of this node\n\n")
            end = self._node.watchLookups(
                lambda step: (
                    None if watch.isPaused else writer.writeBytes(event(step.kind, step.asDict()))
                )
            )
            try:
                await gone.addErrback(lambda _: None)
            finally:
                end()
        return None


@implementer(IPushProducer)
class _Watch:
    """
    The producer of steps that nobody can pause: those of a pause are dropped.

    :param request: where the steps are written
    :ivar isPaused: whether the client doesn't read
    """

    def __init__(self, request: Request) -> None:
        self._request = request
        self.isPaused = False

    def pauseProducing(self) -> None:
        """Drop the steps that follow."""
        self.isPaused = True

    def resumeProducing(self) -> None:
        """Write the steps that follow."""
        self.isPaused = False

    def stopProducing(self) -> None:
        """Write nothing more."""
        self.isPaused = True
