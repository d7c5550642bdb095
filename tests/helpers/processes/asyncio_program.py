"""
A program that uses asyncio. It runs one scenario with a real ``asyncioreactor``.

The name of the scenario is the only argument. If everything is as the scenario requires, the
program ends with status 0 and prints nothing. It writes errors to standard error, including logged
failures and errors that reached asyncio's loop.
"""

from __future__ import annotations

import asyncio
import sys
import traceback
from collections.abc import Callable, Coroutine
from importlib import import_module
from typing import Any

from twisted.internet import asyncioreactor
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import ILogObserver, LogEvent, formatEvent, globalLogBeginner
from zope.interface import implementer

from dwdht_twisted import Address, DHTNode
from dwdht_twisted.interfaces import HandlerFunction

#: The command for which nodes have handlers.
COMMAND = "test"

#: A target of queries.
TARGET = bytes(range(32))

#: The most seconds that a scenario may take.
SCENARIO_SECONDS = 30.0


class Silent(DatagramProtocol):
    """
    A UDP port that never answers.
    """

    noisy = False


@implementer(ILogObserver)
class Program:
    """
    The nodes of a scenario, all of them on loopback.

    :ivar loop: asyncio's loop, which the reactor uses
    :ivar reactor: the reactor
    :ivar failures: the logged failures
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, reactor: Any) -> None:
        self.loop = loop
        self.reactor = reactor
        self.failures: list[str] = []
        self._nodes: list[DHTNode] = []
        self._ports: list[Any] = []

    def __call__(self, event: LogEvent) -> None:
        """Record a logged failure."""
        if "log_failure" in event:
            failure = event["log_failure"]
            self.failures.append(f"{formatEvent(event)}: {failure.getTraceback()}")

    def noteError(self, loop: object, context: dict[str, Any]) -> None:
        """Record an error that reached asyncio's loop."""
        self.failures.append(f"asyncio: {context}")

    def node(self, **options: Any) -> DHTNode:
        """Return a new node that listens on loopback."""
        node = DHTNode(self.reactor, **options)
        node.listen(0, "127.0.0.1")
        self._nodes.append(node)
        return node

    def silent(self, count: int = 1) -> list[Address]:
        """Return the addresses of new ports that never answer."""
        ports = [self.reactor.listenUDP(0, Silent(), "127.0.0.1") for _ in range(count)]
        self._ports += ports
        return [Address("127.0.0.1", port.getHost().port) for port in ports]

    def server(self, query: HandlerFunction, update: HandlerFunction | None = None) -> Address:
        """Return the address of a new member with these handlers."""
        node = self.node()
        node.register(COMMAND, query=query, update=update)
        return node.address()

    async def end(self) -> None:
        """Destroy all nodes and close all ports."""
        for node in self._nodes:
            await node.destroy()
        for port in self._ports:
            port.stopListening()


Scenario = Callable[[Program], Coroutine[Any, Any, None]]


def running(node: DHTNode) -> tuple[int, int]:
    """Return the numbers of a node's streams and of its requests in flight."""
    parts = node._parts
    return parts.queries.running, parts.caller.requests.inFlight


def run(scenario: Scenario) -> int:
    """Run a scenario, and return the exit status."""
    loop = asyncio.new_event_loop()
    asyncioreactor.install(loop)
    from twisted.internet import reactor

    program = Program(loop, reactor)
    globalLogBeginner.beginLoggingTo([program], redirectStandardIO=False)
    loop.set_exception_handler(program.noteError)
    tasks: list[asyncio.Task[None]] = []
    status = 1

    async def main() -> None:
        nonlocal status
        try:
            await asyncio.wait_for(scenario(program), SCENARIO_SECONDS)
            status = 0
        except BaseException:
            traceback.print_exc()
        try:
            await program.end()
        finally:
            program.reactor.stop()

    program.reactor.callWhenRunning(lambda: tasks.append(loop.create_task(main())))
    program.reactor.run()
    if program.failures:
        print(*program.failures, sep="\n", file=sys.stderr)
        status = 1
    return status


if __name__ == "__main__":
    scenarios = import_module(f"tests.helpers.processes.{sys.argv[1]}")
    sys.exit(run(getattr(scenarios, sys.argv[2])))
