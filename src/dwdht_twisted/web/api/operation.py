"""
An operation of the API: its path, what it takes and gives, and the function that runs it.

Routes and the OpenAPI document are both made from operations, so they can't differ.
"""

from __future__ import annotations

import json
from binascii import unhexlify
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, NamedTuple

from twisted.web.server import Request

from ..._core.wire import ID_BYTES
from ..answers import Problem

#: The schema of 32 bytes as text.
HEX_ID: Mapping[str, Any] = {"type": "string", "pattern": "^[0-9a-fA-F]{64}$"}

#: The media types of results.
JSON = "application/json"
JSON_LINES = "application/x-ndjson"
EVENTS = "text/event-stream"
BYTES = "application/octet-stream"


class Parameter(NamedTuple):
    """
    A parameter in the path or in the query of an operation.

    :ivar name: its name
    :ivar place: ``"path"`` or ``"query"``
    :ivar schema: what it may be, in JSON Schema
    :ivar description: what it is
    """

    name: str
    place: str
    schema: Mapping[str, Any]
    description: str


class Content(NamedTuple):
    """
    What a body holds.

    :ivar mediaType: its media type
    :ivar schema: its JSON Schema
    :ivar description: what it is
    """

    mediaType: str
    schema: Mapping[str, Any]
    description: str


class Operation(NamedTuple):
    """
    One operation.

    :ivar method: its method
    :ivar path: its path, with parameters in braces
    :ivar name: its name
    :ivar summary: what it does
    :ivar run: takes the request, and the parameters of the path by name; gives the body
    :ivar result: what the answer holds after a success
    :ivar parameters: its parameters
    :ivar body: what the body of the request holds, or None
    :ivar errors: the statuses of its errors, beside those that every request may have
    :ivar isWrite: whether it changes something, so that a writer is needed
    """

    method: str
    path: str
    name: str
    summary: str
    run: Callable[..., Any]
    result: Content
    parameters: tuple[Parameter, ...] = ()
    body: Content | None = None
    errors: tuple[HTTPStatus, ...] = ()
    isWrite: bool = False


#: What an operation gives: a body, now or later; or nothing, because it has written its answer.
Outcome = bytes | Awaitable[bytes | None]


def readId(text: str, what: str) -> bytes:
    """
    Read 32 bytes.

    :param what: what they are, for the error
    :raises Problem: when the text isn't 64 hexadecimal digits
    """
    try:
        found = unhexlify(text.encode("ascii"))
    except (UnicodeEncodeError, ValueError):
        found = b""
    if len(found) != ID_BYTES:
        raise Problem(HTTPStatus.BAD_REQUEST, f"{what} has 64 hexadecimal digits")
    return found


def readBody(request: Request) -> bytes:
    """The body of a request."""
    body: bytes = b"" if request.content is None else request.content.read()
    return body


def readObject(request: Request) -> dict[str, Any]:
    """
    Read the body of a request as an object of JSON.

    :raises Problem: when it isn't one
    """
    try:
        given = json.loads(readBody(request))
    except (ValueError, RecursionError):
        given = None
    if not isinstance(given, dict):
        raise Problem(HTTPStatus.BAD_REQUEST, "the body is an object of JSON")
    return given


def readQuery(request: Request, name: str) -> str | None:
    """
    A parameter of the query, or None.

    :raises Problem: when it isn't UTF-8
    """
    given = request.args.get(name.encode("ascii"), [])
    if not given:
        return None
    try:
        return str(given[0].decode())
    except UnicodeDecodeError:
        raise Problem(HTTPStatus.BAD_REQUEST, f"{name} must be UTF-8") from None
