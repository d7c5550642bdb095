"""
The OpenAPI document, made from the operations.
"""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from ... import __version__
from ..answers import PROBLEM
from .operation import Content, Operation

#: The schema of an error (RFC 9457).
_PROBLEM_SCHEMA = {
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["title", "status", "detail"],
}

#: The errors that each request may have.
_COMMON = (
    HTTPStatus.BAD_REQUEST,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.METHOD_NOT_ALLOWED,
    HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    HTTPStatus.MISDIRECTED_REQUEST,
    HTTPStatus.SERVICE_UNAVAILABLE,
)


def describeAPI(operations: Iterable[Operation]) -> dict[str, Any]:
    """The document."""
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        paths.setdefault(operation.path, {})[operation.method.lower()] = _describe(operation)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "dwdht_twisted",
            "version": __version__,
            "description": "A node of a DHT that speaks the protocol of dht-rpc 2.",
        },
        "paths": paths,
        "components": {
            "schemas": {"Problem": _PROBLEM_SCHEMA},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _describe(operation: Operation) -> dict[str, Any]:
    statuses = {*_COMMON, *operation.errors}
    if operation.isWrite:
        statuses.add(HTTPStatus.UNAUTHORIZED)
    described: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.summary,
        "responses": {
            "200": {
                "description": operation.result.description,
                "content": _content(operation.result),
            },
            **{
                str(status.value): {
                    "description": status.phrase,
                    "content": {PROBLEM: {"schema": {"$ref": "#/components/schemas/Problem"}}},
                }
                for status in sorted(statuses)
            },
        },
    }
    if operation.parameters:
        described["parameters"] = [
            {
                "name": each.name,
                "in": each.place,
                "required": each.place == "path",
                "schema": each.schema,
                "description": each.description,
            }
            for each in operation.parameters
        ]
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "description": operation.body.description,
            "content": _content(operation.body),
        }
    if operation.isWrite:
        # The token is optional where the server is reached from its own machine alone.
        described["security"] = [{"token": []}, {}]
    return described


def _content(content: Content) -> dict[str, Any]:
    return {content.mediaType: {"schema": content.schema}}
