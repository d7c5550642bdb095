"""
`values.Keeper`: when it puts what it keeps, and what it knows of the holders.
"""

from __future__ import annotations

from itertools import pairwise
from random import Random
from typing import Any

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTNode, values
from dwdht_twisted.errors import InvalidTarget, StoreFailed, ValueTooLarge
from dwdht_twisted.testing import MemoryNetwork
from dwdht_twisted.values import Keeper, Kept
from dwdht_twisted.values.keeping.keeper import PUT_RATE, PUTS_AT_ONCE
from tests.helpers.networks.values import MAXIMUM_AGE, ValueNetwork


class MemoryState:
    """
    A state folder in memory.

    :ivar files: the content of each file, by its name
    :ivar isFull: whether writes fail
    :ivar writes: the number of writes so far
    """

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.isFull = False
        self.writes = 0

    def read(self, name: str) -> bytes | None:
        """Return the content of a file, or None."""
        return self.files.get(name)

    def write(self, name: str, data: bytes) -> None:
        """Replace a file."""
        if self.isFull:
            raise StoreFailed("no space left on device")
        self.files[name] = data
        self.writes += 1


class KeeperTestCase(SynchronousTestCase):
    """
    A base for tests with a network of nodes that drop a value after `MAXIMUM_AGE` seconds.
    """

    size = 25

    def setUp(self) -> None:
        self.network = ValueNetwork(self.size)
        self.clock = self.network.clock
        self.puts: list[Kept] = []

    def keeper(self, node: DHTNode | None = None, **options: Any) -> Keeper:
        """Return a new keeper that runs until the end of the test."""
        reactor = self.network.reactor()
        keeper = Keeper(
            node or self.network.visitor(),
            reactor,
            age=MAXIMUM_AGE,
            random=Random(1),
            onPut=self.puts.append,
            **options,
        )
        keeper.startService()
        self.addCleanup(lambda: self.clock.runUntil(keeper.stopService()))
        return keeper


class KeepingTests(KeeperTestCase):
    """
    Values that are kept.
    """

    def test_keptValueIsPutAtOnce(self) -> None:
        """A value is put as soon as it is kept, and the number of its holders is known then."""
        keeper = self.keeper()
        key = keeper.keep(b"kept")
        self.assertEqual(keeper.kept(), [Kept(values.COMMAND, key, b"kept", None, None)])
        self.clock.runFor(1)
        self.assertEqual(len(self.network.holders(key)), 20)
        self.assertEqual(keeper.kept(), [Kept(values.COMMAND, key, b"kept", 20, 0)])
        self.assertEqual(self.puts, keeper.kept())

    def test_keptValueOutlivesTheStores(self) -> None:
        """
        A kept value is found at any time, also after the age at which stores drop a value. From the
        second put on, it is known how many nodes held the value just before.
        """
        key = self.keeper().keep(b"kept")
        self.clock.runFor(5)
        for _ in range(int(10 * MAXIMUM_AGE)):
            self.clock.runFor(1)
            self.assertNotEqual(self.network.holders(key), set())
        self.assertEqual({put.heldBefore for put in self.puts[1:]}, {20})

    def test_stableHoldersArePutToSeldom(self) -> None:
        """While its holders keep it, a value is put at most twice within the age of the stores."""
        self.keeper().keep(b"kept")
        self.clock.runFor(2 * MAXIMUM_AGE)
        before = len(self.puts)
        self.clock.runFor(10 * MAXIMUM_AGE)
        self.assertLessEqual(len(self.puts) - before, 23)
        self.assertGreaterEqual(len(self.puts) - before, 10)

    def test_lostHoldersArePutToSooner(self) -> None:
        """When most holders have lost a value, the next puts of it are closer together."""
        self.keeper().keep(b"kept")
        self.clock.runFor(5 * MAXIMUM_AGE)
        stable = len(self.puts)
        for _ in range(int(2.5 * MAXIMUM_AGE)):
            self.clock.runFor(2)
            for store in self.network.stores.values():
                store.close()
        self.assertGreater(len(self.puts) - stable, 2 * stable)

    def test_forgottenValueExpires(self) -> None:
        """A value that is forgotten is not put again, and expires."""
        keeper = self.keeper()
        key = keeper.keep(b"kept")
        self.clock.runFor(2 * MAXIMUM_AGE)
        keeper.forget(key)
        self.assertEqual(keeper.kept(), [])
        self.clock.runFor(MAXIMUM_AGE)
        self.assertEqual(self.network.holders(key), set())
        with self.assertRaises(KeyError):
            keeper.forget(key)
        with self.assertRaisesRegex(InvalidTarget, "a key must be 32 bytes, not str"):
            keeper.forget(key.hex())  # type: ignore[arg-type]

    def test_forgottenDuringItsPut(self) -> None:
        """A value may be forgotten while it is being put."""
        keeper = self.keeper()
        keeper.forget(keeper.keep(b"kept"))
        keeper.forget(keeper.keep(b"other"))
        self.clock.runFor(5 * MAXIMUM_AGE)
        self.assertEqual(self.puts, [])

    def test_keepingAgainPutsAgain(self) -> None:
        """A value that is kept already is put again now, and is still listed once."""
        keeper = self.keeper()
        keeper.keep(b"kept")
        self.clock.runFor(1)
        keeper.keep(b"kept")
        self.clock.runFor(1)
        self.assertEqual(len(self.puts), 2)
        self.assertEqual(len(keeper.kept()), 1)

    def test_wrongAgeIsRefused(self) -> None:
        """The age of the stores has to be a finite number above 0."""
        for age in (0, -1.0, float("nan"), float("inf")):
            with self.assertRaises(ValueError):
                Keeper(self.network.visitor(), self.network.reactor(), age=age)

    def test_wrongValuesAreRefused(self) -> None:
        """What can't be put can't be kept."""
        keeper = self.keeper()
        with self.assertRaises(ValueTooLarge):
            keeper.keep(bytes(1001))
        with self.assertRaises(TypeError):
            keeper.keep("text")  # type: ignore[arg-type]

    def test_stoppedKeeperPutsNothing(self) -> None:
        """
        A stopped keeper leaves no timer and puts nothing. When it is started again, it puts all
        values at once.
        """
        keeper = self.keeper()
        key = keeper.keep(b"kept")
        self.clock.runFor(5)
        self.clock.runUntil(keeper.stopService())
        self.clock.runFor(MAXIMUM_AGE)
        self.assertEqual(self.network.holders(key), set())
        keeper.startService()
        self.clock.runFor(5)
        self.assertEqual(len(self.network.holders(key)), 20)

    def test_valuesKeptBeforeTheStart(self) -> None:
        """A value may be kept before the start; it is put at the start."""
        keeper = Keeper(self.network.visitor(), self.network.reactor())
        key = keeper.keep(b"kept")
        self.clock.runFor(5)
        self.assertEqual(self.network.holders(key), set())
        keeper.startService()
        self.clock.runFor(5)
        self.assertEqual(len(self.network.holders(key)), 20)
        self.clock.runUntil(keeper.stopService())


class SpreadTests(KeeperTestCase):
    """
    Many values.
    """

    size = 3

    def test_manyValuesArePaced(self) -> None:
        """
        Many values that are kept at once are put at the rate of the keeper, and few at a time. The
        puts that follow are spread over time.
        """
        keeper = self.keeper()
        count = int(PUT_RATE * 15)
        for index in range(count):
            keeper.keep(b"%d" % index)
        most, times = 0, []
        for _ in range(int(4 * MAXIMUM_AGE)):
            before = len(self.puts)
            self.clock.runFor(1)
            most = max(most, len(self.puts) - before)
            times.append(len(self.puts))
        self.assertLessEqual(most, PUT_RATE + PUTS_AT_ONCE)
        self.assertGreaterEqual(times[16], count)
        again = [after - before for before, after in pairwise(times[60:])]
        self.assertLessEqual(max(again), PUT_RATE)


class FailureTests(KeeperTestCase):
    """
    Values that no node takes.
    """

    size = 1

    def setUp(self) -> None:
        super().setUp()
        self.alone = MemoryNetwork(self.clock, seed=3)

    def test_retriesWithGrowingPauses(self) -> None:
        """
        While no node takes a value, it is put again and again, with pauses that grow. Only the
        first failure and the recovery are logged.
        """
        node = DHTNode(self.alone.reactor(), bootstrap=["10.9.9.9:6620"], random=Random(2))
        keeper = Keeper(node, self.alone.reactor(), random=Random(1), onPut=self.puts.append)
        keeper.startService()
        first, second = keeper.keep(b"kept"), keeper.keep(b"other")
        self.clock.runFor(2 * 3600)
        self.assertEqual([kept.holders for kept in keeper.kept()], [0, 0])
        self.assertLess(len(self.puts), 25)
        host = DHTNode(self.alone.reactor("10.9.9.9"), random=Random(3))
        host.listen(6620)
        store = values.MemoryStore(self.clock)
        host.register(values.COMMAND, values.ValueHandler(store))
        self.clock.runFor(2 * 3600)
        self.assertEqual((store.get(first), store.get(second)), (b"kept", b"other"))
        self.assertEqual({put.target for put in self.puts if put.holders}, {first, second})
        for each in (keeper.stopService(), node.destroy(), host.destroy()):
            self.clock.runUntil(each)


class StateTests(KeeperTestCase):
    """
    A keeper with a state folder.
    """

    def test_listSurvivesARestart(self) -> None:
        """A keeper on the state of an earlier one keeps the same values, and puts them."""
        state = MemoryState()
        first = self.keeper(state=state)
        first.keep(b"forgotten")
        key, other = first.keep(b"kept"), first.keep(b"\x00\xff")
        self.clock.runFor(5)
        first.forget(values.keyOf(b"forgotten"))
        self.clock.runUntil(first.stopService())
        self.clock.runFor(MAXIMUM_AGE)
        self.assertEqual(self.network.holders(key), set())
        second = self.keeper(state=state)
        self.assertEqual({kept.target for kept in second.kept()}, {key, other})
        self.clock.runFor(5)
        self.assertEqual(len(self.network.holders(key)), 20)
        self.assertEqual(len(self.network.holders(other)), 20)

    def test_listIsWrittenSoon(self) -> None:
        """The list is written within seconds, so that it survives a crash; once for many values."""
        state = MemoryState()
        keeper = self.keeper(state=state)
        for index in range(100):
            keeper.keep(b"%d" % index)
        self.clock.runFor(5)
        self.assertEqual(state.writes, 1)
        self.clock.runFor(MAXIMUM_AGE)
        self.assertEqual(state.writes, 1)
        again = Keeper(self.network.visitor(), self.network.reactor(), state=state)
        again.startService()
        self.assertEqual(len(again.kept()), 100)
        self.clock.runUntil(again.stopService())

    def test_fullDiskIsHarmless(self) -> None:
        """When the list can't be written, this is logged once, and the values are kept."""
        state = MemoryState()
        state.isFull = True
        keeper = self.keeper(state=state)
        key = keeper.keep(b"kept")
        self.clock.runFor(5)
        keeper.keep(b"other")
        self.clock.runFor(2 * MAXIMUM_AGE)
        self.assertEqual(len(self.network.holders(key)), 20)
        state.isFull = False
        keeper.keep(b"third")
        self.clock.runFor(5)
        self.assertEqual(state.writes, 1)

    def test_damagedListIsLeftAlone(self) -> None:
        """A list that can't be read is never replaced. What is kept then is kept in memory."""
        for damaged in (b"", b"[", b"[1]", b'[["values", "00", "x"]]', b"\xff", b"[" * 100_000):
            state = MemoryState()
            state.files["kept"] = damaged
            keeper = self.keeper(state=state)
            self.assertEqual(keeper.kept(), [])
            key = keeper.keep(b"kept")
            self.clock.runFor(5)
            self.assertEqual(len(self.network.holders(key)), 20)
            self.clock.runUntil(keeper.stopService())
            self.assertEqual(state.files["kept"], damaged)

    def test_listOfAFailingStateIsLeftAlone(self) -> None:
        """Whatever error a state raises when it is read, the list is never replaced."""

        class FailingState(MemoryState):
            def read(self, name: str) -> bytes | None:
                raise error

        for error in (OSError("Input/output error"), StoreFailed("closed"), KeyError("kept")):
            state = FailingState()
            state.files["kept"] = b"[]"
            with capturedLogs() as events:
                keeper = self.keeper(state=state)
            self.assertTrue(keeper.running)
            self.assertEqual([event["reason"] for event in events], [str(error)])
            keeper.keep(b"kept")
            self.clock.runFor(5)
            self.clock.runUntil(keeper.stopService())
            self.assertEqual(state.files, {"kept": b"[]"})
