"""
The file of ``--config``.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Address
from dwdht_twisted._cli.commands.node import Node
from dwdht_twisted._cli.program import Options as Program
from dwdht_twisted._cli.running.configuration import MAXIMUM_FILE_BYTES
from dwdht_twisted._cli.tap import NodeOptions, Options
from tests.helpers.processes.programs import DWDHT, TWISTD, ProgramTestCase, freePort

#: A value that options refuse, except those that may be any text, such as the name of a file.
WRONG = "no : such"


class ConfigurationTestCase(SynchronousTestCase):
    """
    A base for tests with a file.
    """

    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def parse(self, text: str, *arguments: str) -> Options:
        """Read the options of a file and of a command line."""
        self.path.write_text(text)
        options = Options()
        options.parseOptions(["--config", str(self.path), *arguments])
        return options

    def assertRefused(self, text: str, expected: str, *arguments: str) -> None:
        """Require that a file is refused with the message, after the path."""
        error = self.assertRaises(UsageError, self.parse, text, *arguments)
        self.assertEqual(str(error), f"{self.path}{expected}")


class ReadingTests(ConfigurationTestCase):
    """
    What a file sets.
    """

    def test_optionsHaveTheNamesOfTheCommandLine(self) -> None:
        """Numbers, texts, flags and lists of a file are read as on the command line."""
        options = self.parse(
            'bootstrap = ["a.example:1", "b.example:2"]\n'
            "port = 10001\n"
            "stop-within = 2.5\n"
            "ephemeral = true\n"
            "no-peers = false\n"
            'rate-limit = "none"\n'
            'store-size = "1G"\n'
        )
        self.assertEqual(options["bootstrap"], [Address("a.example", 1), Address("b.example", 2)])
        self.assertEqual((options["port"], options["stop-within"]), (10001, 2.5))
        self.assertEqual((options["ephemeral"], options["no-peers"]), (1, 0))
        self.assertEqual((options["rate-limit"], options["store-size"]), (None, 1024**3))

    def test_repeatedOptionMayBeOneText(self) -> None:
        """An option that may be repeated may be one text instead of a list."""
        options = self.parse('bootstrap = "a.example:1"')
        self.assertEqual(options["bootstrap"], [Address("a.example", 1)])

    def test_pipeIsRefused(self) -> None:
        """A pipe in the place of the file is refused at once, in one line."""
        os.mkfifo(self.path)
        with self.assertRaisesRegex(UsageError, f"cannot read '{self.path}': it is not a regular"):
            Options().parseOptions(["--config", str(self.path)])

    def test_emptyFileSetsNothing(self) -> None:
        """With an empty file, all options have their defaults."""
        options = self.parse("")
        self.assertEqual((options["port"], options["bootstrap"]), (0, []))

    def test_commandLineOverridesTheFile(self) -> None:
        """An option on the command line takes the place of that in the file."""
        text = 'port = 1\nbootstrap = ["a.example:1", "b.example:2"]'
        options = self.parse(text, "--port", "2", "--bootstrap", "c.example:3")
        self.assertEqual(options["port"], 2)
        self.assertEqual(options["bootstrap"], [Address("c.example", 3)])

    def test_commandLineOverridesTheOtherKind(self) -> None:
        """``--member`` on the command line overrides ``ephemeral`` in the file."""
        options = self.parse("ephemeral = true", "--member")
        self.assertEqual((options["ephemeral"], options["member"]), (0, 1))

    def test_overriddenMistakeIsPassedOver(self) -> None:
        """A wrong value in the file does no harm when the command line overrides it."""
        self.assertEqual(self.parse("port = 65536", "--port", "1")["port"], 1)

    def test_nodeReadsTheSameFile(self) -> None:
        """
        ``dwdht node`` reads the file, too. Bootstrap nodes before its name override the file.
        """
        self.path.write_text('bootstrap = "a.example:1"\nport = 7')
        node = Node()
        node.parseOptions(["--config", str(self.path)])
        self.assertEqual((node["port"], node["bootstrap"]), (7, [Address("a.example", 1)]))
        program = Program()
        program.parseOptions(
            ["--bootstrap", "b.example:2", "node", "--config", str(self.path)],
        )
        self.assertEqual(program.command["bootstrap"], [Address("b.example", 2)])


class MistakeTests(ConfigurationTestCase):
    """
    What is refused, and how.
    """

    def test_eachOptionNamesItsLine(self) -> None:
        """A wrong value of any option is refused with its line and the message of the option."""
        refused = set()
        for name in sorted(each.rstrip("=") for each in NodeOptions().longOpt if "=" in each):
            if name == "config":
                continue
            try:
                self.parse(f'# A comment.\n\nno-peers = true\n{name} = "{WRONG}"\n')
            except UsageError as error:
                self.assertTrue(str(error).startswith(f"{self.path}, line 4: --{name}"), error)
                refused.add(name)
        self.assertLessEqual(
            {"bootstrap", "id", "interface", "log-format", "port", "stop-within", "store"}, refused
        )

    def test_valueOfSeveralLinesNamesItsFirst(self) -> None:
        """The line of a list is that of its name, also after a text that looks like the option."""
        self.assertRefused(
            'state = """\nbootstrap = 1\n"""\n# bootstrap = 2\n\n'
            'bootstrap = [\n "a:1",\n "b:x",\n]',
            ", line 6: --bootstrap: 'b:x' has no valid port; give HOST:PORT, port 1 to 65535",
        )

    def test_syntaxErrorNamesItsLine(self) -> None:
        """A file that isn't TOML is refused with the line at which it ends to be."""
        self.assertRefused("port = 1\nport = 2\n", ", line 2: Cannot overwrite a value")
        self.assertRefused("port = 1\nid = [\n", ", line 3: Invalid value")

    def test_badEncodingNamesItsLine(self) -> None:
        """Bytes that aren't UTF-8 are refused with their line."""
        self.path.write_bytes(b"port = 1\n# \xff\n")
        error = self.assertRaises(UsageError, Options().parseOptions, ["--config", str(self.path)])
        self.assertEqual(str(error), f"{self.path}, line 2: not UTF-8")

    def test_unknownOptionIsRefused(self) -> None:
        """A name that is no option is refused, and so is a table."""
        self.assertRefused("port = 1\nfrob = 1", ", line 2: there is no option 'frob'")
        self.assertRefused("[node]\nport = 1", ", line 1: there is no option 'node'")
        for name in ("config", "help", "version"):
            self.assertRefused(f"{name} = true", f", line 1: there is no option '{name}'")

    def test_wrongTypeIsRefused(self) -> None:
        """A flag has to be true or false, and another option a number or text."""
        self.assertRefused("ephemeral = 1", ", line 1: ephemeral must be true or false")
        self.assertRefused("port = true", ", line 1: port must be a number or text")
        self.assertRefused("port = [1]", ", line 1: port must be a number or text")
        self.assertRefused(
            "bootstrap = [[]]", ", line 1: bootstrap must be text or a list of texts"
        )

    def test_contradictionNamesALine(self) -> None:
        """Two options of a file that exclude each other are refused with the line of the first."""
        self.assertRefused(
            "member = true\nephemeral = true",
            ", line 2: give --ephemeral or --member, not both",
        )

    def test_mistakeOfTheCommandLineNamesNoLine(self) -> None:
        """A mistake on the command line is told as without a file."""
        error = self.assertRaises(UsageError, self.parse, "port = 1", "--port", "x")
        self.assertEqual(str(error), "--port must be a number from 0 to 65535, not 'x'")

    def test_missingFileIsRefused(self) -> None:
        """A file that can't be read is refused with the reason, and so is one that is too long."""
        error = self.assertRaises(UsageError, Options().parseOptions, ["--config", "nowhere.toml"])
        self.assertEqual(
            str(error), "--config: cannot read 'nowhere.toml': No such file or directory"
        )
        error = self.assertRaises(UsageError, self.parse, "#" * (MAXIMUM_FILE_BYTES + 1))
        self.assertEqual(str(error), f"--config: '{self.path}' has more than 65,536 bytes")


class ProcessTests(ProgramTestCase):
    """
    Programs with a file.
    """

    async def test_mistakeEndsWithOneLine(self) -> None:
        """Both programs end with one line that names the line of the file."""
        (self.folder / "node.toml").write_text("port = 65536\n")
        line = "node.toml, line 1: --port must be a number from 0 to 65535, not '65536'"
        program = await self.finish(*TWISTD, "dwdht", "--config", "node.toml")
        self.assertRefused(program, 1, f"twistd dwdht: {line}")
        program = await self.finish(*DWDHT, "node", "--config", "node.toml")
        self.assertRefused(program, 2, f"dwdht node: {line}")

    async def test_nodeListensWhereTheFileSays(self) -> None:
        """A node of ``twistd`` takes its port from the file."""
        port = freePort()
        (self.folder / "node.toml").write_text(f"port = {port}\n")
        _, address = await self.startNode("--config", "node.toml")
        self.assertEqual(address, f"127.0.0.1:{port}")
