"""
The called side of `benchmarks.child.Child`: a line of JSON is a call, and a line its answer.

There is one way for a process that blocks, one for Twisted, and one for asyncio.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from inspect import isawaitable
from selectors import EVENT_READ, BaseSelector
from typing import Any, TypeAlias, cast

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


def answerCalls(commands: Commands, selector: BaseSelector) -> None:
    """
    Answer until the input ends, in a process that has sockets to look after meanwhile.

    :param commands: none of them waits for the process to do something else
    :param selector: has a function as data for each of its sockets, to be called when that can be
        read
    """
    selector.register(sys.stdin, EVENT_READ)
    read = b""
    while True:
        for key, _ in selector.select():
            if key.data is not None:
                key.data()
                continue
            data = os.read(key.fd, 1 << 16)
            if not data:
                return
            *lines, read = (read + data).split(b"\n")
            for line in lines:
                _say(_finished(answer(commands, line)))


def answerWithReactor(makeCommands: Callable[[Any], Commands]) -> None:
    """
    Run the reactor and answer until the input ends.

    :param makeCommands: gets the reactor
    """
    from twisted.internet import reactor, stdio

    stdio.StandardIO(_Calls(reactor, makeCommands(reactor)))
    reactor.run()


async def answerWithLoop(commands: Commands) -> None:
    """Answer in an asyncio event loop until the input ends."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        _say(await answer(commands, line))


def _finished(answering: Coroutine[Any, Any, bytes]) -> bytes:
    """The result of a coroutine that doesn't wait."""
    try:
        answering.send(None)
    except StopIteration as finished:
        return cast(bytes, finished.value)
    raise TypeError("a command of a process that blocks must not be awaited")


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
