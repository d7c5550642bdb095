"""
A node that reads commands from standard input and writes answers to standard output.

A command is a line of JSON, ``{"call": NUMBER, "command": NAME, ...}``. Its answer has the same
number, and a result or the name of an exception and its reason. The process ends when its standard
input is closed.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import import_module
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from dwdht_twisted import Contact, DHTNode, ICommandHandler, Pong, QueryStream, Reply, Request

COMMAND = "echo"


@implementer(ICommandHandler)
class Echo:
    """
    A command handler that returns the value of each request.

    :ivar updates: the values of the received updates
    """

    def __init__(self) -> None:
        self.updates: list[bytes | None] = []

    def queryReceived(self, request: Request) -> bytes | None:
        return request.value

    def updateReceived(self, request: Request) -> bytes | None:
        self.updates.append(request.value)
        return request.value


class NodeDriver(LineOnlyReceiver):
    """
    A protocol that reads commands and runs them on its node.

    :param ended: called when standard input is closed
    """

    delimiter = b"\n"
    MAX_LENGTH = 1_000_000

    def __init__(self, reactor: Any, ended: Callable[[], None]) -> None:
        self._reactor = reactor
        self._ended = ended
        self._handler = Echo()
        self._node: DHTNode

    def lineReceived(self, line: bytes) -> None:
        arguments = json.loads(line)
        number = arguments.pop("call")
        call = getattr(self, f"call_{arguments.pop('command')}")
        maybeDeferred(call, **arguments).addCallbacks(
            lambda result: self._answer(call=number, result=result),
            lambda failure: self._failed(number, failure),
        )

    def _failed(self, number: int, failure: Failure) -> None:
        self._answer(
            call=number, error=type(failure.value).__name__, reason=failure.getErrorMessage()
        )

    def _answer(self, **answer: Any) -> None:
        self.sendLine(json.dumps(answer).encode())

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._ended()

    def call_set(self, module: str, **constants: float) -> None:
        """Change constants of a module. The node must not be started yet."""
        for name, value in constants.items():
            setattr(import_module(module), name, value)

    def call_start(
        self, id: str, host: str, port: int, bootstrap: list[str], adaptive: bool
    ) -> Deferred[None]:
        """Start the node and wait until it has joined."""
        self._node = DHTNode(
            self._reactor, id=bytes.fromhex(id), bootstrap=bootstrap, adaptive=adaptive
        )
        self._node.register(COMMAND, self._handler)
        self._node.listen(port, host)
        return self._node.ready()

    def call_ping(self, address: str) -> Deferred[Any]:
        """Ping a node."""
        return self._node.ping(address).addCallback(_describePong)

    def call_holepunch(self, peer: str, referrer: str) -> Deferred[Any]:
        """Ping a node through a referrer."""
        return self._node.holepunch(peer, referrer).addCallback(_describePong)

    def call_query(self, target: str, value: str, holepunching: bool) -> Deferred[Any]:
        """Query the ``echo`` command of other nodes."""
        return _describeReplies(
            self._node.query(
                COMMAND,
                bytes.fromhex(target),
                bytes.fromhex(value),
                holepunching=holepunching,
                local=False,
            )
        )

    def call_update(self, target: str, value: str) -> Deferred[Any]:
        """Update the ``echo`` command of other nodes."""
        return _describeReplies(
            self._node.update(COMMAND, bytes.fromhex(target), bytes.fromhex(value), local=False)
        )

    def call_contacts(self) -> list[Any]:
        """Return the contacts of the node's table."""
        return [_describe(contact) for contact in self._node.contacts()]

    def call_standing(self) -> list[Any]:
        """Return the node's standing, and whether the node is a member."""
        return [*self._node.standing, not self._node.ephemeral]

    def call_updates(self) -> list[str]:
        """Return the values of the received updates, in hexadecimal."""
        return [(value or b"").hex() for value in self._handler.updates]


def _describe(contact: Contact) -> list[Any]:
    return [None if contact.id is None else contact.id.hex(), contact.host, contact.port]


def _describePong(pong: Pong) -> dict[str, Any]:
    return {"contact": _describe(pong.contact), "address": list(pong.address)}


def _describeReplies(stream: QueryStream) -> Deferred[Any]:
    def describe(replies: list[Reply]) -> list[Any]:
        return [
            {
                "node": _describe(reply.node),
                "value": None if reply.value is None else reply.value.hex(),
            }
            for reply in replies
        ]

    return stream.collect().addCallback(describe)


def main() -> None:
    """Run the reactor until standard input is closed."""
    from twisted.internet import reactor

    running: Any = reactor
    StandardIO(NodeDriver(running, running.stop), reactor=running)
    running.run()


if __name__ == "__main__":
    main()
