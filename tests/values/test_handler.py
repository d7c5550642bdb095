"""
Tests for `values.ValueHandler`, and for the keys of values.
"""

from __future__ import annotations

from hashlib import sha256

from twisted.trial.unittest import SynchronousTestCase
from zope.interface.verify import verifyObject

from dwdht_twisted import Contact, ICommandHandler, Request, values
from dwdht_twisted.testing import SimulatedClock
from dwdht_twisted.values import MemoryStore

STRANGER = Contact(None, "10.9.9.9", 4000)


def request(key: bytes, value: bytes | None) -> Request:
    """A request as the network may send it."""
    return Request(values.COMMAND, key, value, STRANGER)


class ValueHandlerTests(SynchronousTestCase):
    """
    Tests for `values.ValueHandler`.
    """

    def setUp(self) -> None:
        self.store = MemoryStore(SimulatedClock())
        self.handler = values.ValueHandler(self.store)

    def test_handlerProvidesICommandHandler(self) -> None:
        """A handler provides `ICommandHandler`."""
        verifyObject(ICommandHandler, self.handler)

    def test_validValueIsStored(self) -> None:
        """A value that comes under its own key is stored, and returned to a query for the key."""
        key = values.keyOf(b"value")
        self.assertIsNone(self.handler.updateReceived(request(key, b"value")))
        self.assertEqual(self.handler.queryReceived(request(key, None)), b"value")

    def test_unknownKeyHasNoValue(self) -> None:
        """A query for a value that isn't stored is answered without a value."""
        self.assertIsNone(self.handler.queryReceived(request(values.keyOf(b"value"), None)))

    def test_queryStoresNothing(self) -> None:
        """A query that carries a value stores nothing, because its source may be forged."""
        self.handler.queryReceived(request(values.keyOf(b"value"), b"value"))
        self.assertEqual(len(self.store), 0)

    def test_valueUnderAnotherKeyIsIgnored(self) -> None:
        """A value under a key that isn't its hash is not stored, and no error is raised."""
        self.assertIsNone(self.handler.updateReceived(request(bytes(32), b"value")))
        self.assertEqual(len(self.store), 0)

    def test_updateWithoutValueIsIgnored(self) -> None:
        """An update without a value stores nothing, and no error is raised."""
        self.assertIsNone(self.handler.updateReceived(request(bytes(32), None)))
        self.assertEqual(len(self.store), 0)

    def test_valueOver1000BytesIsIgnored(self) -> None:
        """A value of 1,000 bytes is stored, and one of 1,001 is not; no error is raised."""
        for size in (1000, 1001):
            value = b"x" * size
            self.assertIsNone(self.handler.updateReceived(request(values.keyOf(value), value)))
        self.assertEqual(len(self.store), 1)
        self.assertEqual(self.store.get(values.keyOf(b"x" * 1000)), b"x" * 1000)

    def test_keyIsSHA256(self) -> None:
        """The key of a value is its SHA-256."""
        self.assertEqual(values.keyOf(b"value"), sha256(b"value").digest())
