"""
The live peer: nodes of npm's ``dht-rpc`` in a process of Node.js.

``tests/peer`` holds the JavaScript side.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple, TypeVar

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from dwdht_twisted._core.wire import Address, Contact, RequestMessage, ResponseMessage
from dwdht_twisted.interfaces import Pong, Reply
from tests.helpers.peer.install import PEER_FOLDER, ChildProcess, installation

#: How long a call to the JavaScript side may take, in seconds.
CALL_SECONDS = 30.0

#: How long a process may take to end by itself before it is killed, in seconds.
END_SECONDS = 2.0


_Message = TypeVar("_Message", RequestMessage, ResponseMessage)


class PeerError(Exception):
    """A call to the JavaScript side failed there; the text is its error's."""


class PeerProcess(ChildProcess):
    """
    A process that runs any number of nodes of ``dht-rpc``; see ``peer.js`` for its calls.

    :ivar exceptions: the stacks of exceptions that nobody caught in it
    """

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor)
        self.exceptions: list[str] = []
        self._calls: dict[int, Deferred[Any]] = {}
        self._called = 0

    async def start(self) -> None:
        """
        Start the process, and install what it needs before.

        :raises SkipTest: as `Installation.require` does
        """
        node = await installation.require(self._reactor)
        self.spawn([node, "--no-deprecation", "peer.js"], PEER_FOLDER)

    async def stop(self) -> None:
        """End the process, and with it all its nodes."""
        if self.transport is not None:
            self.transport.closeStdin()
            await self.end(END_SECONDS)

    def call(
        self, command: str, *, seconds: float = CALL_SECONDS, **arguments: Any
    ) -> Deferred[Any]:
        """
        Have the process do something.

        :return: fires with its result; fails with `PeerError`, or with ``TimeoutError``
        """
        self._called += 1
        number = self._called

        def abandoned(_: Deferred[Any]) -> None:
            self._calls.pop(number, None)

        deferred: Deferred[Any] = Deferred(abandoned)
        deferred.addTimeout(seconds, self._reactor)
        self._calls[number] = deferred
        line = json.dumps({"call": number, "command": command, **arguments})
        assert self.transport is not None
        self.transport.write(line.encode() + b"\n")
        return deferred

    def outReceived(self, data: bytes) -> None:
        super().outReceived(data)
        *lines, rest = bytes(self.output).split(b"\n")
        self.output = bytearray(rest)
        for line in lines:
            self._answered(json.loads(line))

    def _answered(self, answer: dict[str, Any]) -> None:
        if "exception" in answer:
            self.exceptions.append(answer["exception"])
            return
        deferred = self._calls.pop(answer["call"], None)
        if deferred is None:
            return
        if "error" in answer:
            deferred.errback(PeerError(answer["error"]))
        else:
            deferred.callback(answer["result"])

    def processEnded(self, reason: Failure) -> None:
        calls, self._calls = self._calls, {}
        for deferred in calls.values():
            deferred.errback(PeerError(f"the process has ended: {self.errors.decode()[-2000:]}"))
        super().processEnded(reason)

    async def nodes(
        self,
        count: int,
        *bootstrap: Address,
        ephemeral: bool = False,
        id: bytes | None = None,
        nat: bool = False,
        seconds: float = CALL_SECONDS,
    ) -> list[PeerNode]:
        """
        Start nodes, one after the other.

        :param nat: whether they are behind a NAT that filters by address and port
        :param seconds: how long all may take together to be ready
        """
        started = await self.call(
            "start",
            seconds=seconds,
            count=count,
            bootstrap=[str(address) for address in bootstrap],
            ephemeral=ephemeral,
            id=_hex(id),
            nat=nat,
        )
        return [
            PeerNode(self, each["node"], bytes.fromhex(each["id"]), _address(each), ephemeral)
            for each in started
        ]

    async def holders(self, key: bytes) -> set[bytes]:
        """The ids of those of its nodes that hold a value."""
        return {bytes.fromhex(id) for id in await self.call("holders", key=key.hex())}

    async def encode(self, messages: Iterable[RequestMessage | ResponseMessage]) -> list[bytes]:
        """What the peer's encoder makes of messages: their bodies, without the framing."""
        described = [
            {"type": _messageType(type(message)), **_describe(message)} for message in messages
        ]
        return [bytes.fromhex(body) for body in await self.call("encode", messages=described)]

    async def decode(self, kind: type[_Message], bodies: Iterable[bytes]) -> list[_Message]:
        """What the peer reads from the bodies of messages; the transaction id is 0 in each."""
        described = [{"type": _messageType(kind), "body": body.hex()} for body in bodies]
        messages = []
        for fields in await self.call("decode", messages=described):
            read: dict[str, Any] = {
                n: v if n == "command" else _bytes(v) for n, v in fields.items()
            }
            messages.append(kind(0, **read))
        return messages


class PeerNode(NamedTuple):
    """
    A node in a `PeerProcess`, with the names that a `DHTNode` has for the same things.

    :ivar number: what the process knows it by
    :ivar id: 32 bytes, also when it is ephemeral
    """

    process: PeerProcess
    number: int
    id: bytes
    bound: Address
    ephemeral: bool

    def address(self) -> Address:
        """Where it is reached."""
        return self.bound

    def _call(self, command: str, **arguments: Any) -> Deferred[Any]:
        return self.process.call(command, node=self.number, **arguments)

    async def query(
        self,
        command: str,
        target: bytes,
        value: bytes | None = None,
        *,
        nodes: Iterable[Address] | None = None,
    ) -> list[Reply]:
        """The replies to a query."""
        return await self._run("query", command, target, value, nodes)

    async def update(
        self,
        command: str,
        target: bytes,
        value: bytes | None = None,
        *,
        nodes: Iterable[Address] | None = None,
        query: bool = False,
    ) -> list[Reply]:
        """The replies to an update."""
        return await self._run("update", command, target, value, nodes, query=query)

    async def _run(
        self,
        kind: str,
        command: str,
        target: bytes,
        value: bytes | None,
        nodes: Iterable[Address] | None,
        **options: bool,
    ) -> list[Reply]:
        replies = await self._call(
            kind,
            name=command,
            target=target.hex(),
            value=_hex(value),
            nodes=None if nodes is None else list(nodes),
            **options,
        )
        return [Reply(_contact(reply), _bytes(reply["value"])) for reply in replies]

    async def ping(self, address: Address) -> Pong:
        """The answer to a ping."""
        return _pong(await self._call("ping", address=address))

    async def holepunch(self, peer: Address, referrer: Address) -> Pong:
        """The answer to a ping that the referrer relays."""
        return _pong(await self._call("holepunch", peer=peer, referrer=referrer))

    def contact(self) -> Contact:
        """What its answers say it is."""
        return Contact(None if self.ephemeral else self.id, *self.bound)

    async def ask(self, target: bytes, value: bytes | None) -> list[Reply]:
        """The replies to a query for an echo."""
        return await self.query("echo", target, value)

    async def listed(self) -> list[Contact]:
        """What its routing table holds."""
        return [_contact(contact) for contact in await self._call("contacts")]

    async def punches(self) -> int:
        """How many forwarded pings came."""
        return (await self.counts())["punched"]

    async def counts(self) -> dict[str, int]:
        """
        What happened to it so far: ``queries`` and ``updates`` that its handlers ran, forwarded
        pings that it ``relayed``, and by which it was ``punched``, and ``warnings``.
        """
        counts: dict[str, int] = await self._call("counts")
        return counts

    async def destroy(self) -> None:
        """Release it."""
        await self._call("destroy")


def _messageType(kind: type[RequestMessage | ResponseMessage]) -> str:
    return kind.__name__.removesuffix("Message")


def _describe(message: RequestMessage | ResponseMessage) -> dict[str, str | None]:
    fields = message._asdict()
    del fields["transactionId"]
    return {name: _hex(v) if isinstance(v, bytes) else v for name, v in fields.items()}


def _hex(value: bytes | None) -> str | None:
    return None if value is None else value.hex()


def _bytes(value: str | None) -> bytes | None:
    return None if value is None else bytes.fromhex(value)


def _address(described: Mapping[str, Any]) -> Address:
    return Address(described["host"], described["port"])


def _contact(described: Mapping[str, Any]) -> Contact:
    return Contact(_bytes(described["id"]), described["host"], described["port"])


def _pong(described: Mapping[str, Any]) -> Pong:
    return Pong(_contact(described["contact"]), _address(described["address"]))
