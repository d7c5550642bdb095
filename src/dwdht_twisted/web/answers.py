"""
The answers of the server: JSON, and problems in the form of RFC 9457.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import Any

from twisted.web.server import Request

#: The media type of an error.
PROBLEM = "application/problem+json"


class Problem(Exception):
    """
    A request that is answered with an error.

    :param status: the status of the answer
    :param detail: what was wrong, and what is allowed
    :ivar status: see above
    :ivar detail: see above
    """

    def __init__(self, status: HTTPStatus, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail


def encode(value: Any) -> bytes:
    """A value as a line of JSON, in ASCII, so that no text in it can be taken for markup."""
    text = json.dumps(value, separators=(",", ":"))
    # A browser that shows the answer as something else must find no tag in it.
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text.encode("ascii") + b"\n"


def answer(request: Request, value: Any, status: HTTPStatus = HTTPStatus.OK) -> bytes:
    """Set the head of an answer with a value as JSON, and return its body."""
    request.setResponseCode(status)
    request.setHeader("Content-Type", "application/json")
    return encode(value)


def refuse(request: Request, problem: Problem) -> bytes:
    """Set the head of an answer with a problem, and return its body."""
    status = problem.status
    request.setResponseCode(status, status.phrase.encode("ascii"))
    request.setHeader("Content-Type", PROBLEM)
    return encode({"title": status.phrase, "status": status.value, "detail": problem.detail})
