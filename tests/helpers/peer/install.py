"""
Child processes that end with their test, and the installation of the JavaScript peer by npm.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.error import ProcessExitedAlready
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from twisted.python.procutils import which
from twisted.trial.unittest import FailTest, SkipTest

#: The folder of the JavaScript program.
PEER_FOLDER = Path(__file__).parent / "javascript"

#: An environment variable. If it is 1, a test without the JavaScript peer fails and is not skipped.
REQUIRE_PEER = "DWDHT_REQUIRE_PEER"

#: The most seconds that ``npm`` may take. The first test that needs the peer takes this much
#: longer.
INSTALL_SECONDS = 180.0


class ChildProcess(ProcessProtocol):
    """
    A child process and its output.

    :ivar ended: whether the process has ended
    :ivar exitCode: the exit code; None while the process runs, or if a signal ended it
    :ivar output: the bytes written to standard output
    :ivar errors: the bytes written to standard error
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._waiting: list[Deferred[int | None]] = []
        self.ended = False
        self.exitCode: int | None = None
        self.output = bytearray()
        self.errors = bytearray()

    def spawn(
        self, command: Sequence[str], folder: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        """
        Start the process.

        :param environment: variables in addition to those of this process
        """
        variables = {**os.environ, **(environment or {})}
        self._reactor.spawnProcess(self, command[0], command, variables, path=str(folder))

    def outReceived(self, data: bytes) -> None:
        self.output += data

    def errReceived(self, data: bytes) -> None:
        self.errors += data

    def processEnded(self, reason: Failure) -> None:
        self.ended = True
        how: Any = reason.value
        self.exitCode = how.exitCode
        waiting, self._waiting = self._waiting, []
        for deferred in waiting:
            deferred.callback(self.exitCode)

    async def end(self, seconds: float) -> int | None:
        """
        Wait for the end of the process. Kill it after ``seconds``.

        :return: the exit code, or None if the process was killed
        """
        if self.ended:
            return self.exitCode
        timer = self._reactor.callLater(seconds, self.kill)
        ended: Deferred[int | None] = Deferred(self._abandoned)
        self._waiting.append(ended)
        try:
            return await ended
        finally:
            if timer.active():
                timer.cancel()

    def _abandoned(self, ended: Deferred[int | None]) -> None:
        self._waiting.remove(ended)
        self.kill()

    def kill(self) -> None:
        """Kill this process if it still runs."""
        if self.transport is not None:
            try:
                self.transport.signalProcess("KILL")
            except ProcessExitedAlready:
                return


@dataclass
class Installation:
    """
    The installation of the JavaScript packages. It is done once, at the first use.

    :ivar folder: the folder with ``package.json`` and its lock file
    :ivar seconds: the most seconds that ``npm`` may take
    :ivar what: what the packages are, in words
    :ivar variable: an environment variable; if it is 1, a test without the packages fails
    """

    folder: Path
    seconds: float = INSTALL_SECONDS
    what: str = "the peer dht-rpc"
    variable: str = REQUIRE_PEER
    _checked: bool = field(default=False, init=False)
    _problem: str = field(default="", init=False)

    async def require(self, reactor: Any) -> str:
        """
        Install the packages, unless they are installed already.

        :return: the path of ``node``
        :raises SkipTest: if the packages can't be installed
        :raises FailTest: if the packages can't be installed and `variable` is 1
        """
        node: list[str] = which("node")
        npm: list[str] = which("npm")
        if not self._checked:
            if not node:
                self._problem = "node is not installed"
            elif not self._isInstalled():
                self._problem = (
                    await self._install(reactor, npm[0]) if npm else "npm is not installed"
                )
            self._checked = True
        if not self._problem:
            return node[0]
        reason = f"{self.what} is not available: {self._problem}"
        raise FailTest(reason) if os.environ.get(self.variable) == "1" else SkipTest(reason)

    def _isInstalled(self) -> bool:
        wanted = json.loads((self.folder / "package.json").read_text())["dependencies"]
        for name, version in wanted.items():
            manifest = self.folder / "node_modules" / name / "package.json"
            if not manifest.exists() or json.loads(manifest.read_text())["version"] != version:
                return False
        return True

    async def _install(self, reactor: Any, npm: str) -> str:
        # Install into a new folder and rename it then. So another process that installs or uses the
        # packages at the same time never sees an incomplete folder.
        with tempfile.TemporaryDirectory(prefix="node_modules-", dir=self.folder) as name:
            work = Path(name)
            for source in ("package.json", "package-lock.json", ".npmrc"):
                shutil.copy(self.folder / source, work)
            child = ChildProcess(reactor)
            child.spawn([npm, "ci"], work)
            exitCode = await child.end(self.seconds)
            if exitCode is None:
                return f"npm ci took longer than {self.seconds} seconds"
            if exitCode:
                return f"npm ci failed: {child.errors.decode(errors='replace').strip()[-500:]}"
            installed = self.folder / "node_modules"
            if not self._isInstalled():
                shutil.rmtree(installed, ignore_errors=True)
            try:
                (work / "node_modules").rename(installed)
            except OSError as error:
                if not self._isInstalled():
                    return f"{installed} can't be replaced: {error}"
        return ""


installation = Installation(PEER_FOLDER)
