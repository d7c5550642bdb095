"""
The JavaScript peer: nodes of npm's ``dht-rpc`` in a process of Node.js.

The program is in ``tests/helpers/peer/javascript``.
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

#: The most seconds that a call of the JavaScript process may take.
CALL_SECONDS = 30.0

#: The seconds in which the process may end by itself. Then it is killed.
END_SECONDS = 2.0


_Message = TypeVar("_Message", RequestMessage, ResponseMessage)


class PeerError(Exception):
    """
    A call failed in the JavaScript process. The text is that of its error.
    """


class PeerProcess(ChildProcess):
    """
    A process with any number of ``dht-rpc`` nodes. ``peer.js`` lists its calls.

    :ivar exceptions: the stacks of the uncaught exceptions in the process
    """

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor)
        self.exceptions: list[str] = []
        self._calls: dict[int, Deferred[Any]] = {}
        self._called = 0

    async def start(self) -> None:
        """
        Install the packages if necessary, and start the process.

        :raises SkipTest: if the packages can't be installed, as `Installation.require` does
        """
        node = await installation.require(self._reactor)
        self.spawn([node, "--no-deprecation", "peer.js"], PEER_FOLDER)

    async def stop(self) -> None:
        """End the process, together with all its nodes."""
        if self.transport is not None:
            self.transport.closeStdin()
            await self.end(END_SECONDS)

    def call(
        self, command: str, *, seconds: float = CALL_SECONDS, **arguments: Any
    ) -> Deferred[Any]:
        """
        Make the process run a command.

        :return: a Deferred that fires with the result. It fails with `PeerError`, or with
            ``TimeoutError`` after ``seconds``
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
        hyper: bool = False,
        seconds: float = CALL_SECONDS,
    ) -> list[PeerNode]:
        """
        Start nodes, one after the other.

        :param nat: whether each node is behind a NAT that filters by address and port
        :param hyper: whether they are nodes of ``hyperdht``, which have the command ``peers``
        :param seconds: the most seconds in which all nodes together must join
        """
        started = await self.call(
            "start",
            seconds=seconds,
            count=count,
            bootstrap=[str(address) for address in bootstrap],
            ephemeral=ephemeral,
            id=_hex(id),
            nat=nat,
            hyper=hyper,
        )
        return [
            PeerNode(self, each["node"], bytes.fromhex(each["id"]), _address(each), ephemeral)
            for each in started
        ]

    async def holders(self, key: bytes) -> set[bytes]:
        """Return the ids of the JavaScript nodes that store the value of a key."""
        return {bytes.fromhex(id) for id in await self.call("holders", key=key.hex())}

    async def encode(self, messages: Iterable[RequestMessage | ResponseMessage]) -> list[bytes]:
        """Return the bodies of messages, written by the peer's encoder, without the framing."""
        described = [
            {"type": _messageType(type(message)), **_describe(message)} for message in messages
        ]
        return [bytes.fromhex(body) for body in await self.call("encode", messages=described)]

    async def decode(self, kind: type[_Message], bodies: Iterable[bytes]) -> list[_Message]:
        """Return the messages that the peer reads from bodies. Each has the transaction id 0."""
        described = [{"type": _messageType(kind), "body": body.hex()} for body in bodies]
        messages = []
        for fields in await self.call("decode", messages=described):
            read: dict[str, Any] = {
                n: v if n == "command" else _bytes(v) for n, v in fields.items()
            }
            messages.append(kind(0, **read))
        return messages


class Named(NamedTuple):
    """
    A reply to a call of ``hyperdht``.

    :ivar node: the address of the node that replied
    :ivar peers: the peers that it named
    :ivar local: the local peers that it named
    """

    node: Address
    peers: list[Address]
    local: list[Address]


class PeerNode(NamedTuple):
    """
    A node in a `PeerProcess`, with the method names of `DHTNode`.

    :ivar number: the number of the node in the process
    :ivar id: the id of the node, 32 bytes, even if the node is ephemeral
    :ivar bound: the address of the node's socket
    """

    process: PeerProcess
    number: int
    id: bytes
    bound: Address
    ephemeral: bool

    def address(self) -> Address:
        """Return the address of the node's socket."""
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
        """Return the replies to a query."""
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
        """Return the replies to an update."""
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
        """Return the answer to a ping."""
        return _pong(await self._call("ping", address=address))

    async def holepunch(self, peer: Address, referrer: Address) -> Pong:
        """Return the answer to a ping that the referrer relays."""
        return _pong(await self._call("holepunch", peer=peer, referrer=referrer))

    async def announce(
        self, topic: bytes, port: int = 0, localAddress: tuple[str, int] | None = None
    ) -> list[Named]:
        """
        Announce the node of ``hyperdht`` under a topic.

        :param port: the announced port; 0 for the port of the node's socket
        """
        return await self._named("announce", topic, port, localAddress)

    async def unannounce(self, topic: bytes, port: int = 0) -> None:
        """Take an announcement back."""
        await self._call("unannounce", topic=topic.hex(), port=port)

    async def lookUp(
        self, topic: bytes, port: int = 0, localAddress: tuple[str, int] | None = None
    ) -> list[Named]:
        """Return the replies of the nodes that know peers of a topic."""
        return await self._named("lookup", topic, port, localAddress)

    async def _named(
        self, command: str, topic: bytes, port: int, localAddress: tuple[str, int] | None
    ) -> list[Named]:
        options: dict[str, Any] = {"topic": topic.hex(), "port": port}
        if localAddress is not None:
            options["localAddress"] = dict(zip(("host", "port"), localAddress, strict=True))
        return [_named(reply) for reply in await self._call(command, **options)]

    def contact(self) -> Contact:
        """Return the contact that the node's answers describe."""
        return Contact(None if self.ephemeral else self.id, *self.bound)

    async def ask(self, target: bytes, value: bytes | None) -> list[Reply]:
        """Return the replies to a query of the ``echo`` command."""
        return await self.query("echo", target, value)

    async def listed(self) -> list[Contact]:
        """Return the contacts of the node's routing table."""
        return [_contact(contact) for contact in await self._call("contacts")]

    async def punches(self) -> int:
        """Return the number of received forwarded pings."""
        return (await self.counts())["punched"]

    async def counts(self) -> dict[str, int]:
        """
        Return the counters of the node.

        They are the ``queries`` and ``updates`` that its handlers ran, the pings that it
        ``relayed``, the forwarded pings that it received (``punched``), and its ``warnings``.
        """
        counts: dict[str, int] = await self._call("counts")
        return counts

    async def destroy(self) -> None:
        """Destroy the node."""
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


def _named(described: Mapping[str, Any]) -> Named:
    lists = ([Address(*peer) for peer in described[name]] for name in ("peers", "local"))
    return Named(_address(described["node"]), *lists)


def _contact(described: Mapping[str, Any]) -> Contact:
    return Contact(_bytes(described["id"]), described["host"], described["port"])


def _pong(described: Mapping[str, Any]) -> Pong:
    return Pong(_contact(described["contact"]), _address(described["address"]))
