"""
The program ``twistd dwdht`` and its options.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from twisted.application.service import IService
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from dwdht_twisted import Address, DHTNode, RateLimit
from dwdht_twisted._cli import tap
from dwdht_twisted._cli.running.process import ProcessOptions
from dwdht_twisted._cli.running.security import SecurityOptions
from dwdht_twisted._cli.tap import Options, makeNodeService, makeService
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.values import MemoryStore
from dwdht_twisted.values.stores.bounds import DEFAULT_MAXIMUM_AGE, DEFAULT_MAXIMUM_BYTES
from tests.helpers.processes.programs import DWDHT, TWISTD, ProgramTestCase, takenPort


def parse(*arguments: str) -> Options:
    """Read a command line."""
    options = Options()
    options.parseOptions(list(arguments))
    return options


#: The options of a node that is not served over HTTP, and logs no summary.
WITHOUT_HTTP: dict[str, object] = {
    "summary": None,
    "http": None,
    "http-token-file": None,
    "http-client-ca": None,
    "http-host": [],
}


def ofNode(options: Options) -> dict[str, object]:
    """Return the options without those of the process and of private networks."""
    others = {**ProcessOptions(), **SecurityOptions()}
    return {name: value for name, value in options.items() if name not in others}


class OptionsTests(SynchronousTestCase):
    """
    `Options`, the command line of ``twistd dwdht``.
    """

    def test_defaultsMakeAMember(self) -> None:
        """Without options, the node is a member on a free port and stores values in memory."""
        self.assertEqual(
            ofNode(parse()),
            {
                "bootstrap": [],
                "port": 0,
                "interface": None,
                "id": None,
                "ephemeral": 0,
                "member": 0,
                "no-peers": 0,
                "rate-limit": RateLimit(),
                "contacts-per-host": 4,
                "state": None,
                "store": "memory",
                "store-size": DEFAULT_MAXIMUM_BYTES,
                "store-age": DEFAULT_MAXIMUM_AGE,
                **WITHOUT_HTTP,
            },
        )

    def test_stateHoldsTheValues(self) -> None:
        """With a folder for the state, values are kept in it, unless a store is named."""
        self.assertEqual(parse("--state", "a/b")["store"], "sqlite:a/b/values.sqlite")
        for store in ("memory", "none", "sqlite:c"):
            self.assertEqual(parse("--state", "a/b", "--store", store)["store"], store)

    def test_eachOptionIsConverted(self) -> None:
        """Each option is converted to an argument of the node or of its store."""
        options = parse(
            *("--bootstrap", "localhost:10001", "--bootstrap", ":10002", "--port", "6620"),
            *("--interface", "127.0.0.1", "--id", "Ab" * 32, "--ephemeral"),
            *("--state", "/var/lib/dwdht", "--no-peers"),
            *("--store", "sqlite:/var/lib/values", "--store-size", "2G", "--store-age", "12h"),
            *("--rate-limit", "1000", "--contacts-per-host", "64"),
        )
        self.assertEqual(
            ofNode(options),
            {
                "bootstrap": [Address("localhost", 10001), Address("127.0.0.1", 10002)],
                "port": 6620,
                "interface": "127.0.0.1",
                "id": b"\xab" * 32,
                "ephemeral": 1,
                "member": 0,
                "no-peers": 1,
                "rate-limit": RateLimit(1000, 3000),
                "contacts-per-host": 64,
                "state": "/var/lib/dwdht",
                "store": "sqlite:/var/lib/values",
                "store-size": 2 * 1024**3,
                "store-age": 12 * 3600,
                **WITHOUT_HTTP,
            },
        )

    def assertRefused(self, expected: str, *arguments: str) -> None:
        """Require a usage error of one line that contains the expected text."""
        with self.assertRaises(UsageError) as raised:
            parse(*arguments)
        message = str(raised.exception)
        self.assertIn(expected, message)
        self.assertNotIn("\n", message)

    def test_badPortIsRefused(self) -> None:
        """A port other than a number from 0 to 65535 is refused."""
        for port in ("http", "-1", "65536", "", "1.5", "\u0661"):
            self.assertRefused(
                f"--port must be a number from 0 to 65535, not {port!r}", f"--port={port}"
            )

    def test_badIdIsRefused(self) -> None:
        """An id other than 64 hexadecimal digits is refused."""
        self.assertRefused("--id must be 32 bytes", "--id", "ab" * 31)
        self.assertRefused("--id must be 32 bytes", "--id", "ab" * 33)
        self.assertRefused("--id must be 64 hexadecimal digits", "--id", "x" * 64)

    def test_badBootstrapIsRefused(self) -> None:
        """A bootstrap node other than HOST:PORT is refused."""
        for address in ("localhost:0", "localhost:65536", "localhost:http", "a b:1", ""):
            self.assertRefused(f"--bootstrap: {address!r}", "--bootstrap", address)

    def test_badInterfaceIsRefused(self) -> None:
        """An interface that isn't an IPv4 address is refused."""
        for interface in ("eth0", "::1", ""):
            self.assertRefused(
                f"--interface must be an IPv4 address, not {interface!r}", "--interface", interface
            )

    def test_badStoreIsRefused(self) -> None:
        """A store other than ``memory``, ``none`` or ``sqlite:PATH`` is refused."""
        for store in ("disk", "sqlite", "sqlite:", ""):
            self.assertRefused(
                f"--store must be memory, none, or sqlite:PATH, not {store!r}", f"--store={store}"
            )

    def test_badRateLimitIsRefused(self) -> None:
        """A rate limit other than ``none`` or a number from 1 to 1,000,000 is refused."""
        for rate in ("0", "-1", "1000001", "1.5", "1k", "", "9" * 5000):
            self.assertRefused(
                "--rate-limit, unless it is none, must be a number from 1 to 1000000, not "
                f"{rate!r}",
                f"--rate-limit={rate}",
            )

    def test_badContactsPerHostIsRefused(self) -> None:
        """A number of contacts per host is refused unless it is from 1 to 65535."""
        for count in ("0", "-1", "65536", "1.5", "none", ""):
            self.assertRefused(
                f"--contacts-per-host must be a number from 1 to 65535, not {count!r}",
                f"--contacts-per-host={count}",
            )

    def test_contactsPerHostReachTheNode(self) -> None:
        """
        With ``--contacts-per-host 64``, the node's routing table may have 64 contacts per host.
        """
        service = makeService(parse("--contacts-per-host", "64"))
        self.assertEqual(service.node._parts.table.contactsPerHost, 64)

    def test_rateLimitNoneMeansNoLimit(self) -> None:
        """``--rate-limit none`` removes the rate limit."""
        self.assertIsNone(parse("--rate-limit", "none")["rate-limit"])

    def test_sizeHasUnits(self) -> None:
        """
        The size of the store is a number of bytes. With the suffix K, M or G it is a number of
        units of 1024, 1024**2 or 1024**3 bytes.
        """
        for text, size in {
            "65536": 65536,
            "64K": 65536,
            "1m": 1024**2,
            "1024G": 1024**4,
        }.items():
            self.assertEqual(parse("--store-size", text)["store-size"], size)

    def test_badSizeIsRefused(self) -> None:
        """A size outside of 64 KiB to 1,024 GiB, or with a wrong unit, is refused."""
        for size in ("0", "65535", "63K", "1025G", "64 M", "64MB", "-64M", "1.5G", "", "9" * 5000):
            self.assertRefused(
                f"--store-size must be from 64K to 1024G, not {size!r};",
                f"--store-size={size}",
            )

    def test_ageHasUnits(self) -> None:
        """
        The age of values is a number of seconds, with or without the suffix s. With the suffix m, h
        or d it is a number of minutes, hours or days.
        """
        for text, age in {"60": 60, "60s": 60, "1m": 60, "365d": 365 * 86400}.items():
            self.assertEqual(parse("--store-age", text)["store-age"], age)

    def test_badAgeIsRefused(self) -> None:
        """An age outside of a minute to 365 days, or with a wrong unit, is refused."""
        for age in ("0", "59", "0m", "366d", "1w", "1 d", "-1d", "0.5d", "", "9" * 5000):
            self.assertRefused(
                f"--store-age must be from 1m to 365d, not {age!r};", f"--store-age={age}"
            )

    def test_boundsWithoutStoreAreRefused(self) -> None:
        """The size and age of a store are refused together with ``--store none``."""
        for option in ("--store-size=64M", "--store-age=1d"):
            name = option.partition("=")[0]
            self.assertRefused(f"{name} has no effect with --store none", option, "--store=none")

    def test_strayArgumentIsRefused(self) -> None:
        """The error for an unexpected argument or a misspelled option contains its name."""
        self.assertRefused("unexpected argument: localhost:10001", "localhost:10001")
        self.assertRefused("--bootstap", "--bootstap", "localhost:10001")


class MakeServiceTests(SynchronousTestCase):
    """
    `makeService` and `makeNodeService`, which make the service from the options.
    """

    def test_serviceFollowsTheOptions(self) -> None:
        """The service has a node with the id and the role in the options. It isn't running yet."""
        service = makeService(parse("--id", "ab" * 32, "--ephemeral"))
        verifyObject(IService, service)
        self.assertFalse(service.running)
        self.assertEqual(service.node.id, b"\xab" * 32)
        self.assertTrue(service.node.ephemeral)

    def test_boundsReachTheStore(self) -> None:
        """A store of either kind gets the size and the age in the options."""
        reactor = MemoryNetwork(SimulatedClock()).reactor()
        bounds = ("--store-size", "64K", "--store-age", "1m")
        for option, name in {"memory": "MemoryStore", "sqlite:values": "SQLiteStore"}.items():
            made: list[Any] = []

            def make(*arguments: Any, made: list[Any] = made, **bounds: Any) -> MemoryStore:
                made.append((*arguments, bounds))
                return MemoryStore(*arguments[:1], **bounds)

            self.patch(tap, name, make)
            makeNodeService(parse("--store", option, *bounds), reactor).startService()
            path = ["values"] * (name == "SQLiteStore")
            self.assertEqual(made, [(reactor, *path, {"maximumBytes": 65536, "maximumAge": 60})])

    def test_rateLimitReachesTheNode(self) -> None:
        """With ``--rate-limit 2``, a node serves 6 of 10 simultaneous requests of another host."""
        clock = SimulatedClock()
        network = MemoryNetwork(clock)
        service = makeNodeService(parse("--rate-limit", "2"), network.reactor("10.0.0.1"))
        service.startService()
        asker = DHTNode(network.reactor("10.0.0.2"), ephemeral=True)
        for _ in range(10):
            asker.ping(("10.0.0.1", service.node.address().port)).addErrback(lambda _: None)
        clock.runFor(0.1)
        self.assertEqual(service.node.counters.rateLimited, 4)


class TwistdTests(ProgramTestCase):
    """
    The program ``twistd dwdht`` as a process.
    """

    async def test_versionIsThatOfThePackage(self) -> None:
        """
        ``twistd dwdht --version`` prints the version of this package and not the one of Twisted.
        """
        program = await self.finish(*TWISTD, "dwdht", "--version")
        self.assertEqual(program.text, f"dwdht_twisted {version('dwdht_twisted')}\n")

    async def test_twoProcessesKeepAValue(self) -> None:
        """
        A bootstrap server and a node form a network that stores a value. Both shut down regularly
        after SIGTERM.
        """
        bootstrap, address = await self.startNode("--ephemeral")
        node, _ = await self.startNode("--bootstrap", address)
        await node.says(" the network")
        put = await self.finish(*DWDHT, "put", "--bootstrap", address, "hello")
        self.assertEqual((put.exitCode, put.errorText), (0, "stored on 1 node\n"))
        got = await self.finish(*DWDHT, "get", "--bootstrap", address, put.text.strip())
        self.assertEqual((got.exitCode, got.text), (0, "hello"))
        await self.terminate(node)
        self.assertIn("updatesServed 1", node.text)
        await self.terminate(bootstrap)

    async def test_valuesOutliveARestart(self) -> None:
        """A node with an SQLite store still has its values after a restart."""
        first, address = await self.startNode("--store", "sqlite:values")
        put = await self.finish(*DWDHT, "put", "--bootstrap", address, "hello")
        self.assertEqual(put.exitCode, 0, put.errorText)
        await self.terminate(first)
        _, address = await self.startNode("--store", "sqlite:values")
        got = await self.finish(*DWDHT, "get", "--bootstrap", address, put.text.strip())
        self.assertEqual((got.exitCode, got.text), (0, "hello"))

    async def test_nodeWithoutStoreTakesNoValue(self) -> None:
        """A put fails with one line if the only node has no store."""
        _, address = await self.startNode("--store", "none")
        put = await self.finish(*DWDHT, "put", "--bootstrap", address, "hello")
        self.assertRefused(put, 1, "dwdht put: no node took the update")

    async def test_interruptedNodeStopsInOrder(self) -> None:
        """A node interrupted at the terminal stops without a traceback."""
        node, _ = await self.startNode()
        node.send("INT")
        await node.end(20)
        self.assertIn("Server Shut Down.", node.text)
        self.assertNotIn("Traceback", node.text + node.errorText)

    async def test_unresolvableBootstrapIsLogged(self) -> None:
        """If a bootstrap name has no address, the node logs this and goes on trying."""
        node, _ = await self.startNode("--bootstrap", "nosuch.invalid:10001")
        await node.says("nosuch.invalid has no IPv4 address")
        await node.says("will go on trying")
        await self.terminate(node)

    async def test_mistakeEndsWithOneLine(self) -> None:
        """A wrong command line ends twistd with one line and exit status 1."""
        for arguments, line in {
            ("--port", "65536"): "--port must be a number from 0 to 65535, not '65536'",
            ("--id", "ab" * 31): (
                "--id must be 32 bytes, as 64 hexadecimal digits, and this is 31 bytes"
            ),
            ("--rate-limit", "0"): (
                "--rate-limit, unless it is none, must be a number from 1 to 1000000, not '0'"
            ),
            ("--store-size", "64MB"): (
                "--store-size must be from 64K to 1024G, not '64MB'; its unit is one of K, M, G"
            ),
            ("--store-age", "1w"): (
                "--store-age must be from 1m to 365d, not '1w'; its unit is one of s, m, h, d"
            ),
            ("--bootstrap", "x:http"): (
                "--bootstrap: 'x:http' has no valid port; give HOST:PORT, port 1 to 65535"
            ),
        }.items():
            program = await self.finish(*TWISTD, "dwdht", *arguments)
            self.assertRefused(program, 1, f"twistd dwdht: {line}")
            self.assertEqual(program.text, "")

    async def assertCannotStart(self, line: str, *options: str) -> None:
        """Require that twistd logs this line, ends with exit status 1 and leaves no pid file."""
        command = ("twistd", "--nodaemon", "dwdht", "--interface", "127.0.0.1", *options)
        program = await self.finish("env", *command)
        self.assertEqual(program.exitCode, 1)
        said = [logged for logged in program.text.splitlines() if "twistd dwdht: " in logged]
        self.assertEqual(len(said), 1, program.text)
        self.assertIn(line, said[0])
        self.assertNotIn("Traceback", program.text + program.errorText)
        self.assertEqual(program.errorText, "")
        self.assertFalse((self.folder / "twistd.pid").exists())

    async def test_takenPortEndsWithOneLine(self) -> None:
        """
        If the port is in use, twistd ends with one line and exit status 1, and leaves no pid file.
        """
        port = takenPort(self)
        await self.assertCannotStart(f"127.0.0.1:{port}: ", "--port", str(port))

    async def test_badStoreFileEndsWithOneLine(self) -> None:
        """
        If the store can't be opened, twistd ends with one line and exit status 1, and leaves no pid
        file.
        """
        await self.assertCannotStart(
            "cannot keep values in '/nonexistent/values'", "--store", "sqlite:/nonexistent/values"
        )

    async def test_daemonReportsTakenPort(self) -> None:
        """
        If the port is in use, a daemon ends with exit status 1 and names the port on standard
        error.
        """
        port = takenPort(self)
        program = await self.finish(
            *("env", "twistd", "dwdht", "--interface", "127.0.0.1", "--port", str(port))
        )
        self.assertEqual(program.exitCode, 1)
        self.assertIn(str(port), program.errorText)
        self.assertNotIn("Traceback", (self.folder / "twistd.log").read_text())
