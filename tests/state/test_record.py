"""
The form in which a node's id and contacts are kept.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Contact
from dwdht_twisted._core.limits.bounds import MAXIMUM_RECALLED
from dwdht_twisted._core.routing import K
from dwdht_twisted._state.record import NodeRecord, decode, encode, merge


def contacts(draw: Random, count: int) -> list[Contact]:
    """Return contacts with different addresses."""
    return [Contact(draw.randbytes(32), f"10.0.0.{n}", 1 + n) for n in range(count)]


class RecordTests(SynchronousTestCase):
    """
    Encoding and decoding a record.
    """

    def setUp(self) -> None:
        self.draw = Random(17)

    def test_recordIsReadBack(self) -> None:
        """A record with any number of contacts is read back as it was."""
        for count in (0, 1, 30):
            record = NodeRecord(self.draw.randbytes(32), contacts(self.draw, count))
            self.assertEqual(decode(encode(record)), record)

    def test_operatorCanReadIt(self) -> None:
        """A record is JSON, with each contact on a line of its own."""
        record = NodeRecord(bytes(32), contacts(self.draw, 3))
        text = encode(record).decode()
        self.assertEqual(json.loads(text)["id"], "00" * 32)
        for contact in record.contacts:
            (line,) = [line for line in text.splitlines() if f'"{contact.host}"' in line]
            self.assertEqual(json.loads(line.strip(","))["port"], contact.port)

    def test_otherContentIsNone(self) -> None:
        """Content that is no record is read as None, without an exception."""
        good = json.loads(encode(NodeRecord(bytes(32), contacts(self.draw, 1))))
        wrong: dict[str, list[Any]] = {
            "id": [None, 5, "", "00", "zz" * 32, []],
            "contacts": [None, 5, "text", [1], [None], [[]], {"a": 1}],
        }
        wrongOfContact: dict[str, list[Any]] = {
            "id": [None, 1, "", "ab"],
            "host": [None, 1, "", "name"],
            "port": [None, 0, -1, "1", 1e9],
        }
        records: list[Any] = [None, 1, "text", [], {}, {"id": good["id"]}, {"contacts": []}]
        records += [{**good, key: each} for key in wrong for each in wrong[key]]
        for key, values in wrongOfContact.items():
            records += [
                {**good, "contacts": [{**good["contacts"][0], key: each}]} for each in values
            ]
        for record in records:
            self.assertIsNone(decode(json.dumps(record).encode()), record)
        for text in (b"", b"{", b"\xff\xfe", b"[" * 100_000, b"NaN"):
            self.assertIsNone(decode(text))


class MergeTests(SynchronousTestCase):
    """
    The contacts that are kept, of those in the table and those that were kept before.
    """

    def setUp(self) -> None:
        self.all = contacts(Random(17), 250)

    def test_longestKnownComeFirst(self) -> None:
        """Contacts that were kept before and still are in the table come first, in their order."""
        former, present = self.all[:30], self.all[100:105] + self.all[25:5:-1]
        merged = merge(former, present)
        self.assertEqual(merged, self.all[6:26] + self.all[100:105])

    def test_contactsAreBounded(self) -> None:
        """At most as many contacts are kept as are pinged at the start."""
        self.assertEqual(merge([], self.all), self.all[:MAXIMUM_RECALLED])
        self.assertEqual(merge(self.all, self.all), self.all[:MAXIMUM_RECALLED])

    def test_isolationForgetsNothing(self) -> None:
        """While the table is empty, the contacts that were kept before are kept."""
        self.assertEqual(merge(self.all[:30], []), self.all[:30])

    def test_smallTableIsFilledUp(self) -> None:
        """A table with fewer than k contacts is filled up with those that were kept before."""
        merged = merge(self.all[:30], self.all[50:53])
        self.assertEqual(merged, self.all[50:53] + self.all[: K - 3])

    def test_replacedContactsGo(self) -> None:
        """A contact whose address or id has another contact now is not kept."""
        old = self.all[0]
        for new in (Contact(bytes(32), *old.address), Contact(old.id, "10.1.0.0", 5)):
            self.assertEqual(merge([old, self.all[1]], [new]), [new, self.all[1]])
