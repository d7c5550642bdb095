"""
The process's side of `benchmarks.child.Child`.  A call is a line of JSON, and so is its answer.

* `answerCalls`: for a process that selects on its own sockets.
* `answerWithReactor`: for a process that runs a Twisted reactor.
* `answerWithLoop`: for a process that runs an asyncio event loop.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping
from inspect import isawaitable
from selectors import EVENT_READ, BaseSelector
from typing import Any, TypeAlias, cast

from twisted.internet.defer import Deferred
from twisted.protocols.basic import LineReceiver

#: The commands of a process by name.  Each takes keyword arguments, and returns a result that JSON
#: can represent, or an awaitable of one.
Commands: TypeAlias = Mapping[str, Callable[..., Any]]


async def answer(commands: Commands, line: str | bytes) -> bytes:
    """
    Run a call, and wait for its result.

    :return: the line with the result, or with the error that the command raised
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
    Answer calls until the input ends, and read from the process's own sockets meanwhile.

    :param commands: the commands, which may not wait for an event of the process
    :param selector: holds the sockets; the data of each is a function to call when it can be read
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
                _write(_resultOf(answer(commands, line)))


def answerWithReactor(makeCommands: Callable[[Any], Commands]) -> None:
    """
    Run the reactor and answer calls until the input ends.

    :param makeCommands: called with the reactor, returns the commands
    """
    from twisted.internet import reactor, stdio

    stdio.StandardIO(_Calls(reactor, makeCommands(reactor)))
    reactor.run()


async def answerWithLoop(commands: Commands) -> None:
    """Answer calls in an asyncio event loop until the input ends."""
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        _write(await answer(commands, line))


def prioritize(isRealTime: bool) -> None:
    """
    Let no other program delay this process, or end this.  The main thread comes before the others.

    :raises PermissionError: when the user may not do so; root may
    """
    for thread in threading.enumerate():
        assert thread.native_id is not None
        level = 1 + (thread is threading.main_thread()) if isRealTime else 0
        policy = os.SCHED_FIFO if isRealTime else os.SCHED_OTHER
        os.sched_setscheduler(thread.native_id, policy, os.sched_param(level))


def _resultOf(coroutine: Coroutine[Any, Any, bytes]) -> bytes:
    """
    The result of a coroutine that ends without waiting.

    :raises TypeError: when it waits
    """
    try:
        coroutine.send(None)
    except StopIteration as finished:
        return cast(bytes, finished.value)
    raise TypeError("a command of a process without a reactor or event loop must not wait")


def _write(line: bytes) -> None:
    sys.stdout.buffer.write(line)
    sys.stdout.buffer.flush()


class _Calls(LineReceiver):
    """Reads calls from the standard input, and stops the reactor at the end of the input."""

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
