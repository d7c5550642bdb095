"""
The manual pages, the completions and the page that are made from the options of the programs.
"""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SkipTest, SynchronousTestCase

from contrib.__main__ import MADE, ROOT
from contrib.programs import FILES, FOLDERS, WORDS, commands, plugin
from dwdht_twisted._cli.program import Options
from dwdht_twisted._cli.tap import Options as TwistdOptions

FOLDER = ROOT / "contrib"

#: Completes the words after it, and prints a possible word on each line.
BASH = (
    "source {path}; COMP_WORDS=(dwdht {words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
    'COMPREPLY=(); _dwdht; printf "%s\\n" "${{COMPREPLY[@]}}"'
)


def require(name: str) -> str:
    """Return the path of a program; skip the test where it is missing."""
    path = shutil.which(name)
    if path is None:
        raise SkipTest(f"needs {name}")
    return path


def run(*command: str, folder: Path | None = None) -> str:
    """Run a program, and return what it printed, on both outputs."""
    done = subprocess.run(
        command, cwd=folder, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60
    )
    return done.stdout


class MadeTests(SynchronousTestCase):
    """
    The files.
    """

    def test_filesAreUpToDate(self) -> None:
        """Each file is what ``python -m contrib`` makes of the options now."""
        for name, make in MADE.items():
            isSame = (ROOT / name).read_text() == make()
            self.assertTrue(isSame, f"{name} is not up to date; run python -m contrib")

    def test_everyOptionIsThere(self) -> None:
        """Each command and each option of both programs is in what the files are made of."""
        rows: list[Any] = Options.subCommands
        programs = [(row[2](), each) for row, each in zip(rows, commands(), strict=True)]
        for options, each in [*programs, (TwistdOptions(), plugin())]:
            names = {name.rstrip("=") for name in options.longOpt}
            self.assertEqual({option.name for option in each.options}, names)
            for option in each.options:
                self.assertNotEqual(option.text, "", option.name)

    def test_valuesAreOfOptions(self) -> None:
        """Each option whose value is completed is an option of some command."""
        names = {option.name for command in commands() for option in command.options}
        self.assertLessEqual({*WORDS, *FILES, *FOLDERS}, names)


class ManualPageTests(SynchronousTestCase):
    """
    The manual pages, as man(1) shows them.
    """

    def test_pagesAreWellFormed(self) -> None:
        """groff has no warnings of the pages, and their names are in the first section."""
        groff = require("groff")
        for name, summary in {
            "dwdht": "dwdht - the network of a DHT from the command line",
            "twistd-dwdht": "twistd-dwdht - run a node of a DHT under twistd",
        }.items():
            page = str(FOLDER / "man" / f"{name}.1")
            self.assertEqual(run(groff, "-man", "-ww", "-z", page), "")
            shown = run(groff, "-man", "-Tascii", "-P-cbou", page)
            self.assertIn(summary, shown)
            self.assertIn("--bootstrap VALUE", shown)


class CompletionTests(SynchronousTestCase):
    """
    The completions, in the shells.
    """

    def bash(self, words: str) -> list[str]:
        """Return the words with which bash completes a command line."""
        code = BASH.format(path=FOLDER / "completions" / "dwdht.bash", words=words)
        folder = Path(self.mktemp())
        (folder / "folder").mkdir(parents=True)
        (folder / "file.toml").touch()
        return run(require("bash"), "-c", code, folder=folder).split()

    def test_bashCompletesCommands(self) -> None:
        """bash completes the name of a command, its options, and the words of an option."""
        self.assertEqual(self.bash("p"), ["put", "publish", "ping"])
        self.assertEqual(
            self.bash("node --st"),
            ["--state", "--stop-within", "--store", "--store-age", "--store-size"],
        )
        self.assertEqual(self.bash("--ti"), ["--timeout"])
        self.assertEqual(self.bash("node --log-format j"), ["json"])
        self.assertEqual(self.bash("node --port ''"), [])

    def test_bashCompletesFiles(self) -> None:
        """bash completes the file or the folder of an option that takes one."""
        self.assertEqual(self.bash("node --config f"), ["folder", "file.toml"])
        self.assertEqual(self.bash("node --state f"), ["folder"])

    def test_zshReadsItsCompletion(self) -> None:
        """zsh finds no mistake in its completion."""
        path = str(FOLDER / "completions" / "_dwdht")
        self.assertEqual(run(require("zsh"), "-n", path), "")

    def test_fishCompletesCommands(self) -> None:
        """fish completes the name of a command, its options, and the words of an option."""
        path = FOLDER / "completions" / "dwdht.fish"
        for words, expected in {
            "dwdht pin": "ping\tAsk a node whether it is there\n",
            "dwdht node --log-format j": "json\t",
            "dwdht get --ra": "--raw\tPrint the value unchanged to a terminal, too.\n",
        }.items():
            shown = run(require("fish"), "-N", "-c", f"source {path}; complete -C '{words}'")
            self.assertTrue(shown.startswith(expected), shown)
