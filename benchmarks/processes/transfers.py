"""
One end of the transfer of a large value, or the nodes that keep its pieces, or one end of a copy.

Each node that keeps pieces has a loopback address of its own.
"""

from __future__ import annotations

from hashlib import sha256
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IConsumer
from twisted.internet.protocol import ClientFactory, Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from zope.interface import implementer

from dwdht_twisted import DHTNode, MemoryStore, ValueHandler, values
from dwdht_twisted.values import TreeKey

from ..usage import cpuSeconds, peakBytes
from .calls import Commands, answerWithReactor

HOST = "127.0.0.1"


@implementer(IConsumer)
class Checksum:
    """
    A consumer that keeps only the length and the hash of what is written.
    """

    def __init__(self) -> None:
        self.length = 0
        self._hash = sha256()

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        """Accept a producer."""

    def unregisterProducer(self) -> None:
        """Forget the producer."""

    def write(self, data: bytes) -> None:
        """Count the bytes."""
        self.length += len(data)
        self._hash.update(data)

    def isOf(self, value: bytes) -> bool:
        """Whether exactly this value was written."""
        return self._hash.digest() == sha256(value).digest()


def valueOf(length: int) -> bytes:
    """The value that is transferred."""
    return Random(length).randbytes(length)


class _Sender(Protocol):
    """Writes a value and closes the connection."""

    def __init__(self, value: bytes) -> None:
        self._value = value

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(self._value)
        self.transport.loseConnection()


class _Receiver(Protocol):
    """Keeps the checksum of what it receives until the connection is closed."""

    def __init__(self) -> None:
        self.checksum = Checksum()
        self.ended: Deferred[None] = Deferred()

    def dataReceived(self, data: bytes) -> None:
        self.checksum.write(data)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.ended.callback(None)


class Transfers:
    """
    The commands of the process.

    :param reactor: the real reactor
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._nodes: list[DHTNode] = []

    async def network(self, size: int) -> str:
        """Start nodes that keep values; return the address of the first one."""
        for number in range(size):
            bootstrap = [node.address() for node in self._nodes[:1]]
            node = DHTNode(self._reactor, bootstrap=bootstrap)
            node.register(values.COMMAND, ValueHandler(MemoryStore(self._reactor)))
            node.listen(0, f"127.1.0.{number + 1}")
            await node.ready()
            self._nodes.append(node)
        return str(self._nodes[0].address())

    async def put(self, bootstrap: str, length: int) -> dict[str, Any]:
        """Put a value; return its key and the cost."""
        node = DHTNode(self._reactor, ephemeral=True, bootstrap=[bootstrap])
        await node.ready()
        start, cpu = self._reactor.seconds(), cpuSeconds()
        key = await values.putLarge(node, valueOf(length))
        cost = self._cost(start, cpu)
        await node.destroy()
        return {"key": str(key), **cost}

    async def get(self, bootstrap: str, key: str, length: int) -> dict[str, Any]:
        """Get a value; return the cost."""
        node = DHTNode(self._reactor, ephemeral=True, bootstrap=[bootstrap])
        await node.ready()
        start, cpu = self._reactor.seconds(), cpuSeconds()
        checksum = Checksum()
        await values.getLarge(node, TreeKey.parse(key), checksum)
        cost = self._cost(start, cpu)
        assert checksum.isOf(valueOf(length))
        await node.destroy()
        return cost

    def serve(self, length: int) -> int:
        """Listen on TCP, and write the value to each connection; return the port."""
        value = valueOf(length)
        factory = Factory.forProtocol(lambda: _Sender(value))
        port: int = self._reactor.listenTCP(0, factory, interface=HOST).getHost().port
        return port

    async def copy(self, port: int, length: int) -> dict[str, Any]:
        """Read the value from a TCP port; return the cost."""
        receiver = _Receiver()
        start, cpu = self._reactor.seconds(), cpuSeconds()
        factory = ClientFactory.forProtocol(lambda: receiver)
        self._reactor.connectTCP(HOST, port, factory)
        await receiver.ended
        cost = self._cost(start, cpu)
        assert receiver.checksum.isOf(valueOf(length))
        return cost

    def _cost(self, start: float, cpu: float) -> dict[str, Any]:
        return {
            "seconds": self._reactor.seconds() - start,
            "cpu": cpuSeconds() - cpu,
            "peak": peakBytes(),
        }


def makeCommands(reactor: Any) -> Commands:
    """The commands of the process."""
    transfers = Transfers(reactor)
    return {
        "network": transfers.network,
        "put": transfers.put,
        "get": transfers.get,
        "serve": transfers.serve,
        "copy": transfers.copy,
    }


if __name__ == "__main__":
    answerWithReactor(makeCommands)
