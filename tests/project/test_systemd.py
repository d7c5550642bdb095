"""
The files for systemd in ``contrib``.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
from configparser import ConfigParser
from pathlib import Path

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from dwdht_twisted._cli.program import Options
from dwdht_twisted._cli.running.stopping import STOP_WITHIN
from tests.helpers.processes.programs import ROOT, SCRIPTS

FOLDER = ROOT / "contrib" / "systemd"

#: The most that ``systemd-analyze security`` may rate the unit at, from 0 to 10, the lower the
#: safer.
MOST_EXPOSED = 2.0


def require(name: str) -> str:
    """Return the path of a program of systemd; skip the test where it is missing."""
    path = shutil.which(name)
    if path is None:
        if os.environ.get("DWDHT_REQUIRE_SYSTEMD") == "1":
            raise AssertionError(f"{name} is missing")
        raise SkipTest(f"needs {name} of systemd")
    return path


class UnitTests(SynchronousTestCase):
    """
    The unit of a node.
    """

    def setUp(self) -> None:
        self.unit = ConfigParser(interpolation=None, strict=False)
        self.unit.optionxform = str  # type: ignore[assignment,method-assign]
        self.unit.read(FOLDER / "dwdht.service")

    def command(self) -> list[str]:
        """Return the arguments of the program of the unit, with the file in this folder."""
        program, *arguments = shlex.split(self.unit["Service"]["ExecStart"])
        self.assertEqual(Path(program).name, "dwdht")
        return [each.replace("/etc/dwdht", str(FOLDER)) for each in arguments]

    def installed(self) -> Path:
        """Return a copy of the unit whose program is there."""
        folder = Path(self.mktemp())
        folder.mkdir()
        text = (FOLDER / "dwdht.service").read_text()
        path = folder / "dwdht.service"
        path.write_text(text.replace("/opt/dwdht/bin/dwdht", str(SCRIPTS / "dwdht")))
        return path

    def test_commandLineIsAccepted(self) -> None:
        """``dwdht node`` accepts the command line of the unit, and the file of its options."""
        options = Options()
        options.parseOptions(self.command())
        node = options.command
        self.assertEqual((node["port"], node["state"]), (10002, "/var/lib/dwdht"))
        self.assertEqual(node["store"], "sqlite:/var/lib/dwdht/values.sqlite")

    def test_nodeEndsBeforeItIsKilled(self) -> None:
        """The deadline of a node is over before systemd kills it."""
        self.assertGreater(float(self.unit["Service"]["TimeoutStopSec"]), STOP_WITHIN)

    def test_unitIsVerified(self) -> None:
        """``systemd-analyze verify`` has nothing to say of the unit."""
        done = subprocess.run(
            [require("systemd-analyze"), "verify", str(self.installed())],
            capture_output=True,
            text=True,
            timeout=60,
        )
        self.assertEqual((done.returncode, done.stdout, done.stderr), (0, "", ""))

    def test_unitIsHardened(self) -> None:
        """``systemd-analyze security`` rates the exposure of the unit at 2.0 or less."""
        done = subprocess.run(
            [
                *(require("systemd-analyze"), "security", "--offline=true", "--no-pager"),
                str(self.installed()),
            ],
            capture_output=True,
            text=True,
            timeout=60,
        )
        found = re.search(r"exposure level for dwdht\.service: (\d+\.\d)", done.stdout)
        assert found is not None, done.stdout + done.stderr
        self.assertLessEqual(float(found[1]), MOST_EXPOSED)

    def test_usersAndFoldersAreMade(self) -> None:
        """The user and the folders of the unit are those that sysusers and tmpfiles make."""
        if os.geteuid() != 0:
            raise SkipTest("needs root, to give folders to another user")
        root = Path(self.mktemp()).absolute()
        (root / "etc").mkdir(parents=True)
        for program, name in (("sysusers", "sysusers"), ("tmpfiles", "tmpfiles")):
            command = [require(f"systemd-{program}"), f"--root={root}"]
            if program == "tmpfiles":
                command.append("--create")
            done = subprocess.run(
                [*command, str(FOLDER / f"dwdht.{name}")],
                capture_output=True,
                text=True,
                timeout=60,
            )
            self.assertEqual(done.returncode, 0, done.stderr)
        users = (root / "etc" / "passwd").read_text()
        self.assertRegex(users, rf"(?m)^{self.unit['Service']['User']}:.*:/var/lib/dwdht:")
        for folder in ("etc/dwdht", "var/lib/dwdht", "var/log/dwdht"):
            self.assertTrue((root / folder).is_dir())
