"""
The package as it is installed here.
"""

from __future__ import annotations

import ast
import sys
from importlib.metadata import metadata, version

from twisted.trial.unittest import SynchronousTestCase

from tests.helpers.processes.programs import ROOT, SCRIPTS, ProgramTestCase


class MetadataTests(SynchronousTestCase):
    """
    What the package says of itself.
    """

    def test_metadata(self) -> None:
        """It says its version, its license, and the oldest Python that it is for."""
        self.assertRegex(version("dwdht_twisted"), r"^\d+\.\d+\.\d+")
        said = metadata("dwdht_twisted")
        self.assertEqual(said["License-Expression"], "MIT")
        self.assertEqual(said["Requires-Python"], ">=3.10")

    def test_plugin(self) -> None:
        """The plugin file imports nothing but ServiceMaker, for twistd reads it at each start."""
        plugin = ast.parse((ROOT / "twisted" / "plugins" / "dwdht_plugin.py").read_text())
        imports = [node for node in plugin.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        self.assertEqual(
            [ast.unparse(node) for node in imports],
            ["from twisted.application.service import ServiceMaker"],
        )


class InstalledTests(ProgramTestCase):
    """
    What can be told by running it in another folder.
    """

    async def test_twistdLists(self) -> None:
        """twistd lists dwdht among its commands."""
        program = await self.finish(str(SCRIPTS / "twistd"), "--help")
        self.assertRegex(program.text, r"\n    dwdht +A node of a Kademlia DHT")

    async def test_command(self) -> None:
        """The command dwdht is there."""
        program = await self.finish(str(SCRIPTS / "dwdht"), "--version")
        self.assertEqual(program.text, f"dwdht {version('dwdht_twisted')}\n")

    async def test_noReactor(self) -> None:
        """Importing the package installs no reactor, so that an application may choose its own."""
        modules = "dwdht_twisted, dwdht_twisted._cli.tap, dwdht_twisted.cli, dwdht_twisted.demo"
        code = f"import sys, {modules}; print('twisted.internet.reactor' in sys.modules)"
        program = await self.finish(sys.executable, "-c", code)
        self.assertEqual((program.text, program.errorText), ("False\n", ""))
