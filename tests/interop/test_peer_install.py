"""
The installation of the JavaScript peer by npm, and the skipping of tests if it is impossible.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import FailTest, SkipTest, TestCase

from tests.helpers.peer.install import REQUIRE_PEER, Installation

#: The script of an ``npm`` that installs the wanted package.
INSTALLS = """
mkdir -p node_modules/some-package
echo '{"version": "1.2.3"}' > node_modules/some-package/package.json
"""

#: The script of an ``npm`` that fails like the real one.
FAILS = "echo 'npm error network timeout' >&2; exit 1"


class InstallationTests(TestCase):
    """
    `Installation`, with scripts in place of ``node`` and ``npm``.
    """

    timeout = 20

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.folder, self.programs = Path(self.mktemp()), Path(self.mktemp()).absolute()
        for folder in (self.folder, self.programs):
            folder.mkdir()
        wanted = {"dependencies": {"some-package": "1.2.3"}}
        (self.folder / "package.json").write_text(json.dumps(wanted))
        (self.folder / "package-lock.json").write_text("{}")
        (self.folder / ".npmrc").write_text("")
        self.patch(os, "environ", {"PATH": f"{self.programs}:/usr/bin:/bin"})
        self.installation = Installation(self.folder)

    def addProgram(self, name: str, script: str) -> str:
        """Put a program on the path, and return the path of its file."""
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return str(program)

    def remainingFolders(self) -> list[str]:
        """Return the names of the folders that the installation has left."""
        return sorted(each.name for each in self.folder.iterdir() if each.is_dir())

    async def failureOf(self, error: type[Exception]) -> str:
        """Return the text of the exception that `Installation.require` raises."""
        try:
            await self.installation.require(self.reactor)
        except error as raised:
            return str(raised)
        raise FailTest("nothing was raised")

    async def test_missingPackagesAreInstalled(self) -> None:
        """Missing packages are installed by ``npm``. No other folder is left."""
        node = self.addProgram("node", "")
        self.addProgram("npm", INSTALLS)
        self.assertEqual(await self.installation.require(self.reactor), node)
        self.assertEqual(self.remainingFolders(), ["node_modules"])

    async def test_installedPackagesAreKept(self) -> None:
        """If the packages are installed, ``npm`` is not run."""
        self.addProgram("node", "")
        self.addProgram("npm", INSTALLS)
        await self.installation.require(self.reactor)
        self.addProgram("npm", FAILS)
        await Installation(self.folder).require(self.reactor)

    async def test_otherVersionIsReplaced(self) -> None:
        """An installed package of the wrong version is replaced."""
        self.addProgram("node", "")
        self.addProgram("npm", INSTALLS)
        manifest = self.folder / "node_modules" / "some-package" / "package.json"
        manifest.parent.mkdir(parents=True)
        manifest.write_text('{"version": "1.2.2"}')
        await self.installation.require(self.reactor)
        self.assertEqual(json.loads(manifest.read_text())["version"], "1.2.3")

    async def test_missingNodeSkips(self) -> None:
        """Without Node.js, a test is skipped and the reason says that node is not installed."""
        self.patch(os, "environ", {"PATH": str(self.programs)})
        self.assertIn("node is not installed", await self.failureOf(SkipTest))

    async def test_missingNpmSkips(self) -> None:
        """
        Without npm and packages, a test is skipped and the reason says that npm is not installed.
        """
        self.patch(os, "environ", {"PATH": str(self.programs)})
        self.addProgram("node", "")
        self.assertIn("npm is not installed", await self.failureOf(SkipTest))

    async def test_failingNpmSkips(self) -> None:
        """If npm fails, a test is skipped with npm's error as the reason. No folder is left."""
        self.addProgram("node", "")
        self.addProgram("npm", FAILS)
        self.assertIn("npm error network timeout", await self.failureOf(SkipTest))
        self.assertEqual(self.remainingFolders(), [])

    async def test_slowNpmIsKilled(self) -> None:
        """
        An installation with a limit of 0.2 seconds is killed after this time, and the test is
        skipped.
        """
        self.addProgram("node", "")
        self.addProgram("npm", "exec sleep 30")
        self.installation.seconds = 0.2
        self.assertIn("took longer than 0.2 seconds", await self.failureOf(SkipTest))

    async def test_failedInstallationIsNotRepeated(self) -> None:
        """A failed installation is not tried again for the next test."""
        self.addProgram("node", "")
        self.addProgram("npm", FAILS)
        await self.failureOf(SkipTest)
        self.addProgram("npm", INSTALLS)
        await self.failureOf(SkipTest)

    async def test_missingPeerFailsIfRequired(self) -> None:
        """
        If the variable in `REQUIRE_PEER` is 1, a test without the peer fails and is not skipped.
        """
        self.patch(os, "environ", {"PATH": str(self.programs), REQUIRE_PEER: "1"})
        self.assertIn("node is not installed", await self.failureOf(FailTest))
