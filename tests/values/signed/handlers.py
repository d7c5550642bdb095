"""
Helpers for the tests of `values.RecordHandler`.
"""

from __future__ import annotations

from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Contact, Request, values
from dwdht_twisted.errors import StoreFailed, UpdateRefused
from dwdht_twisted.testing import SimulatedClock
from dwdht_twisted.values import MemoryStore, Record
from dwdht_twisted.values.signed.encoding import Message, decode, encode
from tests.values.signed.test_record import keyFrom

KEY = keyFrom(Random(1))
STRANGER = Contact(None, "10.9.9.9", 4000)


class BrokenStore(MemoryStore):
    """
    A store that fails when a test says so.

    :cvar isFull: whether writes fail
    :cvar isUnreadable: whether reads fail
    """

    isFull = False
    isUnreadable = False

    def put(self, key: bytes, value: bytes, **options: Any) -> None:
        """Store a value, or fail."""
        if self.isFull:
            raise StoreFailed("the disk is full")
        super().put(key, value, **options)

    def get(self, key: bytes) -> bytes | None:
        """Return a value, or fail."""
        if self.isUnreadable:
            raise StoreFailed("the disk is gone")
        return super().get(key)


class HandlerTestCase(SynchronousTestCase):
    """
    A base for tests of a handler.

    :ivar store: the store of the handler
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.store = BrokenStore(self.clock)
        self.handler = values.RecordHandler(self.store, seconds=self.clock.seconds)

    def update(
        self,
        record: Record,
        expected: int | None = None,
        *,
        host: str = STRANGER.host,
        target: bytes | None = None,
    ) -> Deferred[None]:
        """Send an update; the Deferred fires with its result."""
        data = encode(Message(record, expected))
        return self.send(record.target if target is None else target, data, host)

    def send(self, target: bytes, data: bytes | None, host: str = STRANGER.host) -> Deferred[None]:
        """Send the value of an update; the Deferred fires with its result."""
        asker = STRANGER._replace(host=host)

        async def run() -> None:
            await self.handler.updateReceived(Request(values.RECORDS, target, data, asker))

        return Deferred.fromCoroutine(run())

    def put(self, record: Record, expected: int | None = None) -> None:
        """Send an update, which must be taken."""
        self.assertIsNone(self.successResultOf(self.update(record, expected)))

    def assertRefused(self, result: Deferred[None], reason: str) -> None:
        """Require that an update was refused for this reason."""
        self.assertRegex(str(self.failureResultOf(result, UpdateRefused).value), reason)

    def answer(self, target: bytes) -> Message | None:
        """Return the handler's answer to a query."""
        query = self.handler.queryReceived(Request(values.RECORDS, target, None, STRANGER))
        data = self.successResultOf(Deferred.fromCoroutine(query))
        return None if data is None else decode(data)

    def kept(self, target: bytes) -> Record | None:
        """Return the record with which the handler answers a query."""
        answer = self.answer(target)
        return None if answer is None else answer.record
