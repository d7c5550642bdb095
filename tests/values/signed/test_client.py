"""
`values.publish` and `values.resolve`.
"""

from __future__ import annotations

import subprocess
import sys
from random import Random

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTError, DHTNode, values
from dwdht_twisted.errors import (
    InvalidTarget,
    NoCloseNodes,
    NoResponse,
    RecordRefused,
    SequenceTooLow,
    ValueNotFound,
    ValueTooLarge,
)
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.values import Record
from dwdht_twisted.values.signed.encoding import MAXIMUM_MESSAGE_BYTES, Message, decode, encode
from dwdht_twisted.values.signed.kept import storeKey
from dwdht_twisted.values.signed.record import MAXIMUM_SEQUENCE
from dwdht_twisted.values.signed.signing import signed
from tests.helpers.networks import values as networks
from tests.helpers.networks.values import ValueNetwork
from tests.values.signed.test_record import keyFrom

KEY = keyFrom(Random(1))
PUBLIC = values.publicKeyOf(KEY)


class RecordTestCase(SynchronousTestCase):
    """
    A base for tests of records in a network of 30 nodes.
    """

    def setUp(self) -> None:
        self.build()

    def build(self) -> None:
        """Build the network."""
        self.network = ValueNetwork(30)
        self.clock = self.network.clock
        self.writer = self.network.visitor()

    def publish(self, value: bytes, node: DHTNode | None = None, **options: object) -> Record:
        """Publish a value and return its record."""
        publishing = values.publish(node or self.writer, KEY, value, **options)  # type: ignore[arg-type]
        return self.clock.runUntil(publishing)

    def resolve(self, node: DHTNode | None = None, **options: object) -> Record:
        """Resolve the key, by a new node by default."""
        asker = node or self.network.visitor()
        return self.clock.runUntil(values.resolve(asker, PUBLIC, **options))  # type: ignore[arg-type]

    def kept(self, target: bytes) -> dict[bytes, Record]:
        """Return the kept record of each member that has one, by the member's id."""
        found = {id: store.get(storeKey(target)) for id, store in self.network.stores.items()}
        return {id: decode(data).record for id, data in found.items() if data is not None}

    def keep(self, ids: list[bytes], record: Record | None) -> None:
        """Replace the records of these members, or remove them."""
        for id in ids:
            store = self.network.stores[id]
            if record is None:
                store.close()
            else:
                store.put(storeKey(record.target), encode(Message(record)))

    def assertFails(self, work: Deferred[Record], kind: type[DHTError], reason: str) -> DHTError:
        """Require that a publish or resolve fails in this way. Return the error."""
        with self.assertRaisesRegex(kind, reason) as raised:
            self.clock.runUntil(work)
        self.assertIs(type(raised.exception), kind)
        return raised.exception


class PublishTests(RecordTestCase):
    """
    The function `publish`.
    """

    def test_recordIsKeptByThe20Closest(self) -> None:
        """A record is kept by the 20 nodes closest to its target, and found by another node."""
        record = self.publish(b"value")
        self.assertEqual(record, signed(KEY, b"value", 1))
        kept = self.kept(record.target)
        self.assertEqual(set(kept), set(self.network.closest(record.target)))
        self.assertEqual(set(kept.values()), {record})
        self.assertEqual(self.resolve(), record)

    def test_sequenceGoesUpByOne(self) -> None:
        """Without a sequence number, a record has one more than the newest, of any writer."""
        for number in range(1, 4):
            record = self.publish(b"%d" % number, self.network.visitor())
            self.assertEqual(record.sequence, number)
            self.assertEqual(self.resolve(), record)
        self.assertEqual(self.publish(b"x", sequence=9).sequence, 9)
        self.assertEqual(self.publish(b"y").sequence, 10)
        self.assertEqual(self.resolve().value, b"y")

    def test_lowerSequenceFails(self) -> None:
        """
        A publish with a lower sequence number fails, with the number of the newest record, and
        changes nothing.
        """
        record = self.publish(b"value", sequence=5)
        for node in (self.writer, self.network.visitor()):
            work = values.publish(node, KEY, b"other", sequence=4)
            error = self.assertFails(work, SequenceTooLow, "its sequence number is 5, not 4")
            assert isinstance(error, SequenceTooLow)
            self.assertEqual(error.newest, 5)
        self.assertEqual(set(self.kept(record.target).values()), {record})

    def test_sameSequenceWithAnotherValueFails(self) -> None:
        """A publish fails if the newest record has the same number and another value."""
        record = self.publish(b"m", sequence=5)
        for value in (b"a", b"z"):
            work = values.publish(self.network.visitor(), KEY, value, sequence=5)
            self.assertFails(work, RecordRefused, "another record with the sequence number 5")
        self.assertEqual(set(self.kept(record.target).values()), {record})

    def test_publishAgainKeepsARecordAlive(self) -> None:
        """The same value under the same number may be published again, and lives on."""
        record = self.publish(b"value", sequence=5)
        for _ in range(3):
            self.clock.runFor(40)
            self.assertEqual(self.publish(b"value", sequence=5), record)
        self.assertEqual(self.resolve(), record)
        self.clock.runFor(61)
        self.assertFails(values.resolve(self.network.visitor(), PUBLIC), ValueNotFound, "no node")

    def test_compareAndSwap(self) -> None:
        """A publish that expects a number is refused if the newest record has another one."""
        work = values.publish(self.writer, KEY, b"x", expected=1)
        self.assertFails(work, RecordRefused, "no record is found to replace; 1 was expected")
        self.publish(b"first")
        self.assertEqual(self.publish(b"second", expected=1).sequence, 2)
        work = values.publish(self.network.visitor(), KEY, b"third", expected=1)
        error = self.assertFails(work, RecordRefused, "has the sequence number 2, not 1")
        assert isinstance(error, RecordRefused)
        self.assertEqual(error.newest, 2)

    def test_largestRecordFitsADatagram(self) -> None:
        """
        The update with the largest record fits a datagram of 1,400 bytes. The record is found.
        """
        sizes = set()
        self.network.network.onDatagram = lambda source, to, data: sizes.add(len(data))
        salt, value = b"s" * 64, b"v" * 1000
        self.publish(value, self.network.members[0], salt=salt, sequence=MAXIMUM_SEQUENCE - 1)
        record = self.publish(
            value, salt=salt, sequence=MAXIMUM_SEQUENCE, expected=MAXIMUM_SEQUENCE - 1
        )
        self.assertEqual(len(encode(Message(record, 1, 1))), MAXIMUM_MESSAGE_BYTES)
        self.assertEqual(self.resolve(salt=salt), record)
        self.assertGreater(max(sizes), MAXIMUM_MESSAGE_BYTES)
        self.assertLessEqual(max(sizes), 1400)
        work = values.publish(self.writer, KEY, b"", salt=salt)
        self.assertFails(work, RecordRefused, f"no sequence number is above {2**64 - 1}")

    def test_wrongArgumentsAreRefused(self) -> None:
        """Wrong arguments are refused at once."""
        for kind, options in (
            (ValueTooLarge, {"value": bytes(1001)}),
            (ValueTooLarge, {"salt": bytes(65)}),
            (TypeError, {"salt": "text"}),
            (TypeError, {"value": "text"}),
            (TypeError, {"key": bytes(32)}),
            (TypeError, {"sequence": "1"}),
            (ValueError, {"sequence": -1}),
            (ValueError, {"expected": 2**64}),
        ):
            given = {"key": KEY, "value": b"", **options}
            with self.assertRaises(kind):
                values.publish(self.writer, **given)  # type: ignore[arg-type]
        with self.assertRaises(InvalidTarget):
            values.resolve(self.writer, bytes(31))
        with self.assertRaises(ValueError):
            values.resolve(self.writer, PUBLIC, newerThan=-1)

    def test_networkWithoutRecords(self) -> None:
        """A publish fails with NoCloseNodes if no node keeps records, and so does a resolve."""
        for member in self.network.members:
            member.unregister(values.RECORDS)
        self.assertFails(values.publish(self.writer, KEY, b"x"), NoCloseNodes, "no node took")
        self.assertFails(values.resolve(self.writer, PUBLIC), ValueNotFound, PUBLIC.hex())

    def test_silentNetwork(self) -> None:
        """A publish and a resolve fail with NoResponse if no node answers."""
        clock = SimulatedClock()
        node = DHTNode(MemoryNetwork(clock, seed=1).reactor(), bootstrap=["10.9.9.9:1"])
        for work in (values.publish(node, KEY, b"x"), values.resolve(node, PUBLIC)):
            with self.assertRaises(NoResponse):
                clock.runUntil(work)


class ResolveTests(RecordTestCase):
    """
    The function `resolve`.
    """

    def test_newestOfManyIsFound(self) -> None:
        """The newest record is found although only one of the 20 closest nodes has it."""
        old = self.publish(b"old")
        newest = signed(KEY, b"newest", 2)
        for place in (0, 10, 19):
            closest = self.network.closest(old.target)
            self.keep(closest, old)
            self.keep([closest[place]], newest)
            self.assertEqual(self.resolve(), newest)

    def test_holdersAreMended(self) -> None:
        """
        When a resolve has fired, all of the 20 closest nodes have the newest record: those that had
        an older one or none were sent it.
        """
        old = self.publish(b"old")
        closest = self.network.closest(old.target)
        newest = signed(KEY, b"newest", 2)
        self.keep(closest[:5], newest)
        self.keep(closest[15:], None)
        self.assertEqual(self.resolve(), newest)
        self.assertEqual(self.kept(old.target), dict.fromkeys(closest, newest))

    def test_readersProlongNoLife(self) -> None:
        """
        A record expires everywhere at its age, although readers send it to nodes that lack it.
        """
        self.patch(networks, "MAXIMUM_AGE", 600.0)
        self.build()
        record = self.publish(b"value")
        closest = self.network.closest(record.target)
        for turn in range(5):
            self.keep(closest[turn::5], None)
            self.assertEqual(self.resolve(), record)
            self.assertEqual(set(self.kept(record.target)), set(closest))
            self.clock.runFor(100)
        self.clock.runFor(100)
        self.assertEqual(self.kept(record.target), {})

    def test_nothingIsSentToHoldersOfTheNewest(self) -> None:
        """A resolve sends no update if all closest nodes have the newest record."""
        self.publish(b"value")
        asker = self.network.visitor()
        self.clock.runUntil(asker.ready())
        sent = self.network.network.sent
        self.clock.runUntil(asker.query(values.RECORDS, values.targetOf(PUBLIC)).collect())
        ofQuery = self.network.network.sent - sent
        sent = self.network.network.sent
        self.resolve(asker)
        self.assertLessEqual(self.network.network.sent - sent, ofQuery)

    def test_forgedRecordsAreNotFound(self) -> None:
        """
        A record with a wrong signature, a record of another key and bytes that are no record are
        not found, even if 19 nodes have them.
        """
        record = self.publish(b"value")
        closest = self.network.closest(record.target)
        for forged in (
            record._replace(sequence=9),
            record._replace(value=b"forged", sequence=2),
            signed(keyFrom(Random(2)), b"forged", 9),
        ):
            for id in closest[1:]:
                store = self.network.stores[id]
                store.put(storeKey(record.target), encode(Message(forged)))
            self.assertEqual(self.resolve(), record)

    def test_olderRecordIsNotGivenAgain(self) -> None:
        """
        A node that has resolved or published a record is not given an older one, even if all nodes
        have only the older one. The nodes are sent the newer one.
        """
        old = self.publish(b"old")
        reader = self.network.visitor()
        newest = self.publish(b"newest")
        self.assertEqual(self.resolve(reader), newest)
        for node in (reader, self.writer):
            self.keep(self.network.closest(old.target), old)
            self.assertEqual(self.resolve(node), newest)
            self.assertEqual(set(self.kept(old.target).values()), {newest})

    def test_expiredRecordIsNotFound(self) -> None:
        """A record that has expired everywhere is not found, even by a node that has seen it."""
        self.publish(b"value")
        self.clock.runFor(61)
        self.assertFails(values.resolve(self.writer, PUBLIC), ValueNotFound, "no node holds")
        self.assertEqual(self.publish(b"again").sequence, 2)

    def test_newerThan(self) -> None:
        """A resolve fails if no record has a higher number than ``newerThan``."""
        record = self.publish(b"value", sequence=5)
        self.assertEqual(self.resolve(newerThan=4), record)
        work = values.resolve(self.network.visitor(), PUBLIC, newerThan=5)
        self.assertFails(work, ValueNotFound, "has the sequence number 5, and one above 5")

    def test_saltTellsRecordsApart(self) -> None:
        """Records of one key with different salts are independent."""
        for salt in (b"", b"a", b"b"):
            self.publish(b"value of " + salt, salt=salt)
        for salt in (b"", b"a", b"b"):
            record = self.resolve(salt=salt)
            self.assertEqual((record.salt, record.value), (salt, b"value of " + salt))
        self.assertFails(
            values.resolve(self.writer, PUBLIC, salt=b"c"), ValueNotFound, PUBLIC.hex()
        )

    def test_memberResolves(self) -> None:
        """A member that is among the closest nodes publishes and resolves by itself, too."""
        target = values.targetOf(PUBLIC)
        [member] = [
            each for each in self.network.members if each.id == self.network.closest(target)[0]
        ]
        record = self.publish(b"value", member)
        self.assertEqual(self.kept(target), dict.fromkeys(self.network.closest(target), record))
        self.assertEqual(self.resolve(member), record)

    def test_failingMendIsHarmless(self) -> None:
        """A resolve succeeds although the holders that lack the record refuse it."""
        record = self.publish(b"value")
        closest = self.network.closest(record.target)
        for member in self.network.members:
            if member.id in closest[5:]:
                member.unregister(values.RECORDS)
        self.assertEqual(self.resolve(), record)

    def test_cancelledResolveEnds(self) -> None:
        """A resolve and a publish that are cancelled send nothing any more."""
        self.publish(b"value")
        reactor = self.network.reactor()
        asker = self.network.visitor(reactor)
        self.clock.runUntil(asker.ready())
        requests: list[str] = []
        self.network.network.onDatagram = lambda source, to, data: requests.append(source[0])
        for begin in (
            lambda: values.resolve(asker, PUBLIC),
            lambda: values.publish(asker, KEY, b"x"),
        ):
            work = begin()
            work.addErrback(lambda _: None)
            self.clock.runFor(0.01)
            work.cancel()
            self.assertIn(reactor.host, requests)
            requests.clear()
            # No longer: the node keeps paths to its contacts open.
            self.clock.runFor(2)
            self.assertNotIn(reactor.host, requests)


class ImportTests(SynchronousTestCase):
    """
    The modules that a program loads.
    """

    def test_cryptographyIsImportedWhenItIsUsed(self) -> None:
        """Importing a node, the values and the command ``get`` loads neither records nor keys."""
        code = (
            "import sys, dwdht_twisted.node, dwdht_twisted.values, "
            "dwdht_twisted._cli.commands.values; "
            "print([name for name in sys.modules if 'cryptography' in name or 'signed' in name])"
        )
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        self.assertEqual((done.stdout, done.stderr), ("[]\n", ""))
