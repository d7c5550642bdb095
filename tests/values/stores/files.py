"""
A file of an `SQLiteStore` that holds values.
"""

from __future__ import annotations

from pathlib import Path

from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.trial.unittest import TestCase

from dwdht_twisted.testing.stores import keyOf, valueOf
from dwdht_twisted.values import SQLiteStore

#: The number of values in the file.
VALUES = 300


class StoreFileTestCase(TestCase):
    """
    A base for tests with the file of a store.

    :cvar size: the bytes of each value
    :ivar folder: the folder of the file
    :ivar path: the file
    :ivar intact: its content
    """

    size: int

    def setUp(self) -> Deferred[None]:  # type: ignore[override]
        return Deferred.fromCoroutine(self.fill())

    def publisherOf(self, number: int) -> str | None:
        """Return who has put a value."""
        return f"192.0.2.{number % 100}"

    async def fill(self) -> None:
        """Make the file."""
        self.folder = Path(self.mktemp()).absolute()
        self.folder.mkdir()
        self.path = self.folder / "values"
        store = self.open()
        await gatherResults(
            [
                store.put(
                    keyOf(number), valueOf(number, self.size), publisher=self.publisherOf(number)
                )
                for number in range(VALUES)
            ]
        )
        await store.close()
        self.intact = self.path.read_bytes()

    def open(self) -> SQLiteStore:
        """Open the file as a store. It is closed at the end of the test."""
        store = SQLiteStore(reactor, self.path)
        self.addCleanup(store.close)
        return store
