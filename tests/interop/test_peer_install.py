"""
What the interop tests do where the peer isn't installed.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from twisted.trial.unittest import FailTest, SkipTest, TestCase

from tests.helpers.peer.install import REQUIRE_PEER, Installation

#: A ``npm`` that installs what the tests want.
INSTALLS = """
mkdir -p node_modules/some-package
echo '{"version": "1.2.3"}' > node_modules/some-package/package.json
"""

#: A ``npm`` that fails as the real one does.
FAILS = "echo 'npm error network timeout' >&2; exit 1"


class InstallationTests(TestCase):
    """With stand-ins for ``node`` and ``npm``."""

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

    def program(self, name: str, script: str) -> str:
        """Put a program on the path."""
        program = self.programs / name
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        return str(program)

    def left(self) -> list[str]:
        """What is in the folder beside the files that were there."""
        return sorted(each.name for each in self.folder.iterdir() if each.is_dir())

    async def problem(self, error: type[Exception]) -> str:
        """The text of the error that `Installation.require` raises."""
        try:
            await self.installation.require(self.reactor)
        except error as raised:
            return str(raised)
        raise FailTest("nothing was raised")

    async def test_installs(self) -> None:
        """What isn't there is installed by ``npm``."""
        node = self.program("node", "")
        self.program("npm", INSTALLS)
        self.assertEqual(await self.installation.require(self.reactor), node)
        self.assertEqual(self.left(), ["node_modules"])

    async def test_installedOnce(self) -> None:
        """What is there is taken as it is."""
        self.program("node", "")
        self.program("npm", INSTALLS)
        await self.installation.require(self.reactor)
        self.program("npm", FAILS)
        await Installation(self.folder).require(self.reactor)

    async def test_otherVersion(self) -> None:
        """A package of another version than the one asked for is replaced."""
        self.program("node", "")
        self.program("npm", INSTALLS)
        manifest = self.folder / "node_modules" / "some-package" / "package.json"
        manifest.parent.mkdir(parents=True)
        manifest.write_text('{"version": "1.2.2"}')
        await self.installation.require(self.reactor)
        self.assertEqual(json.loads(manifest.read_text())["version"], "1.2.3")

    async def test_skippedWithoutNode(self) -> None:
        """Without Node.js the tests are skipped, and the reason says so."""
        self.patch(os, "environ", {"PATH": str(self.programs)})
        self.assertIn("node is not installed", await self.problem(SkipTest))

    async def test_skippedWithoutNpm(self) -> None:
        """Without npm the tests are skipped, and the reason says so."""
        self.patch(os, "environ", {"PATH": str(self.programs)})
        self.program("node", "")
        self.assertIn("npm is not installed", await self.problem(SkipTest))

    async def test_skippedWhenInstallationFails(self) -> None:
        """When npm fails the tests are skipped, its words are the reason, and nothing is left."""
        self.program("node", "")
        self.program("npm", FAILS)
        self.assertIn("npm error network timeout", await self.problem(SkipTest))
        self.assertEqual(self.left(), [])

    async def test_bounded(self) -> None:
        """An installation that takes too long is ended."""
        self.program("node", "")
        self.program("npm", "exec sleep 30")
        self.installation.seconds = 0.2
        self.assertIn("took longer than 0.2 seconds", await self.problem(SkipTest))

    async def test_triedOnce(self) -> None:
        """A failed installation isn't tried again for the next test."""
        self.program("node", "")
        self.program("npm", FAILS)
        await self.problem(SkipTest)
        self.program("npm", INSTALLS)
        await self.problem(SkipTest)

    async def test_required(self) -> None:
        """Where the peer is required, its absence is a failure."""
        self.patch(os, "environ", {"PATH": str(self.programs), REQUIRE_PEER: "1"})
        self.assertIn("node is not installed", await self.problem(FailTest))
