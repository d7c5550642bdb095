"""
The called side of L{benchmarks.child.Child}: a line of JSON is a call, and a line its answer.

There is one way for a process that blocks, one for Twisted, and one for asyncio.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Callable, Mapping
from inspect import isawaitable
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.protocols.basic import LineReceiver

#: What a process can be called for: functions of keyword arguments that give a result in JSON.
Commands: TypeAlias = Mapping[str, Callable[..., Any]]


async def answer(commands: Commands, line: str | bytes) -> bytes:
    """
    Run a call, wait for its result, and give the line that answers it.
    """
    call = json.loads(line)
    try:
        result = commands[call.pop("command")](**call)
        if isawaitable(result):
            result = await result
    except Exception as error:
        return json.dumps({"error": f"{type(error).__name__}: {error}"}).encode() + b"\n"
    return json.dumps({"result": result}).encode() + b"\n"


def answerNow(commands: Commands, line: str | bytes) -> None:
    """Run a call whose command doesn't wait, and write the line that answers it."""
    try:
        answer(commands, line).send(None)
    except StopIteration as finished:
        _say(finished.value)
    else:
        raise TypeError("a command of a process that blocks must not be awaited")


def answerCalls(commands: Commands) -> None:
    """Answer until the input ends, in a process that does nothing else."""
    for line in sys.stdin:
        answerNow(commands, line)


def answerWithReactor(makeCommands: Callable[[Any], Commands]) -> None:
    """
    Run the reactor and answer until the input ends.

    :param makeCommands: gets the reactor
    """
    from twisted.internet import reactor, stdio

    stdio.StandardIO(_Calls(reactor, makeCommands(reactor)))
    reactor.run()  # type: ignore[attr-defined]


async def answerWithLoop(commands: Commands) -> None:
    """Answer in an asyncio event loop until the input ends."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        _say(await answer(commands, line))


def _say(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


class _Calls(LineReceiver):
    """The calls of a Twisted process."""

    delimiter = b"\n"
    MAX_LENGTH = 1 << 24

    def __init__(self, reactor: Any, commands: Commands) -> None:
        self._reactor = reactor
        self._commands = commands

    def lineReceived(self, line: bytes) -> None:
        Deferred.fromCoroutine(self._answer(line))

    async def _answer(self, line: bytes) -> None:
        assert self.transport is not None
        self.transport.write(await answer(self._commands, line))

    def connectionLost(self, reason: object = None) -> None:
        if self._reactor.running:
            self._reactor.stop()

