"""
The operations on peers.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from twisted.web.server import Request

from ... import peers
from ...errors import DHTError
from ..answers import Problem, answer, encode
from ..subject import Subject
from .operation import JSON, JSON_LINES, Content, Operation, Parameter, readObject
from .streams import LineWriter, pump
from .turns import Turns

_TOPIC = Parameter(
    "topic",
    "path",
    {"type": "string", "minLength": 1},
    "64 hexadecimal digits are the 32 bytes of a topic; of any other text, the SHA-256 is taken.",
)

_PORT = {"type": "integer", "minimum": 0, "maximum": 65535}


class Peers:
    """
    Announces and finds peers.

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
                "/peers/{topic}",
                "findPeers",
                "Find the peers of a topic.",
                self.get,
                Content(
                    JSON_LINES,
                    {"type": "string"},
                    "A line of JSON for each peer, as soon as it is found: its `host` and `port`, "
                    "the `referrer` that has named it, and whether it `isLocal`. If the look-up "
                    "fails after the first peer, the last line has the `error`.",
                ),
                (_TOPIC,),
                errors=(HTTPStatus.NOT_FOUND, HTTPStatus.GATEWAY_TIMEOUT),
            ),
            Operation(
                "POST",
                "/peers/{topic}",
                "announcePeer",
                "Announce a port of this host under a topic, for six minutes.",
                self.post,
                Content(
                    JSON,
                    {
                        "type": "object",
                        "properties": {"topic": {"type": "string"}, "nodes": {"type": "integer"}},
                        "required": ["topic", "nodes"],
                        "additionalProperties": False,
                    },
                    "The topic in hexadecimal digits, and how many nodes name the peer now.",
                ),
                (_TOPIC,),
                Content(
                    JSON,
                    {"type": "object", "properties": {"port": _PORT}, "required": ["port"]},
                    "The port; 0 for that of the node itself.",
                ),
                (HTTPStatus.NOT_FOUND, HTTPStatus.GATEWAY_TIMEOUT),
                isWrite=True,
            ),
        ]

    async def get(self, request: Request, topic: str) -> bytes | None:
        """Write each peer of a topic."""
        with self._turns.take():
            stream = peers.lookUp(self._node, _readTopic(topic))
            writer = LineWriter(request, JSON_LINES, _describe)
            try:
                isThere = await pump(request, stream, writer)
            except DHTError as error:
                if not writer.hasBegun:
                    raise
                return encode({"error": str(error)})
        if isThere and not writer.hasBegun:
            request.setHeader("Content-Type", JSON_LINES)
        return b"" if isThere else None

    async def post(self, request: Request, topic: str) -> bytes:
        """Announce a port."""
        found = _readTopic(topic)
        port = readObject(request).get("port")
        if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= 65535:
            raise Problem(HTTPStatus.BAD_REQUEST, "port is a number from 0 to 65535")
        with self._turns.take():
            announced = await peers.announce(self._node, found, port)
        return answer(request, {"topic": found.hex(), "nodes": len(announced.nodes)})


def _readTopic(text: str) -> bytes:
    try:
        return peers.readTopic(text)
    except UnicodeEncodeError:
        raise Problem(HTTPStatus.BAD_REQUEST, "a topic is text in UTF-8") from None


def _describe(peer: peers.Peer) -> dict[str, Any]:
    return {
        "host": peer.address.host,
        "port": peer.address.port,
        "referrer": str(peer.referrer.address),
        "isLocal": peer.isLocal,
    }
