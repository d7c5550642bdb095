"""
The operations on values.
"""

from __future__ import annotations

from http import HTTPStatus

from twisted.web.server import Request

from ... import values
from ..answers import Problem, answer
from ..subject import Subject
from .operation import BYTES, HEX_ID, JSON, Content, Operation, Parameter, readBody, readId
from .turns import Turns

_KEY = Parameter("key", "path", HEX_ID, "The SHA-256 of the value.")


class Values:
    """
    Puts and gets values.

    :param subject: the node
    :param turns: limits the queries of clients
    """

    def __init__(self, subject: Subject, turns: Turns) -> None:
        self._node = subject.node
        self._turns = turns

    def operations(self) -> list[Operation]:
        """The operations."""
        return [
            Operation(
                "GET",
                "/values/{key}",
                "getValue",
                "Find a value by its key.",
                self.get,
                Content(BYTES, {"type": "string", "format": "binary"}, "The value, as it is."),
                (_KEY,),
                errors=(HTTPStatus.NOT_FOUND, HTTPStatus.GATEWAY_TIMEOUT),
            ),
            Operation(
                "PUT",
                "/values/{key}",
                "putValue",
                "Store a value on the nodes closest to its key.",
                self.put,
                Content(
                    JSON,
                    {
                        "type": "object",
                        "properties": {"key": HEX_ID},
                        "required": ["key"],
                        "additionalProperties": False,
                    },
                    "The key of the value.",
                ),
                (_KEY,),
                Content(
                    BYTES,
                    {"type": "string", "format": "binary", "maxLength": values.MAXIMUM_VALUE_BYTES},
                    f"The value, at most {values.MAXIMUM_VALUE_BYTES} bytes.",
                ),
                (HTTPStatus.NOT_FOUND, HTTPStatus.GATEWAY_TIMEOUT),
                isWrite=True,
            ),
        ]

    async def get(self, request: Request, key: str) -> bytes:
        """Find a value."""
        with self._turns.take():
            value = await values.get(self._node, readId(key, "a key"))
        request.setHeader("Content-Type", BYTES)
        # A browser saves what somebody else has put, and shows none of it.
        request.setHeader("Content-Disposition", "attachment")
        return value

    async def put(self, request: Request, key: str) -> bytes:
        """Store a value."""
        wanted = readId(key, "a key")
        value = values.checkValue(readBody(request))
        if values.keyOf(value) != wanted:
            raise Problem(
                HTTPStatus.BAD_REQUEST, f"the key of this value is {values.keyOf(value).hex()}"
            )
        with self._turns.take():
            await values.put(self._node, value)
        return answer(request, {"key": wanted.hex()})
