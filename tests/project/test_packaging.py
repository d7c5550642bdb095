"""
The package as it is installed here.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from importlib.metadata import metadata, version

from twisted.trial.unittest import SynchronousTestCase

from tests.helpers.processes.programs import ROOT, SCRIPTS, ProgramTestCase


class MetadataTests(SynchronousTestCase):
    """
    The metadata of the package.
    """

    def test_metadataNamesVersionAndPython(self) -> None:
        """The metadata contains a version, the license MIT, and 3.10 as the oldest Python."""
        self.assertRegex(version("dwdht_twisted"), r"^\d+\.\d+\.\d+")
        said = metadata("dwdht_twisted")
        self.assertEqual(said["License-Expression"], "MIT")
        self.assertEqual(said["Requires-Python"], ">=3.10")

    def test_pluginImportsOnlyServiceMaker(self) -> None:
        """
        The plugin file imports only ServiceMaker, because twistd reads this file at each start.
        """
        plugin = ast.parse((ROOT / "twisted" / "plugins" / "dwdht_plugin.py").read_text())
        imports = [node for node in plugin.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        self.assertEqual(
            [ast.unparse(node) for node in imports],
            ["from twisted.application.service import ServiceMaker"],
        )

    def test_endpointPluginImportsOnlyTwisted(self) -> None:
        """
        The plugin file of the endpoints imports only interfaces, because every program that makes
        an endpoint of a string reads it. It loads the package at the first ``dht:`` string.
        """
        plugin = ast.parse((ROOT / "twisted" / "plugins" / "dwdht_endpoints.py").read_text())
        imports = [node for node in plugin.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        self.assertEqual(
            {node.module for node in imports if isinstance(node, ast.ImportFrom)},
            {"typing", "twisted.internet.interfaces", "twisted.plugin", "zope.interface"},
        )
        code = (
            "import sys; from twisted.internet import reactor; "
            "from twisted.internet.endpoints import clientFromString; "
            "clientFromString(reactor, 'tcp:localhost:80'); "
            "print([name for name in sys.modules if name.startswith('dwdht_twisted')])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        self.assertEqual(done.stdout, "[]\n", done.stderr)

    def test_wheelContainsThePlugins(self) -> None:
        """The wheel contains every plugin file."""
        project = (ROOT / "pyproject.toml").read_text()
        for path in (ROOT / "twisted" / "plugins").glob("*.py"):
            self.assertIn(f'"twisted/plugins/{path.name}" = "twisted/plugins/{path.name}"', project)


class InstalledTests(ProgramTestCase):
    """
    The installed package, run from another folder.
    """

    async def test_twistdListsThePlugin(self) -> None:
        """The help of twistd lists the plugin dwdht."""
        program = await self.finish(str(SCRIPTS / "twistd"), "--help")
        self.assertRegex(program.text, r"\n    dwdht +A node of a Kademlia DHT")

    async def test_commandIsInstalled(self) -> None:
        """The command dwdht is installed and prints its version."""
        program = await self.finish(str(SCRIPTS / "dwdht"), "--version")
        self.assertEqual(program.text, f"dwdht {version('dwdht_twisted')}\n")

    async def test_importInstallsNoReactor(self) -> None:
        """Importing the package installs no reactor, so that an application can choose one."""
        names = ("service", "_cli.tap", "_cli.main", "_cli.demonstration")
        modules = ", ".join(f"dwdht_twisted.{name}" for name in names)
        code = f"import sys, {modules}; print('twisted.internet.reactor' in sys.modules)"
        program = await self.finish(sys.executable, "-c", code)
        self.assertEqual((program.text, program.errorText), ("False\n", ""))
