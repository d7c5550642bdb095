"""
`values.ValueHandler`, and the keys of values.
"""

from __future__ import annotations

from collections.abc import Awaitable
from hashlib import sha256

from twisted.internet.defer import Deferred, fail, succeed
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer
from zope.interface.verify import verifyObject

from dwdht_twisted import Contact, ICommandHandler, Request, values
from dwdht_twisted.errors import StoreFailed, UpdateRefused, ValueTooLarge
from dwdht_twisted.interfaces import HandlerResult, IValueStore
from dwdht_twisted.testing import SimulatedClock
from dwdht_twisted.values import MemoryStore

STRANGER = Contact(None, "10.9.9.9", 4000)


def request(key: bytes, value: bytes | None) -> Request:
    """Return a request as the network may send it."""
    return Request(values.COMMAND, key, value, STRANGER)


class ValueHandlerTests(SynchronousTestCase):
    """
    A `values.ValueHandler` with a `MemoryStore`.
    """

    def setUp(self) -> None:
        self.store = MemoryStore(SimulatedClock())
        self.handler = values.ValueHandler(self.store)

    def test_handlerProvidesICommandHandler(self) -> None:
        """A handler provides `ICommandHandler`."""
        verifyObject(ICommandHandler, self.handler)

    def test_validValueIsStored(self) -> None:
        """A value under its own key is stored. A query for the key returns it."""
        key = values.keyOf(b"value")
        self.assertIsNone(self.handler.updateReceived(request(key, b"value")))
        self.assertEqual(self.handler.queryReceived(request(key, None)), b"value")

    def test_valueCountsForItsAsker(self) -> None:
        """A value is stored as one of the host that put it."""
        self.handler.updateReceived(request(values.keyOf(b"value"), b"value"))
        self.assertEqual(self.store.entries()[0].publisher, STRANGER.host)

    def test_unknownKeyHasNoValue(self) -> None:
        """A query for a value that isn't stored is answered with None."""
        self.assertIsNone(self.handler.queryReceived(request(values.keyOf(b"value"), None)))

    def test_queryStoresNothing(self) -> None:
        """A value in a query is not stored, because the source of a query may be forged."""
        self.handler.queryReceived(request(values.keyOf(b"value"), b"value"))
        self.assertEqual(len(self.store), 0)

    def assertRefused(self, key: bytes, value: bytes | None, reason: str) -> None:
        """Require that an update is refused for this reason and that nothing is stored."""
        before = len(self.store)
        with self.assertRaisesRegex(UpdateRefused, reason):
            self.handler.updateReceived(request(key, value))
        self.assertEqual(len(self.store), before)

    def test_valueUnderAnotherKeyIsRefused(self) -> None:
        """A value under a key that isn't its hash is refused. The error contains both keys."""
        wrong, right = "00" * 32, values.keyOf(b"value").hex()
        self.assertRefused(bytes(32), b"value", f"the key of this value is {right}, not {wrong}")

    def test_updateWithoutValueIsRefused(self) -> None:
        """An update without a value is refused."""
        self.assertRefused(
            bytes(32), None, "carries no value; a value of up to 1285 bytes is required"
        )

    def test_valueOver1285BytesIsRefused(self) -> None:
        """
        A value of 1,285 bytes is stored. A value of 1,286 bytes is refused, and the error contains
        both sizes.
        """
        for size in (1285, 1286):
            value = b"x" * size
            key = values.keyOf(value)
            if size == 1285:
                self.assertIsNone(self.handler.updateReceived(request(key, value)))
            else:
                self.assertRefused(key, value, "up to 1285 bytes are kept, and this one has 1286")
        self.assertEqual(len(self.store), 1)
        self.assertEqual(self.store.get(values.keyOf(b"x" * 1285)), b"x" * 1285)

    def test_valueOverTheStoreIsRefused(self) -> None:
        """
        A value that doesn't fit in the empty store is refused. The error contains the size of the
        store.
        """
        self.store = MemoryStore(SimulatedClock(), maximumBytes=300)
        self.handler = values.ValueHandler(self.store)
        value = b"x" * 13
        self.assertRefused(values.keyOf(value), value, "doesn't fit a store of 300 bytes")

    def test_keyIsSHA256(self) -> None:
        """The key of a value is its SHA-256 hash."""
        self.assertEqual(values.keyOf(b"value"), sha256(b"value").digest())


@implementer(IValueStore)
class FailingStore:
    """
    A store that has the same value for each key, and fails when a test says so.

    :ivar isFull: whether writes fail
    :ivar isUnreadable: whether reads fail
    """

    def __init__(self) -> None:
        self.isFull = False
        self.isUnreadable = False

    def put(self, key: bytes, value: bytes) -> Awaitable[None] | None:
        """Accept a value without storing it, or fail."""
        if self.isFull:
            raise StoreFailed("the disk is full")
        return None

    def get(self, key: bytes) -> Awaitable[bytes | None] | bytes | None:
        """Return the value, or fail."""
        if self.isUnreadable:
            raise StoreFailed("the disk is gone")
        return b"value"

    def close(self) -> None:
        """Do nothing."""


class SlowlyFailingStore(FailingStore):
    """
    A `FailingStore` that returns Deferreds.
    """

    def put(self, key: bytes, value: bytes) -> Deferred[None]:
        """Accept a value without storing it, or fail."""
        try:
            super().put(key, value)
        except StoreFailed as error:
            return fail(error)
        return succeed(None)

    def get(self, key: bytes) -> Deferred[bytes]:
        """Return the value, or fail."""
        try:
            super().get(key)
        except StoreFailed as error:
            return fail(error)
        return succeed(b"value")


class FailingStoreTests(SynchronousTestCase):
    """
    A `values.ValueHandler` with a store that raises exceptions.
    """

    def setUp(self) -> None:
        self.store = self.makeStore()
        self.handler = values.ValueHandler(self.store)
        captured = capturedLogs()
        self.events = captured.__enter__()
        self.seen = 0
        self.addCleanup(captured.__exit__, None, None, None)

    def makeStore(self) -> FailingStore:
        """Return the store of the test."""
        return FailingStore()

    def resultOf(self, result: HandlerResult) -> bytes | None:
        """Return the result of a handler, which must be available now."""
        if isinstance(result, Awaitable):

            async def wait() -> bytes | None:
                return await result

            return self.successResultOf(Deferred.fromCoroutine(wait()))
        return result

    def put(self) -> None:
        """Let the handler store a value."""
        key = values.keyOf(b"value")
        self.assertIsNone(self.resultOf(self.handler.updateReceived(request(key, b"value"))))

    def assertPutRefused(self) -> UpdateRefused:
        """Require that the handler refuses the value. Return the exception."""
        key = values.keyOf(b"value")

        async def update() -> None:
            result = self.handler.updateReceived(request(key, b"value"))
            if isinstance(result, Awaitable):
                await result

        failure = self.failureResultOf(Deferred.fromCoroutine(update()), UpdateRefused)
        error: UpdateRefused = failure.value
        return error

    def get(self) -> bytes | None:
        """Return the handler's answer to a query."""
        return self.resultOf(self.handler.queryReceived(request(bytes(32), None)))

    def logged(self) -> list[str]:
        """Return the levels and messages that were logged since the last call."""
        lines = [
            f"{event['log_level'].name}: {event['log_format'].format(**event)}"
            for event in self.events[self.seen :]
        ]
        self.seen = len(self.events)
        return lines

    def test_failingWriteIsARefusal(self) -> None:
        """
        If the store can't write a value, the update is refused. The cause of the refusal is the
        store's exception.
        """
        self.store.isFull = True
        error = self.assertPutRefused()
        self.assertEqual(str(error), "the value can't be stored: the disk is full")
        self.assertIsInstance(error.__cause__, StoreFailed)

    def test_failingReadIsNoValue(self) -> None:
        """If the store can't read, a query is answered without a value."""
        self.assertEqual(self.get(), b"value")
        self.store.isUnreadable = True
        self.assertIsNone(self.get())

    def test_failingWritesAreLoggedOnce(self) -> None:
        """Five failed writes in a row are logged once. The next successful write is logged once."""
        self.put()
        for _ in range(2):
            self.store.isFull = True
            for _ in range(5):
                self.assertPutRefused()
                # A successful read doesn't end the failure of writes.
                self.get()
            self.assertEqual(
                self.logged(),
                ["error: values can't be written; updates are refused: the disk is full"],
            )
            self.store.isFull = False
            self.put()
            self.put()
            self.assertEqual(self.logged(), ["info: recovered: values can be written again"])

    def test_failingReadsAreLoggedOnce(self) -> None:
        """Five failed reads in a row are logged once. The next successful read is logged once."""
        self.store.isUnreadable = True
        for _ in range(5):
            self.get()
            self.put()
        self.assertEqual(
            self.logged(),
            ["error: values can't be read; queries are answered without a value: the disk is gone"],
        )
        self.store.isUnreadable = False
        self.get()
        self.get()
        self.assertEqual(self.logged(), ["info: recovered: values can be read again"])

    def test_tooLargeValueIsNoFailure(self) -> None:
        """A value that doesn't fit in the store is refused. Nothing is logged."""

        def refuse(key: bytes, value: bytes) -> None:
            raise ValueTooLarge("too large")

        self.patch(self.store, "put", refuse)
        self.assertEqual(str(self.assertPutRefused()), "the value can't be stored: too large")
        self.assertEqual(self.logged(), [])


class SlowlyFailingStoreTests(FailingStoreTests):
    """
    A `values.ValueHandler` with a store whose Deferreds fail.
    """

    def makeStore(self) -> FailingStore:
        return SlowlyFailingStore()
