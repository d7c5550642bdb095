"""
The way of a request to its operation, and of an error to its answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from klein import Klein
from twisted.internet.defer import CancelledError, Deferred, ensureDeferred
from twisted.logger import Logger
from twisted.web.resource import IResource
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from ..errors import (
    DHTError,
    NoCloseNodes,
    NodeDestroyed,
    NoResponse,
    RecordRefused,
    StoreFailed,
    TooManyRequests,
    ValueNotFound,
    ValueTooLarge,
)
from .answers import Problem, refuse
from .api.operation import Operation

#: The status of an answer for each error of the package.  The first class that fits counts.
STATUSES: dict[type[DHTError], HTTPStatus] = {
    ValueNotFound: HTTPStatus.NOT_FOUND,
    ValueTooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    RecordRefused: HTTPStatus.CONFLICT,
    NoResponse: HTTPStatus.GATEWAY_TIMEOUT,
    NoCloseNodes: HTTPStatus.GATEWAY_TIMEOUT,
    TooManyRequests: HTTPStatus.SERVICE_UNAVAILABLE,
    StoreFailed: HTTPStatus.SERVICE_UNAVAILABLE,
    NodeDestroyed: HTTPStatus.SERVICE_UNAVAILABLE,
    DHTError: HTTPStatus.BAD_REQUEST,
}


class Routes:
    """
    Runs the operation of each request.

    :param operations: the operations
    :param checkWrite: called before an operation that changes something; raises a `Problem` to
        refuse it
    """

    _log = Logger()

    def __init__(
        self, operations: Iterable[Operation], checkWrite: Callable[[Request], None]
    ) -> None:
        self._checkWrite = checkWrite
        self._failed: set[str] = set()
        app = self._app = Klein()
        app.handle_errors(HTTPException)(self._unknown)
        for operation in operations:
            path = operation.path.replace("{", "<").replace("}", ">")
            route = app.route(path, methods=[operation.method], endpoint=operation.name)
            route(self._runner(operation))

    def resource(self) -> IResource:
        """The resource of the whole server."""
        found: IResource = self._app.resource()
        return found

    def _runner(self, operation: Operation) -> Callable[..., Deferred[bytes | None]]:
        def run(request: Any, **given: str) -> Deferred[bytes | None]:
            return ensureDeferred(self._run(operation, request, given))

        return run

    async def _run(
        self, operation: Operation, request: Request, given: dict[str, str]
    ) -> bytes | None:
        try:
            if operation.isWrite:
                self._checkWrite(request)
            result = operation.run(request, **given)
            found: bytes | None = result if isinstance(result, bytes) else await result
        except CancelledError:
            # The client has gone.
            return None
        except Problem as problem:
            return refuse(request, problem)
        except DHTError as error:
            status = next(STATUSES[each] for each in STATUSES if isinstance(error, each))
            return refuse(request, Problem(status, str(error)))
        except Exception:
            if operation.name not in self._failed:
                # A client can repeat what has failed, and must not fill the log.
                self._failed.add(operation.name)
                self._log.failure("serving {name} over HTTP failed", name=operation.name)
            return refuse(
                request, Problem(HTTPStatus.INTERNAL_SERVER_ERROR, "see the log of the server")
            )
        return found

    def _unknown(self, request: Any, failure: Any) -> bytes:
        """Answer a request for which there is no operation."""
        error = failure.value
        status = HTTPStatus.NOT_FOUND
        if isinstance(error, MethodNotAllowed):
            status = HTTPStatus.METHOD_NOT_ALLOWED
            request.setHeader("Allow", ", ".join(sorted(error.valid_methods or ())))
        return refuse(request, Problem(status, "see /openapi.json"))
