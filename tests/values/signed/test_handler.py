"""
`values.RecordHandler` with a `MemoryStore`.
"""

from __future__ import annotations

from itertools import permutations
from random import Random

from zope.interface.verify import verifyObject

from dwdht_twisted import ICommandHandler, Request, values
from dwdht_twisted.values.signed.encoding import Message, encode
from dwdht_twisted.values.signed.kept import storeKey
from dwdht_twisted.values.signed.signing import signed
from tests.values.signed.handlers import KEY, STRANGER, BrokenStore, HandlerTestCase
from tests.values.signed.test_record import keyFrom


class RecordHandlerTests(HandlerTestCase):
    """
    A handler with a `MemoryStore`.
    """

    def test_handlerProvidesICommandHandler(self) -> None:
        """A handler provides `ICommandHandler`."""
        verifyObject(ICommandHandler, self.handler)

    def test_newerRecordReplacesOlder(self) -> None:
        """A record is kept until one with a higher sequence number replaces it."""
        self.assertIsNone(self.kept(signed(KEY, b"", 0).target))
        for number in (0, 1, 7, 2**64 - 1):
            record = signed(KEY, b"%d" % number, number)
            self.put(record)
            self.assertEqual(self.kept(record.target), record)

    def test_olderRecordIsRefused(self) -> None:
        """A record with a lower sequence number is refused, and the newer one is kept."""
        newer = signed(KEY, b"newer", 5)
        self.put(newer)
        for number in (0, 4):
            self.assertRefused(
                self.update(signed(KEY, b"older", number)),
                f"a newer record is kept: its sequence number is 5, not {number}",
            )
        self.assertEqual(self.kept(newer.target), newer)

    def test_sameRecordIsRenewed(self) -> None:
        """The same record is taken again, and then lives for another age of the store."""
        self.store = BrokenStore(self.clock, maximumAge=60.0)
        self.handler = values.RecordHandler(self.store, seconds=self.clock.seconds)
        record = signed(KEY, b"value", 5)
        self.put(record)
        self.clock.advance(40)
        self.put(record)
        self.clock.advance(40)
        self.assertEqual(self.kept(record.target), record)
        self.clock.advance(40)
        self.assertIsNone(self.kept(record.target))

    def test_lifetimeOfAReader(self) -> None:
        """
        A record that is sent with a lifetime lives as long, and neither prolongs nor shortens the
        life of a record that is kept already beyond it. A record that has expired is refused.
        """
        record = signed(KEY, b"value", 5)
        for lifetime, seconds in ((60, 60), (30, 60), (90, 90), (None, 86400), (90, 86400)):
            data = encode(Message(record, lifetime=lifetime))
            self.successResultOf(self.send(record.target, data))
            self.assertEqual(self.store.remaining(storeKey(record.target)), seconds)
            self.assertEqual(self.answer(record.target), Message(record, lifetime=seconds))
        data = encode(Message(record, lifetime=0))
        self.assertRefused(self.send(record.target, data), "has expired")

    def test_recordCountsForItsSender(self) -> None:
        """A record counts for the host that has sent it, in a store that is shared fairly."""
        self.put(signed(KEY, b"value", 5))
        [entry] = self.store.entries()
        self.assertEqual(entry.publisher, STRANGER.host)

    def test_oneOfTwoWritersWins(self) -> None:
        """
        Of records with one sequence number and different values, the one with the largest value is
        kept, in whatever order they arrive. A smaller one that comes later is refused.
        """
        records = [signed(KEY, value, 5) for value in (b"a", b"b", b"c")]
        for order in permutations(records):
            self.store.close()
            for record in order:
                result = self.update(record)
                kept = self.kept(record.target)
                if kept == record:
                    self.successResultOf(result)
                else:
                    self.assertRefused(result, "another record with sequence number 5 is kept")
            self.assertEqual(self.kept(record.target), records[-1])

    def test_wrongSignatureIsRefused(self) -> None:
        """A record whose signature isn't that of its key, its salt, its number or its value."""
        record = signed(KEY, b"value", 5)
        self.put(record)
        for change in (
            {"value": b"other", "sequence": 6},
            {"sequence": 6},
            {"salt": b"salt"},
            {"sequence": 6, "signature": bytes(64)},
            {"publicKey": bytes(32)},
        ):
            forged = record._replace(**change)
            self.assertRefused(self.update(forged), "the signature of the record is wrong")
        self.assertEqual(self.kept(record.target), record)

    def test_compareAndSwap(self) -> None:
        """
        An update that expects a sequence number is refused if the kept record has another one. It
        is taken if the kept record has this number, if there is none, and if it was taken before.
        """
        first, second, third = (signed(KEY, b"%d" % number, number) for number in (5, 6, 7))
        self.put(first, 4)
        self.put(second, 5)
        self.put(second, 5)
        for expected in (0, 5, 7):
            self.assertRefused(
                self.update(third, expected),
                f"the record with sequence number 6 is kept, not {expected}",
            )
        self.assertEqual(self.kept(first.target), second)
        self.put(third, 6)

    def test_malformedUpdatesAreRefused(self) -> None:
        """
        An update is refused if it has no record, a malformed record, too large a value, or another
        target than that of its record.
        """
        record = signed(KEY, b"value", 5)
        large = signed(KEY, bytes(1001), 5)
        self.assertRefused(self.send(record.target, None), "carries no record")
        self.assertRefused(self.send(record.target, b""), "is cut")
        self.assertRefused(self.send(record.target, b"\x80"), "unknown flags")
        self.assertRefused(self.update(large), "up to 1000 bytes, and this one has 1001")
        self.assertRefused(
            self.update(record, target=bytes(32)),
            f"the target of this record is {record.target.hex()}, not {'00' * 32}",
        )
        self.assertEqual(len(self.store), 0)

    def test_targetsAreApart(self) -> None:
        """Records with another salt or another key don't replace each other."""
        records = [
            signed(key, b"value", 1, salt)
            for key in (KEY, keyFrom(Random(2)))
            for salt in (b"", b"a", b"b")
        ]
        for record in records:
            self.put(record)
        self.assertEqual([self.kept(record.target) for record in records], records)

    def test_valuesAndRecordsShareAStore(self) -> None:
        """
        No value is found as a record, and no record as a value, even if the key of a value is the
        target of a record.
        """
        plain = values.ValueHandler(self.store)
        record = signed(KEY, b"value", 1)
        # This value has the target of the record as its key.
        value = record.publicKey + record.salt
        self.assertEqual(values.keyOf(value), record.target)
        plain.updateReceived(Request(values.COMMAND, record.target, value, STRANGER))
        self.assertIsNone(self.kept(record.target))
        self.put(record)
        self.assertEqual(self.kept(record.target), record)
        query = Request(values.COMMAND, record.target, None, STRANGER)
        self.assertEqual(plain.queryReceived(query), value)

    def test_damagedEntryIsReplaced(self) -> None:
        """An entry of the store that is no record of the target counts as none."""
        record = signed(KEY, b"value", 1)
        other = encode(Message(signed(KEY, b"value", 9, b"salt")))
        for data in (b"", b"\xff" * 200, other):
            self.store.put(storeKey(record.target), data)
            self.assertIsNone(self.kept(record.target))
            self.put(record)
            self.assertEqual(self.kept(record.target), record)

    def test_failingStore(self) -> None:
        """If the store fails, updates are refused, and queries are answered without a record."""
        record = signed(KEY, b"value", 1)
        self.store.isFull = True
        self.assertRefused(self.update(record), "can't be stored: the disk is full")
        self.store.isFull = False
        self.put(record)
        self.store.isUnreadable = True
        self.assertIsNone(self.kept(record.target))
        self.assertRefused(self.update(signed(KEY, b"value", 2)), "can't be read: the disk is gone")
