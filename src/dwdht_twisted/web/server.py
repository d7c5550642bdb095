"""
The web server of one node.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from klein import Klein
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.endpoints import serverFromString
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import Site
from werkzeug.exceptions import HTTPException

from .._awaitable import AwaitableDeferred
from ..errors import CannotListen
from ..interfaces import IDHTNode, IValueStore, ValueStore
from ..peers import PeerHandler
from .answers import Problem, answer, refuse
from .files import CONTENT_SECURITY_POLICY, INDEX, File, readFiles
from .lookups import ShownLookups
from .settings import HTTPSettings
from .status import statusOf
from .subject import Subject


class Pages:
    """
    The resources of the server.

    :param subject: the node and its parts
    :param lookups: the lookups that are shown
    """

    app = Klein()

    def __init__(self, subject: Subject, lookups: ShownLookups) -> None:
        self._subject = subject
        self._lookups = lookups
        self._files = readFiles()
        self._startedAt = subject.node.clock.seconds()

    @app.handle_errors(HTTPException)
    def failed(self, request: IRequest, failure: Failure) -> bytes:
        """Answer a request for which there is no resource."""
        error = failure.value
        assert isinstance(error, HTTPException)
        status = HTTPStatus(error.code or HTTPStatus.NOT_FOUND)
        return refuse(
            request, Problem(status, f"{status.phrase}; /openapi.json lists what there is")
        )

    @app.route("/")
    def index(self, request: IRequest) -> bytes:
        """The page."""
        return self._file(request, INDEX)

    @app.route("/page/<name>")
    def file(self, request: IRequest, name: str) -> bytes:
        """A file of the page."""
        return self._file(request, name)

    @app.route("/status")
    def status(self, request: IRequest) -> bytes:
        """The status of the node, as JSON."""
        return answer(request, statusOf(self._subject, self._lookups, startedAt=self._startedAt))

    def _file(self, request: IRequest, name: str) -> bytes:
        found: File | None = self._files.get(name)
        if found is None:
            return refuse(request, Problem(HTTPStatus.NOT_FOUND, f"the page has no file {name!r}"))
        request.setHeader("Content-Type", found.mediaType)
        request.setHeader("Content-Security-Policy", CONTENT_SECURITY_POLICY)
        return found.content


class WebServer:
    """
    Serves one node over HTTP.

    :param reactor: provides time and connections
    :param settings: where to listen, and who may write
    """

    _log = Logger()

    def __init__(self, reactor: Any, settings: HTTPSettings) -> None:
        self._reactor = reactor
        self._settings = settings
        self._lookups = ShownLookups()
        self._site = Site(Resource())
        self._port: IListeningPort | None = None

    def listen(self) -> None:
        """
        Open the port.

        :raises CannotListen: when the endpoint is wrong, or can't be opened
        """
        given = self._settings.endpoint
        try:
            endpoint = serverFromString(self._reactor, given)
        except Exception as error:
            raise CannotListen(f"{given!r} is not a server endpoint: {error}") from error
        failures: list[Failure] = []
        endpoint.listen(self._site).addCallbacks(self._listening, failures.append)
        if failures:
            raise CannotListen(failures[0].getErrorMessage()) from failures[0].value

    def serve(
        self,
        node: IDHTNode,
        *,
        store: IValueStore | ValueStore | None = None,
        peers: PeerHandler | None = None,
    ) -> None:
        """
        Begin to serve a node.

        :param store: where the node keeps values for others
        :param peers: keeps the announcements of others
        """
        self._lookups.start(node)
        self._site.resource = Pages(Subject(node, store, peers), self._lookups).app.resource()

    def _listening(self, port: IListeningPort) -> None:
        self._port = port
        self._log.info("serving HTTP on {address}", address=port.getHost())

    def stop(self) -> Deferred[None]:
        """
        Stop listening.

        :return: fires when the port is closed
        """
        self._lookups.stop()
        stopped: AwaitableDeferred[None] = AwaitableDeferred()
        port, self._port = self._port, None
        closed = maybeDeferred(lambda: None if port is None else port.stopListening())
        closed.addBoth(lambda _: stopped.callback(None))
        return stopped
