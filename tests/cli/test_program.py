"""
Tests for the command lines of ``dwdht``.
"""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO

from twisted.python.usage import UsageError

from dwdht_twisted import Address
from tests.cli.sessions import KEY, CommandLineTestCase, Terminal, parse, setVariable
from tests.helpers.networks.values import BOOTSTRAP


class CommandLineTests(CommandLineTestCase):
    """Tests for `Options`, and for the commands in it."""

    def test_optionsStandAnywhere(self) -> None:
        """Options may stand before, between and after the arguments."""
        expected = parse("query", "--bootstrap", BOOTSTRAP, "--value", "x", "echo", KEY).subOptions
        for arguments in (
            ("echo", "--bootstrap", BOOTSTRAP, KEY, "--value", "x"),
            ("echo", KEY, "--value=x", "--bootstrap", BOOTSTRAP),
        ):
            self.assertEqual(parse("query", *arguments).subOptions, expected)

    def test_sharedOptionsStandBeforeTheCommand(self) -> None:
        """The options --bootstrap, --json and --timeout may stand before the command."""
        options = ("--bootstrap", BOOTSTRAP, "--json", "--timeout", "1.5")
        for arguments in (("get", KEY), ("put", "x"), ("query", "a", KEY), ("update", "a", KEY)):
            expected = parse(*arguments, *options).subOptions
            self.assertEqual(parse(*options, *arguments).subOptions, expected)
            self.assertEqual(expected["bootstrap"], [Address("10.0.0.1", 6620)])
            self.assertEqual((expected["json"], expected["timeout"]), (1, 1.5))
        ping = parse(*options, "ping", BOOTSTRAP).command
        self.assertEqual((ping["json"], ping["timeout"]), (1, 1.5))
        node = parse("--bootstrap", BOOTSTRAP, "node").command
        self.assertEqual(node["bootstrap"], [Address("10.0.0.1", 6620)])

    def test_optionsOfTheCommandComeFirst(self) -> None:
        """An option after the command replaces the same option before it."""
        before = ("--bootstrap", "before:1", "--timeout", "1")
        command = parse(*before, "get", "--bootstrap", "after:2", "--timeout", "2", KEY).command
        self.assertEqual(command["bootstrap"], [Address("after", 2)])
        self.assertEqual(command["timeout"], 2.0)

    def test_optionOfOtherCommandsIsRefused(self) -> None:
        """An option before a command that doesn't take it is refused."""
        self.assertRefused("this command has no option --json", "--json", "demo")
        self.assertRefused("this command has no option --timeout", "--timeout", "1", "node")

    def test_dashesEndTheOptions(self) -> None:
        """A value that looks like an option is taken as a value after two dashes."""
        options = parse("put", "--bootstrap", BOOTSTRAP, "--", "--bootstrap")
        self.assertEqual(options.command["value"], b"--bootstrap")

    def test_missingCommandIsRefused(self) -> None:
        """A command line without a command is refused with a list of the seven commands."""
        for arguments in ((), ("--bootstrap", BOOTSTRAP)):
            self.assertRefused(
                "give a command: put, get, ping, query, update, node or demo", *arguments
            )

    def test_unknownNameIsRefused(self) -> None:
        """An unknown command or option is refused by its name."""
        self.assertRefused("Unknown command: fetch", "fetch")
        self.assertRefused("option --frob not recognized", "put", "--frob", "x")
        self.assertRefused("option -x not recognized", "put", "-x")

    def test_wrongNumberOfArgumentsIsRefused(self) -> None:
        """Too few or too many arguments are refused with a list of the arguments."""
        for expected, *arguments in (
            ("[options] [VALUE]", "put", "x", "y"),
            ("[options] KEYHEX", "get"),
            ("[options] HOST:PORT", "ping"),
            ("[options] COMMAND TARGETHEX", "query", "echo"),
            ("[options] COMMAND TARGETHEX [VALUE]", "update", "echo"),
            ("[--nodes 100]", "demo", "7"),
        ):
            self.assertRefused(f"the arguments must be: {expected}", *arguments)

    def test_badKeyIsRefused(self) -> None:
        """
        A key or target of 31 bytes, or with characters other than hexadecimal digits, is refused.
        """
        bootstrap = ("--bootstrap", BOOTSTRAP)
        self.assertRefused("the key must be 32 bytes", "get", *bootstrap, KEY[2:])
        for command in ("query", "update"):
            self.assertRefused("the target must be 32 bytes", command, *bootstrap, "echo", KEY[2:])
        self.assertRefused(
            "the key must be 64 hexadecimal digits, not 'hello'", "get", *bootstrap, "hello"
        )

    def test_commandOfTheProtocolIsRefused(self) -> None:
        """A query or an update is refused for a command of the protocol itself, or for none."""
        for command in ("query", "update"):
            arguments = (command, "--bootstrap", BOOTSTRAP)
            self.assertRefused(
                "_ping is a command of the protocol itself", *arguments, "_ping", KEY
            )
            self.assertRefused("a command can't be empty", *arguments, "", KEY)

    def test_badTimeoutIsRefused(self) -> None:
        """A time-out that isn't a number of seconds above 0, up to a day, is refused."""
        for seconds in (
            "0",
            "0.0",
            "-1",
            "1e3",
            "nan",
            "inf",
            "",
            ".",
            "1.2.3",
            "86400.1",
            "\u0661",
        ):
            self.assertRefused(
                f"--timeout must be a number of seconds above 0, up to 86400, not {seconds!r}",
                *("ping", f"--timeout={seconds}", BOOTSTRAP),
            )

    def test_badCountIsRefused(self) -> None:
        """A number of pings that isn't a number from 1 to 86,400 is refused."""
        for count in ("0", "86401", "many", "-3"):
            self.assertRefused(
                "--count must be a number from 1 to 86400", "ping", f"--count={count}", BOOTSTRAP
            )

    def test_twoFormsOfOutputAreRefused(self) -> None:
        """A get with both --raw and --json is refused."""
        self.assertRefused(
            "give --raw or --json, not both",
            *("get", "--bootstrap", BOOTSTRAP, "--raw", "--json", KEY),
        )

    def test_badNodeCountIsRefused(self) -> None:
        """A number of nodes that isn't a number from 1 to 900 is refused."""
        for count in ("0", "901", "many", "-3"):
            self.assertRefused("--nodes must be a number from 1 to 900", "demo", f"--nodes={count}")


class BootstrapTests(CommandLineTestCase):
    """Tests for the bootstrap nodes of a command."""

    def test_missingBootstrapIsRefused(self) -> None:
        """The commands put, get, query and update are refused without a bootstrap node."""
        for variable in (None, "", " , "):
            setVariable(self, variable)
            for arguments in (
                ("put", "x"),
                ("get", KEY),
                ("query", "a", KEY),
                ("update", "a", KEY),
            ):
                self.assertRefused(
                    "give --bootstrap HOST:PORT, a node of the network, or set DWDHT_BOOTSTRAP",
                    *arguments,
                )

    def test_badBootstrapIsRefused(self) -> None:
        """A bootstrap node that isn't HOST:PORT is refused, wherever it is given."""
        expected = "--bootstrap: 'x:0' has no valid port"
        self.assertRefused(expected, "get", "--bootstrap", "x:0", KEY)
        self.assertRefused(expected, "--bootstrap", "x:0", "get", KEY)

    def test_nameThatCannotBeResolvedIsRefused(self) -> None:
        """A host name with an empty label, or one of 64 characters, is refused before its use."""
        for host in ("a..b", "x" * 64):
            expected = f"'{host}:1' has no valid host"
            self.assertRefused(f"--bootstrap: {expected}", "get", "--bootstrap", f"{host}:1", KEY)
            self.assertRefused(f"the address: {expected}", "ping", f"{host}:1")

    def test_variableHoldsBootstrapNodes(self) -> None:
        """
        DWDHT_BOOTSTRAP holds addresses, with commas or spaces between them, for commands without
        --bootstrap.
        """
        for text in ("a:1,b:2", "a:1 b:2", " a:1 ,\tb:2,\n"):
            setVariable(self, text)
            for arguments in (
                *(("put", "x"), ("get", KEY), ("query", "a", KEY), ("update", "a", KEY)),
                ("node",),
            ):
                self.assertEqual(
                    parse(*arguments).command["bootstrap"], [Address("a", 1), Address("b", 2)]
                )

    def test_badVariableIsRefusedByName(self) -> None:
        """DWDHT_BOOTSTRAP is refused by its name when it holds something else."""
        setVariable(self, "localhost:10001,x:http")
        for arguments in (("get", KEY), ("put", "x"), ("node",)):
            self.assertRefused("DWDHT_BOOTSTRAP: 'x:http' has no valid port", *arguments)

    def test_optionReplacesTheVariable(self) -> None:
        """DWDHT_BOOTSTRAP isn't read when --bootstrap is given, or when no network is asked."""
        setVariable(self, "x:http")
        for arguments in (
            ("get", "--bootstrap", BOOTSTRAP, KEY),
            ("--bootstrap", BOOTSTRAP, "get", KEY),
        ):
            command = parse(*arguments).command
            self.assertEqual(command["bootstrap"], [Address("10.0.0.1", 6620)])
        parse("ping", BOOTSTRAP)
        parse("demo")


class ValueTests(CommandLineTestCase):
    """Tests for the value of put and update."""

    def assertInputRefused(
        self, expected: str, *arguments: str, stdin: BinaryIO | None = None
    ) -> None:
        """Require a usage error of one line when the value is read."""
        command = parse(*arguments, "--bootstrap", BOOTSTRAP).command
        with self.assertRaises(UsageError) as raised:
            command.readInput(stdin)
        self.assertEqual(str(raised.exception), expected)

    def test_tooLargeArgumentIsRefused(self) -> None:
        """A value over 1,000 bytes is refused, counted in bytes and not in characters."""
        self.assertRefused(
            "a value may have up to 1000 bytes, and this one has 1002",
            *("put", "--bootstrap", BOOTSTRAP, "\u00e9" * 501),
        )

    def test_tooLargeFileIsRefused(self) -> None:
        """A file, or an input without an end, is refused after 1,001 bytes."""
        expected = "a value may have up to 1000 bytes, and this one has more"
        self.assertRefused(expected, "put", "--bootstrap", BOOTSTRAP, "--file", "/dev/zero")
        stdin = BytesIO(bytes(5000))
        self.assertInputRefused(expected, "put", stdin=stdin)
        self.assertEqual(stdin.tell(), 1001)

    def test_largestValueIsTaken(self) -> None:
        """A value of 1,000 bytes is taken from standard input."""
        command = parse("put", "--bootstrap", BOOTSTRAP).command
        command.readInput(BytesIO(bytes(1000)))
        self.assertEqual(command["value"], bytes(1000))

    def test_unreadableFileIsRefused(self) -> None:
        """A file that isn't there, or is a folder, is refused with the reason."""
        for path, reason in {
            "/nonexistent": "No such file or directory",
            "/": "Is a directory",
        }.items():
            for command in (("put",), ("update", "a", KEY)):
                self.assertRefused(
                    f"cannot read {path!r}: {reason}",
                    *(*command, "--bootstrap", BOOTSTRAP, "--file", path),
                )

    def test_unreadableInputIsRefused(self) -> None:
        """A standard input that can't be read is refused with the reason."""
        with open("/dev/null", "wb") as unreadable:
            self.assertInputRefused(
                "cannot read standard input: read", "put", "-", stdin=unreadable
            )
        self.assertInputRefused("standard input is closed", "put", "-")

    def test_twoValuesAreRefused(self) -> None:
        """A value that is given both as an argument and as a file is refused."""
        self.assertRefused(
            "give the value as an argument or as --file PATH, not as both",
            *("put", "--bootstrap", BOOTSTRAP, "--file", "x", "y"),
        )

    def test_missingValueIsRefused(self) -> None:
        """
        A put without a value is refused when standard input is a terminal, closed, or empty.
        """
        for stdin in (Terminal(), None, BytesIO()):
            self.assertInputRefused(
                "give a value: as an argument, as --file PATH, or on standard input",
                "put",
                stdin=stdin,
            )

    def test_emptyValueCanBeStored(self) -> None:
        """A put stores an empty value when the argument is empty, or the input that it names."""
        for argument in ("", "-"):
            command = parse("put", "--bootstrap", BOOTSTRAP, argument).command
            command.readInput(BytesIO())
            self.assertEqual(command["value"], b"")
