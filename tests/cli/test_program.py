"""
How the command lines of ``dwdht`` are read.
"""

from __future__ import annotations

from io import BytesIO
from typing import BinaryIO

from twisted.python.usage import UsageError

from dwdht_twisted import Address
from tests.cli.sessions import KEY, CommandLineTestCase, Terminal, parse, setVariable
from tests.helpers.networks.values import BOOTSTRAP


class CommandLineTests(CommandLineTestCase):
    """
    `Options` and its subcommands.
    """

    def test_optionsStandAnywhere(self) -> None:
        """Options may come before, between or after the arguments."""
        expected = parse("query", "--bootstrap", BOOTSTRAP, "--value", "x", "echo", KEY).subOptions
        for arguments in (
            ("echo", "--bootstrap", BOOTSTRAP, KEY, "--value", "x"),
            ("echo", KEY, "--value=x", "--bootstrap", BOOTSTRAP),
        ):
            self.assertEqual(parse("query", *arguments).subOptions, expected)

    def test_sharedOptionsStandBeforeTheCommand(self) -> None:
        """The options ``--bootstrap``, ``--json`` and ``--timeout`` may come before the command."""
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

    def test_optionAfterTheCommandHasPrecedence(self) -> None:
        """An option after the command overrides the same option before the command."""
        before = ("--bootstrap", "before:1", "--timeout", "1")
        command = parse(*before, "get", "--bootstrap", "after:2", "--timeout", "2", KEY).command
        self.assertEqual(command["bootstrap"], [Address("after", 2)])
        self.assertEqual(command["timeout"], 2.0)

    def test_optionOfOtherCommandsIsRefused(self) -> None:
        """An option before the command is refused if the command doesn't have this option."""
        self.assertRefused("this command has no option --json", "--json", "demo")
        self.assertRefused("this command has no option --timeout", "--timeout", "1", "node")

    def test_dashesEndTheOptions(self) -> None:
        """After two dashes, an argument that looks like an option is a value."""
        options = parse("put", "--bootstrap", BOOTSTRAP, "--", "--bootstrap")
        self.assertEqual(options.command["value"], b"--bootstrap")

    def test_missingCommandIsRefused(self) -> None:
        """A command line without a command is refused with a list of all commands."""
        for arguments in ((), ("--bootstrap", BOOTSTRAP)):
            self.assertRefused(
                "give a command: put, get, keygen, publish, resolve, announce, lookup, ping, "
                "query, update, trace, status, node, network or demo",
                *arguments,
            )

    def test_unknownNameIsRefused(self) -> None:
        """The error for an unknown command or option contains its name."""
        self.assertRefused("Unknown command: fetch", "fetch")
        self.assertRefused("option --frob not recognized", "put", "--frob", "x")
        self.assertRefused("option -x not recognized", "put", "-x")

    def test_wrongNumberOfArgumentsIsRefused(self) -> None:
        """The error for too few or too many arguments lists the expected arguments."""
        for expected, *arguments in (
            ("[options] [VALUE]", "put", "x", "y"),
            ("[options] KEY", "get"),
            ("[options] HOST:PORT", "ping"),
            ("[options] COMMAND TARGETHEX", "query", "echo"),
            ("[options] COMMAND TARGETHEX [VALUE]", "update", "echo"),
            ("[--nodes 100]", "demo", "7"),
        ):
            self.assertRefused(f"the arguments must be: {expected}", *arguments)

    def test_badKeyIsRefused(self) -> None:
        """A key or target is refused if it has 31 bytes or isn't hexadecimal."""
        bootstrap = ("--bootstrap", BOOTSTRAP)
        self.assertRefused("the key must be 32 bytes", "get", *bootstrap, KEY[2:])
        for command in ("query", "update"):
            self.assertRefused("the target must be 32 bytes", command, *bootstrap, "echo", KEY[2:])
        self.assertRefused(
            "the key must be 64 hexadecimal digits, not 'hello'", "get", *bootstrap, "hello"
        )

    def test_commandOfTheProtocolIsRefused(self) -> None:
        """
        A query or update is refused if its command is empty or belongs to the protocol itself.
        """
        for command in ("query", "update"):
            arguments = (command, "--bootstrap", BOOTSTRAP)
            self.assertRefused(
                "_ping is a command of the protocol itself", *arguments, "_ping", KEY
            )
            self.assertRefused("a command can't be empty", *arguments, "", KEY)

    def test_badTimeoutIsRefused(self) -> None:
        """
        A time-out is refused unless it is a number of seconds above 0 and at most 86,400, a day.
        """
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
        """The number of pings is refused unless it is from 1 to 86,400."""
        for count in ("0", "86401", "many", "-3"):
            self.assertRefused(
                "--count must be a number from 1 to 86400", "ping", f"--count={count}", BOOTSTRAP
            )

    def test_twoFormsOfOutputAreRefused(self) -> None:
        """A get with ``--raw`` and ``--json``, or ``--raw`` and ``--output``, is refused."""
        for option in (("--json",), ("--output", "x")):
            self.assertRefused(
                f"give --raw or {option[0]}, not both",
                *("get", "--bootstrap", BOOTSTRAP, "--raw", *option, KEY),
            )

    def test_badNodeCountIsRefused(self) -> None:
        """The number of a demo's nodes is refused unless it is from 1 to 900."""
        for count in ("0", "901", "many", "-3"):
            self.assertRefused("--nodes must be a number from 1 to 900", "demo", f"--nodes={count}")


class BootstrapTests(CommandLineTestCase):
    """
    The bootstrap nodes of a command.
    """

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
        """A bootstrap node other than HOST:PORT is refused before and after the command."""
        expected = "--bootstrap: 'x:0' has no valid port"
        self.assertRefused(expected, "get", "--bootstrap", "x:0", KEY)
        self.assertRefused(expected, "--bootstrap", "x:0", "get", KEY)

    def test_nameThatCannotBeResolvedIsRefused(self) -> None:
        """
        A host name with an empty label or of 64 characters is refused when the command line is
        read.
        """
        for host in ("a..b", "x" * 64):
            expected = f"'{host}:1' has no valid host"
            self.assertRefused(f"--bootstrap: {expected}", "get", "--bootstrap", f"{host}:1", KEY)
            self.assertRefused(f"the address: {expected}", "ping", f"{host}:1")

    def test_variableHoldsBootstrapNodes(self) -> None:
        """
        Without ``--bootstrap``, the addresses are read from DWDHT_BOOTSTRAP. Commas or spaces
        separate them.
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
        """The error for a wrong address in DWDHT_BOOTSTRAP contains the name of the variable."""
        setVariable(self, "localhost:10001,x:http")
        for arguments in (("get", KEY), ("put", "x"), ("node",)):
            self.assertRefused("DWDHT_BOOTSTRAP: 'x:http' has no valid port", *arguments)

    def test_optionReplacesTheVariable(self) -> None:
        """
        DWDHT_BOOTSTRAP is not read if ``--bootstrap`` is given. The commands ping and demo never
        read it.
        """
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
    """
    The value of the commands put and update.
    """

    def assertInputRefused(
        self, expected: str, *arguments: str, stdin: BinaryIO | None = None
    ) -> None:
        """Require a usage error of exactly this line when the command reads its value."""
        command = parse(*arguments, "--bootstrap", BOOTSTRAP).command
        with self.assertRaises(UsageError) as raised:
            command.readInput(stdin)
        self.assertEqual(str(raised.exception), expected)

    def test_tooLargeArgumentIsRefused(self) -> None:
        """
        A value of 1,048,578 bytes in 524,289 characters is refused, because the limit is 1,048,576
        bytes.
        """
        self.assertRefused(
            "a value may have up to 1048576 bytes, and this one has 1048578",
            *("put", "--bootstrap", BOOTSTRAP, "\u00e9" * 524_289),
        )

    def test_tooLargeFileIsRefused(self) -> None:
        """
        At most 1,048,577 bytes are read from a file or from standard input. A value of that size or
        more is refused.
        """
        expected = "a value may have up to 1048576 bytes, and this one has more"
        self.assertRefused(expected, "put", "--bootstrap", BOOTSTRAP, "--file", "/dev/zero")
        stdin = BytesIO(bytes(2_000_000))
        self.assertInputRefused(expected, "put", stdin=stdin)
        self.assertEqual(stdin.tell(), 1_048_577)

    def test_largestValueIsTaken(self) -> None:
        """A value of 1,048,576 bytes, the maximum, is accepted from standard input."""
        command = parse("put", "--bootstrap", BOOTSTRAP).command
        command.readInput(BytesIO(bytes(1_048_576)))
        self.assertEqual(command["value"], bytes(1_048_576))

    def test_offsetIsRefused(self) -> None:
        """A ``--from`` that isn't a number, or is beyond the end of the value, is refused."""
        self.assertRefused(
            "--from must be a number from 0 to 1048576, not '1k'",
            *("put", "--bootstrap", BOOTSTRAP, "--from", "1k", "x"),
        )
        self.assertInputRefused(
            "--from 6 is beyond the end: the value has 5 bytes", *("put", "--from", "6", "value")
        )

    def test_keyOfATreeIsChecked(self) -> None:
        """A key of ``dwdht get`` that begins with ``tree:`` is refused unless 64 digits follow."""
        for key in ("tree:", "tree:" + KEY[2:], "tree:" + "g" * 64):
            self.assertRefused(
                f"the key must be tree: and 64 hexadecimal digits, not {key!r}",
                *("get", "--bootstrap", BOOTSTRAP, key),
            )

    def test_unreadableFileIsRefused(self) -> None:
        """The error for a missing file or for a folder contains the reason."""
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
        """The error for an unreadable or closed standard input contains the reason."""
        with open("/dev/null", "wb") as unreadable:
            self.assertInputRefused(
                "cannot read standard input: read", "put", "-", stdin=unreadable
            )
        self.assertInputRefused("standard input is closed", "put", "-")

    def test_twoValuesAreRefused(self) -> None:
        """A put is refused if its value is given both as an argument and as a file."""
        self.assertRefused(
            "give the value as an argument or as --file PATH, not as both",
            *("put", "--bootstrap", BOOTSTRAP, "--file", "x", "y"),
        )

    def test_missingValueIsRefused(self) -> None:
        """A put without a value is refused if standard input is a terminal, closed or empty."""
        for stdin in (Terminal(), None, BytesIO()):
            self.assertInputRefused(
                "give a value: as an argument, as --file PATH, or on standard input",
                "put",
                stdin=stdin,
            )

    def test_emptyValueCanBeStored(self) -> None:
        """
        A put stores an empty value if the argument is empty, or if it is ``-`` and standard input
        is empty.
        """
        for argument in ("", "-"):
            command = parse("put", "--bootstrap", BOOTSTRAP, argument).command
            command.readInput(BytesIO())
            self.assertEqual(command["value"], b"")
