"""
A process that is called over its standard input and output, and always ended.
"""

from __future__ import annotations

import json
import os
import selectors
import subprocess
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import Any

#: Where processes run: the folder of the repository, which holds this package.
FOLDER = Path(__file__).parents[1]

#: How long a process may take to end by itself once its input is closed, in seconds.
END_SECONDS = 3.0


class ChildFailed(Exception):
    """A process failed at what it was called for, ended, or took too long."""


class Child:
    """
    A process that reads calls as lines of JSON and answers each with one line.

    It ends when its standard input is closed, so that it also ends with its parent, however that
    goes.  Use it in a ``with`` statement.

    :param command: the program and its arguments
    :param environment: variables to set beside those of this process
    :param processors: those that it may run on; by default all that this process may
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        processors: Collection[int] = (),
    ) -> None:
        allowed = os.sched_getaffinity(0)
        # It is inherited, so that no thread of the process starts anywhere else.
        os.sched_setaffinity(0, processors or allowed)
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **(environment or {})},
                cwd=FOLDER,
            )
        finally:
            os.sched_setaffinity(0, allowed)
        self._name = " ".join(command[-2:])
        self._read = b""

    def call(self, command: str, *, timeout: float = 120.0, **arguments: Any) -> Any:
        """
        Have the process do something.

        :param timeout: how long it may take, in seconds
        :return: its result
        :raises ChildFailed: when it failed there, the process ended, or it took too long
        """
        line = json.dumps({"command": command, **arguments})
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise ChildFailed(f"{self._name} has ended") from None
        answer = json.loads(self._readLine(monotonic() + timeout, command))
        if "error" in answer:
            raise ChildFailed(f"{self._name}, {command}: {answer['error']}")
        return answer["result"]

    def _readLine(self, deadline: float, command: str) -> bytes:
        assert self._process.stdout is not None
        descriptor = self._process.stdout.fileno()
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while b"\n" not in self._read:
                if not selector.select(max(0.0, deadline - monotonic())):
                    raise ChildFailed(f"{self._name}, {command}: no answer in time")
                data = os.read(descriptor, 1 << 16)
                if not data:
                    raise ChildFailed(f"{self._name}, {command}: the process has ended")
                self._read += data
        line, _, self._read = self._read.partition(b"\n")
        return line

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.end()

    @property
    def exitCode(self) -> int | None:
        """What the process ended with; None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """End the process at once."""
        self._process.kill()

    def end(self) -> None:
        """End the process; kill it when it doesn't go by itself."""
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        with suppress(BrokenPipeError):
            process.stdin.close()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            process.wait()
        process.stdout.close()
