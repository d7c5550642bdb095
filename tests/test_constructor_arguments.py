"""
The arguments of the constructors of `DHTService`, `Keeper`, the stores and their handlers: wrong
types and edge values are refused at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from inspect import signature
from math import inf, nan
from pathlib import Path
from typing import Any

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTNode, DHTService, MemoryStore, RecordHandler, SQLiteStore, ValueHandler
from dwdht_twisted.errors import CannotOpenStore, DHTError
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.values import HandOver, Keeper
from dwdht_twisted.web.settings import HTTPSettings

#: A folder that nothing makes.
MISSING = "/nowhere/at/all"


class Incomplete:
    """A store that can't be closed."""

    def put(self, key: bytes, value: bytes) -> None:
        """Keep nothing."""

    def get(self, key: bytes) -> None:
        """Find nothing."""


class Unshared(Incomplete):
    """A store that doesn't list its values."""

    def close(self) -> None:
        """Release nothing."""


#: Values that are no text, no number and no object of this package.
NOTHING: tuple[object, ...] = (object(), {}, [])

#: What is wrong for each option of a service, and for each of the options that a node has, too.
OF_SERVICE: dict[str, tuple[object, ...]] = {
    "port": (-1, 65536, "6620", 1.5, True, None, nan),
    "interface": ("localhost", "::1", b"127.0.0.1", None, 5),
    "store": ("sqlite:values", "values.sqlite", Path("values"), b"x", {}, 5, True, Incomplete()),
    "state": ("", b"state", 5, True, "a\0b", {}, ["state"]),
    "peers": ("no", 0, 1, None, []),
    "http": ("", 5, b"tcp:0", ("tcp:0",), True),
    "summary": (-1, 0, 0.5, nan, inf, "60", True, [60]),
    "bootstrap": (None, b"host:1", 0, 1.5, {}, "a b", True),
    "id": (b"short", "x" * 32, 5, bytes(31), ""),
    "ephemeral": ("no", 0, 1, None),
    "adaptive": ("no", 0, 1, None),
    "socket": (5, "socket", object()),
    "contacts": (None, 5, "abc", b"abc", [5], [("a", "b", "c")]),
    "rateLimit": (0, -1, nan, "5", True, [5], {}),
    "contactsPerHost": (0, -1, 1.5, "5", True, None, inf),
    "random": (5, "seed", object(), True),
    "networkKey": (b"short", "k" * 32, 5, [], ["k" * 32], True, bytearray(32), [bytes(32)] * 2),
    "security": (5, "security", object(), True),
}

OF_BOUNDS: dict[str, tuple[object, ...]] = {
    "maximumBytes": (0, -1, 1.5, nan, inf, "64M", True, None),
    "maximumAge": (0, -1, nan, "1d", True, None),
}


class ArgumentTests(SynchronousTestCase):
    """
    Each parameter of each constructor.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.host = MemoryNetwork(self.clock, seed=1).reactor("10.0.0.1")

    def assertRefused(
        self, make: Callable[..., object], name: str, wrong: Iterable[object]
    ) -> None:
        """
        Require that each value of a parameter raises an error at once, whose message has the value
        or its type, and that nothing is left open.
        """
        for value in wrong:
            try:
                make(**{name: value})
            except (DHTError, ValueError) as error:
                said = str(error)
                self.assertGreater(len(said), 10, (name, value))
                self.assertNotIn("object is not", said)
            except Exception as error:
                self.fail(f"{name}={value!r} raised {error!r}")
            else:
                self.fail(f"{name}={value!r} was taken")
        self.assertEqual(self.host.getDelayedCalls(), [])

    def assertComplete(
        self, make: Callable[..., object], table: dict[str, Any], *others: str
    ) -> None:
        """Require that a table has each parameter of a constructor, except some."""
        self.assertEqual({*signature(make).parameters} - {*others}, {*table})

    def test_optionsOfAService(self) -> None:
        """Each option of a service."""
        self.assertComplete(DHTService, OF_SERVICE, "reactor")
        for name, wrong in OF_SERVICE.items():
            self.assertRefused(lambda **option: DHTService(self.host, **option), name, wrong)

    def test_optionsOfANode(self) -> None:
        """Each option of a node."""
        table = {
            name: wrong
            for name, wrong in OF_SERVICE.items()
            if name in signature(DHTNode).parameters
        }
        self.assertComplete(DHTNode, table, "reactor")
        for name, wrong in table.items():
            self.assertRefused(lambda **option: DHTNode(self.host, **option), name, wrong)

    def test_settingsOfHTTP(self) -> None:
        """Each of the settings of HTTP."""
        table: dict[str, tuple[object, ...]] = {
            "endpoint": ("", 5, None, b"tcp:0"),
            "tokenFile": ("", 5, b"token", True),
            "clientCA": ("", 5, b"file", True),
            "hosts": ("example.org", [5], None, 5, {"a"}),
        }
        self.assertComplete(HTTPSettings, table)
        for name, wrong in table.items():

            def make(**setting: Any) -> object:
                return DHTService(self.host, http=HTTPSettings(**{"endpoint": "tcp:0", **setting}))

            self.assertRefused(make, name, wrong)

    def test_optionsOfAKeeper(self) -> None:
        """Each parameter of a keeper."""
        node = DHTNode(self.host)
        table: dict[str, tuple[object, ...]] = {
            "node": (None, "node", DHTService, *NOTHING),
            "state": ("", b"state", 5, True, *NOTHING),
            "age": (0, -1, nan, inf, "1d", True, None),
            "random": (5, "seed", object()),
            "onPut": (5, "print", object()),
        }
        self.assertComplete(Keeper, table, "reactor")
        for name, wrong in table.items():

            def make(**option: Any) -> object:
                given = option.pop("node", node)
                return Keeper(given, self.host, **option)

            self.assertRefused(make, name, wrong)

    def test_optionsOfAHandOver(self) -> None:
        """Each parameter of a hand-over."""
        node, store = DHTNode(self.host), MemoryStore(self.host)
        table: dict[str, tuple[object, ...]] = {
            "node": (None, "node", DHTService, *NOTHING),
            "store": (None, MemoryStore, Incomplete(), Unshared(), "memory"),
            "random": (5, "seed", object()),
        }
        self.assertComplete(HandOver, table, "reactor")
        for name, wrong in table.items():

            def make(**option: Any) -> object:
                given: dict[str, Any] = {"node": node, "store": store, **option}
                return HandOver(reactor=self.host, **given)

            self.assertRefused(make, name, wrong)

    def test_limitsOfStores(self) -> None:
        """Each limit of a store in memory and of a store in a file."""
        self.assertComplete(MemoryStore, OF_BOUNDS, "reactor")
        for name, wrong in OF_BOUNDS.items():
            self.assertRefused(lambda **limit: MemoryStore(self.host, **limit), name, wrong)
        table: dict[str, tuple[object, ...]] = {
            **OF_BOUNDS,
            "path": ("", ":memory:", b"values", 5, None, True, MISSING, "/", "a\0b", *NOTHING),
            "seconds": (5, None, "time"),
            "elapsed": (5, "time"),
        }
        self.assertComplete(SQLiteStore, table, "reactor")
        for name, wrong in table.items():

            def make(**option: Any) -> object:
                path = option.pop("path") if "path" in option else self.mktemp()
                return SQLiteStore(self.host, path, **option)

            self.assertRefused(make, name, wrong)

    def test_storesOfHandlers(self) -> None:
        """The store of a handler of values or records."""
        wrong = (None, MemoryStore, *OF_SERVICE["store"])
        for handler in (ValueHandler, RecordHandler):
            self.assertRefused(handler, "store", wrong)

    def test_reactors(self) -> None:
        """What isn't a reactor."""
        store = MemoryStore(Clock())
        for make in (
            DHTService,
            DHTNode,
            MemoryStore,
            lambda reactor: SQLiteStore(reactor, self.mktemp()),
            lambda reactor: Keeper(DHTNode(self.host), reactor),
            lambda reactor: HandOver(DHTNode(self.host), store, reactor),
        ):
            for wrong in (None, 5, "reactor", object()):
                with self.assertRaisesRegex(TypeError, "a reactor is required, not"):
                    make(wrong)

    def test_errorSaysWhatIsAllowed(self) -> None:
        """The error of an option that has several forms names them, and what was given."""
        for option, value, said in (
            ("store", "sqlite:values", "a function that makes one, or None.*'sqlite:values'"),
            ("store", Incomplete(), "has no close"),
            ("state", "", "the path of a folder, or None, not ''"),
            ("summary", 0, "at least 1, or None, not 0"),
            ("http", 5, "the description of an endpoint, HTTPSettings, or None, not 5"),
            ("peers", "no", "peers is True or False, not 'no'"),
        ):
            with self.assertRaisesRegex(ValueError, said):
                DHTService(self.host, **{option: value})  # type: ignore[arg-type]

    def test_rightOptionsAreTaken(self) -> None:
        """Every form of an option that is allowed is taken."""
        store = MemoryStore(self.host)
        for option, values in {
            "store": (None, store, lambda: store, MemoryStore),
            "state": (None, self.mktemp(), Path(self.mktemp())),
            "summary": (None, 1, 60.0),
            "http": (None, "tcp:8080", HTTPSettings("tcp:8080", hosts=("example.org",))),
        }.items():
            for value in values:
                DHTService(self.host, **{option: value})  # type: ignore[arg-type]
        with self.assertRaises(CannotOpenStore):
            SQLiteStore(self.host, MISSING)
