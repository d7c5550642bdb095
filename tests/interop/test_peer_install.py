"""
Installation of the live peer by npm, and the skipping of tests where it is not possible.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import FailTest, SkipTest, TestCase

from tests.helpers.peer.install import REQUIRE_PEER, Installation

#: A ``npm`` that installs the wanted package.
INSTALLS = """
mkdir -p node_modules/some-package
echo '{"version": "1.2.3"}' > node_modules/some-package/package.json
"""

#: A ``npm`` that fails as the real one does.
FAILS = "echo 'npm error network timeout' >&2; exit 1"


class InstallationTests(TestCase):
    """`Installation` with stand-ins for ``node`` and ``npm``."""

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
        """Put a program on the path, and return its own."""
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return str(program)

    def remainingFolders(self) -> list[str]:
        """Return the names of the folders in the installation's folder."""
        return sorted(each.name for each in self.folder.iterdir() if each.is_dir())

    async def failureOf(self, error: type[Exception]) -> str:
        """Return the text of the error that `Installation.require` raises."""
        try:
            await self.installation.require(self.reactor)
        except error as raised:
            return str(raised)
        raise FailTest("nothing was raised")

    async def test_missingPackagesAreInstalled(self) -> None:
        """Packages that are missing are installed by ``npm``, and nothing but them is left."""
        node = self.addProgram("node", "")
        self.addProgram("npm", INSTALLS)
        self.assertEqual(await self.installation.require(self.reactor), node)
        self.assertEqual(self.remainingFolders(), ["node_modules"])

    async def test_installedPackagesAreKept(self) -> None:
        """Packages that are installed are used without ``npm``."""
        self.addProgram("node", "")
        self.addProgram("npm", INSTALLS)
        await self.installation.require(self.reactor)
        self.addProgram("npm", FAILS)
        await Installation(self.folder).require(self.reactor)

    async def test_otherVersionIsReplaced(self) -> None:
        """A package of another version than the wanted one is replaced."""
        self.addProgram("node", "")
        self.addProgram("npm", INSTALLS)
        manifest = self.folder / "node_modules" / "some-package" / "package.json"
        manifest.parent.mkdir(parents=True)
        manifest.write_text('{"version": "1.2.2"}')
        await self.installation.require(self.reactor)
        self.assertEqual(json.loads(manifest.read_text())["version"], "1.2.3")

    async def test_missingNodeSkips(self) -> None:
        """A test is skipped without Node.js, with that as the reason."""
        self.patch(os, "environ", {"PATH": str(self.programs)})
        self.assertIn("node is not installed", await self.failureOf(SkipTest))

    async def test_missingNpmSkips(self) -> None:
        """A test is skipped without npm and packages, with that as the reason."""
        self.patch(os, "environ", {"PATH": str(self.programs)})
        self.addProgram("node", "")
        self.assertIn("npm is not installed", await self.failureOf(SkipTest))

    async def test_failingNpmSkips(self) -> None:
        """
        A test is skipped when npm fails, with npm's error as the reason, and no folder is left.
        """
        self.addProgram("node", "")
        self.addProgram("npm", FAILS)
        self.assertIn("npm error network timeout", await self.failureOf(SkipTest))
        self.assertEqual(self.remainingFolders(), [])

    async def test_slowNpmIsKilled(self) -> None:
        """
        An installation that takes longer than its 0.2 seconds is killed, and the test is skipped.
        """
        self.addProgram("node", "")
        self.addProgram("npm", "exec sleep 30")
        self.installation.seconds = 0.2
        self.assertIn("took longer than 0.2 seconds", await self.failureOf(SkipTest))

    async def test_failedInstallationIsNotRepeated(self) -> None:
        """An installation that failed isn't tried again for the next test."""
        self.addProgram("node", "")
        self.addProgram("npm", FAILS)
        await self.failureOf(SkipTest)
        self.addProgram("npm", INSTALLS)
        await self.failureOf(SkipTest)

    async def test_missingPeerFailsIfRequired(self) -> None:
        """A test fails without the peer if `REQUIRE_PEER` is 1."""
        self.patch(os, "environ", {"PATH": str(self.programs), REQUIRE_PEER: "1"})
        self.assertIn("node is not installed", await self.failureOf(FailTest))
