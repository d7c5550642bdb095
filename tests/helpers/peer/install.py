"""
Child processes that are always ended, and the installation of the live peer by one of them.
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

#: The JavaScript side.
PEER_FOLDER = Path(__file__).parent / "javascript"

#: Set to 1 where a missing peer is a failure, not a reason to skip.
REQUIRE_PEER = "DWDHT_REQUIRE_PEER"

#: How long ``npm`` may take, in seconds.  The first test to need the peer takes this much longer.
INSTALL_SECONDS = 180.0


class ChildProcess(ProcessProtocol):
    """
    A process of ours, and what it writes.

    :ivar output: what came on its standard output
    :ivar errors: what came on its standard error
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

        :param environment: variables to set beside those of this process
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
        Wait for the end, and kill the process when it takes too long.

        :return: the exit code; None when it was killed
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
        """End this process, and no other."""
        if self.transport is not None:
            try:
                self.transport.signalProcess("KILL")
            except ProcessExitedAlready:
                return


@dataclass
class Installation:
    """
    The packages of the JavaScript side, installed once, at the first use.

    :ivar folder: where ``package.json`` and its lock are
    :ivar seconds: how long ``npm`` may take
    """

    folder: Path
    seconds: float = INSTALL_SECONDS
    _checked: bool = field(default=False, init=False)
    _problem: str = field(default="", init=False)

    async def require(self, reactor: Any) -> str:
        """
        :return: the path of ``node``
        :raises SkipTest: when the peer can't be had here
        :raises FailTest: when it can't be had and `REQUIRE_PEER` says it must
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
        reason = f"the peer dht-rpc is not available: {self._problem}"
        raise FailTest(reason) if os.environ.get(REQUIRE_PEER) == "1" else SkipTest(reason)

    def _isInstalled(self) -> bool:
        wanted = json.loads((self.folder / "package.json").read_text())["dependencies"]
        for name, version in wanted.items():
            manifest = self.folder / "node_modules" / name / "package.json"
            if not manifest.exists() or json.loads(manifest.read_text())["version"] != version:
                return False
        return True

    async def _install(self, reactor: Any, npm: str) -> str:
        # In a folder beside, then renamed: what is there is whole, whoever else installs it now.
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
