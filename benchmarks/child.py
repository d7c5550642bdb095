"""
A child process that is called over its standard input and output, and that is always ended.
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

#: The working directory of processes: the folder of the repository, so that they can import this
#: package.
FOLDER = Path(__file__).parents[1]

#: The time that a process has to end once its input is closed, in seconds.  After this time, the
#: process is killed.
END_SECONDS = 3.0


class ChildFailed(Exception):
    """A call failed in the process, the process has ended, or the call took too long."""


class Child:
    """
    A process that reads calls as lines of JSON and answers each with one line.

    The process ends when its standard input is closed, so it also ends when its parent is killed.
    Use a child in a ``with`` statement.

    :param command: the program and its arguments
    :param environment: variables to set beside those of this process
    :param processors: the processors that it may run on; by default those of this process
    """

    def __init__(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        processors: Collection[int] = (),
    ) -> None:
        allowed = os.sched_getaffinity(0)
        # Set the affinity before the process starts: all its threads inherit the affinity.
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
        Run a command in the process.

        :param timeout: the time that it may take, in seconds
        :param arguments: the arguments of the command, which must be representable in JSON
        :return: the result of the command
        :raises ChildFailed: when the command fails, when the process has ended, and after the
            time-out
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
        """The exit status of the process; None while it runs."""
        return self._process.poll()

    def kill(self) -> None:
        """Kill the process."""
        self._process.kill()

    def end(self) -> None:
        """Close the input of the process, wait for its end, and kill it after 3 seconds."""
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
