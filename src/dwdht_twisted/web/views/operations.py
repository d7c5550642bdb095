"""
The operations that show the node: its health, its status, its metrics, and the page.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeVar

from twisted.web.server import Request

from ...errors import DHTError
from ...interfaces import IMeasuredStore, StoreUsage
from ..answers import Problem, answer, encode
from ..api.description import describeAPI
from ..api.operation import JSON, Content, Operation
from ..bounds import SHOWN_FOR, USAGE_SHOWN_FOR
from ..subject import Subject
from . import metrics
from .files import CONTENT_SECURITY_POLICY, INDEX, File, readFiles
from .lookups import ShownLookups
from .status import statusOf

_Shown = TypeVar("_Shown")

_OBJECT = {"type": "object"}

_HEALTH = {
    "type": "object",
    "properties": {"state": {"type": "string"}, "reason": {"type": "string"}},
    "required": ["state", "reason"],
}


class Recent:
    """
    Gives a result again for a while.

    :param seconds: tells the time
    :param lifetime: how long a result is given, in seconds
    :param make: makes a new one
    """

    def __init__(
        self, seconds: Callable[[], float], lifetime: float, make: Callable[[], Awaitable[Any]]
    ) -> None:
        self._seconds = seconds
        self._lifetime = lifetime
        self._make = make
        self._madeAt = float("-inf")
        self._result: Any = None

    async def get(self) -> Any:
        """The last result, or a new one if that is too old."""
        now = self._seconds()
        if now - self._madeAt >= self._lifetime:
            # Others that ask meanwhile get the last result, if there is one.
            if self._result is not None:
                self._madeAt = now
            self._result = await self._make()
            self._madeAt = now
        return self._result


class Shown:
    """
    Shows one node.

    :param subject: the node and its parts
    :param lookups: the lookups that are shown
    :param writing: tells what a writer needs; see `Access.writing`
    """

    def __init__(self, subject: Subject, lookups: ShownLookups, writing: Callable[[], str]) -> None:
        seconds = subject.node.clock.seconds
        self._subject = subject
        self._lookups = lookups
        self._writing = writing
        self._startedAt = seconds()
        self._files = readFiles()
        self._usage = Recent(seconds, USAGE_SHOWN_FOR, self._readUsage)
        self._metrics = Recent(seconds, SHOWN_FOR, self._makeMetrics)
        self._status = Recent(seconds, SHOWN_FOR, self._makeStatus)
        self._document: bytes = b""

    def operations(self) -> list[Operation]:
        """The operations that the OpenAPI document describes."""
        return [
            Operation(
                "GET",
                "/metrics",
                "getMetrics",
                "The metrics, for Prometheus.",
                self.showMetrics,
                Content(metrics.MEDIA_TYPE, {"type": "string"}, "The metrics."),
            ),
            Operation(
                "GET",
                "/healthz",
                "getHealth",
                "Whether the node runs.",
                self.showHealth,
                Content(JSON, _HEALTH, "The node runs; its health."),
            ),
            Operation(
                "GET",
                "/readyz",
                "getReadiness",
                "Whether the node has joined its network, and reaches it.",
                self.showReadiness,
                Content(JSON, _HEALTH, "The node is ready; its health."),
            ),
            Operation(
                "GET",
                "/status",
                "getStatus",
                "What the node knows and does.",
                self.showStatus,
                Content(JSON, _OBJECT, "The status."),
            ),
            Operation(
                "GET",
                "/openapi.json",
                "getDescription",
                "This document.",
                self.showDocument,
                Content(JSON, _OBJECT, "The document."),
            ),
        ]

    def pages(self) -> list[Operation]:
        """The operations of the page."""
        content = Content("text/html", {"type": "string"}, "The page.")
        return [
            Operation("GET", "/", "getPage", "The page.", self.showPage, content),
            Operation(
                "GET", "/page/{name}", "getFile", "A file of the page.", self.showFile, content
            ),
        ]

    def describe(self, operations: list[Operation]) -> None:
        """Make the OpenAPI document."""
        self._document = encode(describeAPI(operations))

    async def showMetrics(self, request: Request) -> bytes:
        """The metrics."""
        request.setHeader("Content-Type", metrics.MEDIA_TYPE)
        found: bytes = await self._metrics.get()
        return found

    def showHealth(self, request: Request) -> bytes:
        """The health."""
        return answer(request, self._subject.node.health._asdict())

    def showReadiness(self, request: Request) -> bytes:
        """The health, unless the node is offline, which it is until it has joined."""
        health = self._subject.node.health
        if health.state == "offline":
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, health.reason)
        return answer(request, health._asdict())

    async def showStatus(self, request: Request) -> bytes:
        """The status."""
        request.setHeader("Content-Type", JSON)
        found: bytes = await self._status.get()
        return found

    def showDocument(self, request: Request) -> bytes:
        """The OpenAPI document."""
        request.setHeader("Content-Type", JSON)
        return self._document

    def showPage(self, request: Request) -> bytes:
        """The page."""
        return self.showFile(request, INDEX)

    def showFile(self, request: Request, name: str) -> bytes:
        """A file of the page."""
        found: File | None = self._files.get(name)
        if found is None:
            raise Problem(HTTPStatus.NOT_FOUND, "the page has no such file")
        request.setHeader("Content-Type", found.mediaType)
        request.setHeader("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return found.content

    async def _makeMetrics(self) -> bytes:
        uptime = self._subject.node.clock.seconds() - self._startedAt
        return metrics.render(self._subject, await self._usage.get(), uptime=uptime)

    async def _makeStatus(self) -> bytes:
        return encode(
            statusOf(
                self._subject,
                self._lookups,
                startedAt=self._startedAt,
                usage=await self._usage.get(),
                writing=self._writing(),
            )
        )

    async def _readUsage(self) -> StoreUsage | None:
        store = self._subject.store
        if not IMeasuredStore.providedBy(store):
            return None
        try:
            found = IMeasuredStore(store).usage()
            return found if isinstance(found, StoreUsage) else await found
        except DHTError:
            return None
