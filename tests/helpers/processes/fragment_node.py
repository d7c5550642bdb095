"""
Members that store values, all in one process. A test makes them put and get values.

The process reads commands from standard input, one on a line, with spaces between the words. It
answers each with one line:

- ``join COUNT HOST BOOTSTRAP``: start COUNT members on a host. They join through the bootstrap
  node. If it is ``-``, the first member joins no network, and the others join through the first.
  The answer is the address of the first member.
- ``put HEX``: put a value through the first member. The answer is the key in hexadecimal.
- ``get HEX``: get a value through the first member. The answer is the value in hexadecimal.
- ``echo SIZE ADDRESS``: query a member for a value of SIZE bytes. The answer is the received size.

If a command fails, the answer is the name of the exception. The process ends when its standard
input is closed.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver

from dwdht_twisted import DHTNode, values
from dwdht_twisted.values import MemoryStore


class FragmentDriver(LineOnlyReceiver):
    """
    A protocol that reads commands and runs them on its members.
    """

    delimiter = b"\n"
    MAX_LENGTH = 10_000

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._members: list[DHTNode] = []

    def lineReceived(self, line: bytes) -> None:
        command, *words = line.decode().split()
        Deferred.fromCoroutine(getattr(self, f"_{command}")(*words)).addCallbacks(
            self._answer, lambda failure: self._answer(failure.type.__name__)
        )

    def connectionLost(self, reason: object = None) -> None:
        self._reactor.stop()

    def _answer(self, text: str) -> None:
        self.sendLine(text.encode())

    async def _join(self, count: str, host: str, bootstrap: str) -> str:
        for _ in range(int(count)):
            node = DHTNode(
                self._reactor, bootstrap=() if bootstrap == "-" else bootstrap, rateLimit=None
            )
            node.register(values.COMMAND, values.ValueHandler(MemoryStore(self._reactor)))
            node.register("echo", query=lambda request: bytes(int(request.value or b"0")))
            node.listen(0, host)
            self._members.append(node)
            if bootstrap == "-":
                bootstrap = str(node.address())
        for node in self._members:
            await node.ready()
        for node in self._members:
            await node.bootstrap()
        return str(self._members[0].address())

    async def _put(self, value: str) -> str:
        return (await values.put(self._members[0], bytes.fromhex(value))).hex()

    async def _get(self, key: str) -> str:
        return (await values.get(self._members[0], bytes.fromhex(key))).hex()

    async def _echo(self, size: str, address: str) -> str:
        stream = self._members[0].query("echo", bytes(32), size.encode(), nodes=[address])
        [reply] = await stream.collect()
        return str(len(reply.value or b""))


def main() -> None:
    """Run the reactor until standard input is closed."""
    from twisted.internet import reactor

    running: Any = reactor
    StandardIO(FragmentDriver(running), reactor=running)
    running.run()


if __name__ == "__main__":
    main()
