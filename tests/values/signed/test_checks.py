"""
The order and the number of the checks of a `values.RecordHandler`.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from zope.interface import implementer

from dwdht_twisted import values
from dwdht_twisted.errors import UpdateRefused
from dwdht_twisted.interfaces import IValueStore
from dwdht_twisted.values import Record
from dwdht_twisted.values.bounds import SIGNATURE_CHECK_RATE, SIGNATURE_CHECKS_PER_HOST
from dwdht_twisted.values.signed import handler
from dwdht_twisted.values.signed.encoding import decode
from dwdht_twisted.values.signed.kept import storeKey
from dwdht_twisted.values.signed.signing import signed
from tests.values.signed.handlers import KEY, HandlerTestCase
from tests.values.signed.test_record import keyFrom


@implementer(IValueStore)
class SlowStore:
    """
    A store whose reads and writes end in an order that is drawn from a seed.

    :ivar values: the values, by their keys
    """

    def __init__(self, random: Random) -> None:
        self.values: dict[bytes, bytes] = {}
        self._random = random
        self._waiting: list[tuple[Deferred[Any], bytes, bytes | None]] = []

    def put(self, key: bytes, value: bytes) -> Deferred[None]:
        """Begin to write."""
        return self._add(key, value)

    def get(self, key: bytes) -> Deferred[bytes | None]:
        """Begin to read."""
        return self._add(key, None)

    def close(self) -> None:
        """Do nothing."""

    def run(self) -> None:
        """End all reads and writes, and those that begin meanwhile."""
        while self._waiting:
            place = self._random.randrange(len(self._waiting))
            done, key, value = self._waiting.pop(place)
            if value is None:
                done.callback(self.values.get(key))
            else:
                self.values[key] = value
                done.callback(None)

    def _add(self, key: bytes, value: bytes | None) -> Deferred[Any]:
        done: Deferred[Any] = Deferred()
        self._waiting.append((done, key, value))
        return done


class SignatureCheckTests(HandlerTestCase):
    """
    The signatures that a handler checks for others.
    """

    def setUp(self) -> None:
        super().setUp()
        self.checked = 0
        self.patch(handler, "isSigned", self.check)

    def check(self, record: Record) -> bool:
        """Count a check, which succeeds if the signature isn't zero."""
        self.checked += 1
        return any(record.signature)

    def flood(self, hosts: Iterable[str], count: int) -> int:
        """Let each host send forged records. Return how many of them were checked."""
        before = self.checked
        for number in range(count):
            for host in hosts:
                forged = Record(bytes(32), b"", number, b"", bytes(64))
                self.failureResultOf(self.update(forged, host=host), UpdateRefused)
        return self.checked - before

    def test_onlyNewerRecordsAreChecked(self) -> None:
        """No signature is checked of a record that is malformed, older, or kept already."""
        record = Record(bytes(32), b"", 5, b"value", bytes(63) + b"\x01")
        self.put(record)
        self.assertEqual(self.checked, 1)
        self.put(record)
        for refused in (
            self.update(record._replace(sequence=4)),
            self.update(record._replace(value=b"a")),
            self.update(record._replace(sequence=6), 4),
            self.update(record, target=bytes(32)),
            self.send(record.target, b""),
        ):
            self.failureResultOf(refused, UpdateRefused)
        self.assertEqual(self.checked, 1)

    def test_checksOfAHostAreBounded(self) -> None:
        """One public host gets 60 checks in a second, and its next ones later."""
        most = int(SIGNATURE_CHECKS_PER_HOST)
        checked = self.flood(["8.0.0.1"], 200)
        self.assertLessEqual(checked, most)
        self.assertGreater(checked, most / 2)
        self.clock.advance(2)
        self.assertGreater(self.flood(["8.0.0.1"], 200), most / 2)

    def test_floodLeavesChecksToOthers(self) -> None:
        """
        However many networks send forged records, all checks stay below the rate, and a host of
        another network gets a record checked.
        """
        hosts = [f"8.{network}.0.1" for network in range(100)]
        self.assertLessEqual(self.flood(hosts, 40), SIGNATURE_CHECK_RATE)
        record = Record(bytes(32), b"", 2**32, b"value", bytes(63) + b"\x01")
        self.assertIsNone(self.successResultOf(self.update(record, host="9.0.0.1")))


class SlowStoreTests(HandlerTestCase):
    """
    A handler whose store takes time.
    """

    def test_newestOfManyUpdatesIsKept(self) -> None:
        """
        Of 8 updates at once, in an order that is drawn from a seed, the newest record is kept, in
        each of 100 runs.
        """
        records = [signed(KEY, value, number) for number in range(4) for value in (b"a", b"b")]
        other = signed(keyFrom(Random(2)), b"other", 1)
        for seed in range(100):
            random = Random(seed)
            store = SlowStore(random)
            self.handler = values.RecordHandler(store)
            results = [self.update(each) for each in random.sample(records, 8)]
            results.append(self.update(other))
            store.run()
            for result in results:
                result.addErrback(lambda reason: reason.trap(UpdateRefused) and None)
                self.successResultOf(result)
            for record in (records[-1], other):
                self.assertEqual(decode(store.values[storeKey(record.target)]).record, record)
            self.assertEqual(len(self.handler._turns), 0)

    def test_cancelledUpdateHoldsUpNoOther(self) -> None:
        """An update that is cancelled, at work or in the queue, gives its turn to the next."""
        first, second, third = (signed(KEY, b"x", number) for number in (1, 2, 3))
        store = SlowStore(Random(1))
        self.handler = values.RecordHandler(store)
        results = [self.update(each) for each in (first, second, third)]
        for result in results[:2]:
            result.addErrback(lambda _: None)
            result.cancel()
        store.run()
        self.successResultOf(results[2])
        self.assertEqual(decode(store.values[storeKey(first.target)]).record, third)
        self.assertEqual(len(self.handler._turns), 0)
