"""
Properties of a routing table that hold after any sequence of events.

Hypothesis chooses the events as a hostile network could. Each test compares the table with a very
simple model.
"""

from __future__ import annotations

from collections import Counter
from random import Random
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits.bounds import (
    CONTACTS_PER_HOST,
    MAXIMUM_CLAIMS,
    SILENCE_REMEMBERED_FOR,
)
from dwdht_twisted._core.routing import K, RoutingTable
from dwdht_twisted._core.routing.bounds import CLAIMANTS_PER_CONTACT, CONTACTS_PER_SUBNET
from dwdht_twisted._core.routing.cache import QUERIES_BEFORE_CACHING
from dwdht_twisted._core.wire import (
    ID_BITS,
    ID_BYTES,
    Address,
    Contact,
    distance,
    isPublic,
    packContact,
    subnet,
)
from tests.helpers.core.contacts import byDistance
from tests.helpers.core.tables import allOf, claim
from tests.helpers.strategies import ids, patient, thorough

OWN = b"\xa5" * ID_BYTES
ALL = 10**6

#: Ids from a small set, so that many of them fall into the same bucket. Some are next to the
#: table's own.
closeIds = st.builds(
    lambda prefix, rest: (
        int.from_bytes(OWN, "big") ^ (1 << (ID_BITS - 1 - prefix)) ^ rest
    ).to_bytes(ID_BYTES, "big"),
    st.sampled_from([0, 1, 2, 255]),
    st.integers(0, 5),
)
fewHosts = st.sampled_from(["127.0.0.1", "10.0.0.9", "8.8.8.8", "8.8.8.9", "8.8.9.8"])
fewAddresses = st.builds(Address, fewHosts, st.integers(1000, 1005))

#: An event: its kind, the id, the address, and the seconds since the event before.
Event: TypeAlias = tuple[str, bytes, Address, float]
events: st.SearchStrategy[list[Event]] = st.lists(
    st.tuples(
        st.sampled_from(["asked", "answered", "answered", "failed", "silent", "slept"]),
        closeIds | st.just(OWN),
        fewAddresses,
        st.sampled_from([0.0, 1.0, 31.0, SILENCE_REMEMBERED_FOR]),
    ),
    max_size=150,
)


class InvariantTests(SynchronousTestCase):
    """
    Tables after sequences of requests, answers and failures that a hostile node can cause.
    """

    def happen(self, table: RoutingTable, event: Event, now: float) -> Contact | None:
        """Apply an event to the table, and return the contact to ping, or None."""
        kind, id, address, _ = event
        contact = Contact(id, *address)
        if kind == "answered":
            return table.answered(contact, now)
        if kind == "failed":
            return table.failed(address, now)
        if kind == "silent":
            table.takeClaimants(address)
            return None
        if kind == "slept":
            table.freshness.slept()
            return None
        return contact if claim(table, contact, now) else None

    def assertSound(self, table: RoutingTable, k: int) -> None:
        """
        Require the invariants of every table: sizes within their bounds, and each id and address
        only once.
        """
        proven = table.contacts()
        held = allOf(table)
        unproven = [contact for contact in held if contact not in proven]
        self.assertEqual(len(table), len(proven))
        self.assertEqual(len({contact.address for contact in held}), len(held))
        self.assertEqual(len({contact.id for contact in held}), len(held))
        self.assertTrue(set(proven) <= set(held))
        self.assertTrue(len(unproven) <= MAXIMUM_CLAIMS)
        for contact in held:
            self.assertNotEqual(contact.id, table.id)
            self.assertTrue(table.holds(contact.address))
            self.assertEqual(table.hasProven(contact.address), contact in proven)
        buckets = Counter(distance(contact.id or b"", table.id).bit_length() for contact in proven)
        self.assertTrue(all(count <= k for count in buckets.values()))
        public = [contact.host for contact in held if isPublic(contact.host)]
        self.assertTrue(all(count <= CONTACTS_PER_HOST for count in Counter(public).values()))
        target = table.id[:-1] + b"\x05"
        closest = b"".join(map(packContact, table.closest(target, k)))
        self.assertEqual(table.closestCompact(target, k), closest)
        shared = sum(Counter(each.host for each in proven if isPublic(each.host)).values())
        shared -= len({each.host for each in proven if isPublic(each.host)})
        self.assertEqual(table._hostCounts.repeatedHosts, shared)
        addresses = {contact.address for contact in proven}
        claimants = table.ownership.claimants
        self.assertEqual(set(claimants) - addresses, set())
        self.assertTrue(all(0 < len(each) <= CLAIMANTS_PER_CONTACT for each in claimants.values()))
        self.assertEqual(table.freshness.unconfirmed - set(map(packContact, proven)), set())
        networks = Counter(subnet(host) for host in public)
        self.assertTrue(all(count <= CONTACTS_PER_SUBNET for count in networks.values()))

    @patient
    @given(st.sampled_from([1, 2, 3, K]), events)
    def test_tableStaysSound(self, k: int, sequence: list[Event]) -> None:
        """
        After every event, a table is within its bounds and holds each id and each address once.
        """
        table = RoutingTable(OWN, k)
        now = 0.0
        for event in sequence:
            now += event[3]
            self.happen(table, event, now)
            self.assertSound(table, k)

    @patient
    @given(st.sampled_from([1, 2, 3, K]), events)
    def test_contactIsTheLastAnswerOfItsAddress(self, k: int, sequence: list[Event]) -> None:
        """The id of a proven contact is the one under which its address answered last."""
        table = RoutingTable(OWN, k)
        last: dict[Address, bytes | None] = {}
        now = 0.0
        for event in sequence:
            kind, id, address, wait = event
            now += wait
            self.happen(table, event, now)
            if kind == "failed":
                last[address] = None
            elif kind == "answered" and id != OWN:
                last[address] = id
            for contact in table.contacts():
                self.assertEqual(last.get(contact.address), contact.id)

    @patient
    @given(st.sampled_from([1, 2, 3, K]), events)
    def test_contactLeavesOnlyByItsOwnAddress(self, k: int, sequence: list[Event]) -> None:
        """
        A proven contact is removed only if its own address fails or answers under another id, or if
        an address answers under its id whose host had a contact with this id before.
        """
        table = RoutingTable(OWN, k)
        now = 0.0
        earlier: set[tuple[bytes | None, str]] = set()
        for event in sequence:
            kind, id, address, wait = event
            now += wait
            before = set(table.contacts())
            self.happen(table, event, now)
            gone = before - set(table.contacts())
            if kind not in ("failed", "answered"):
                self.assertEqual(gone, set())
            elif kind == "failed":
                self.assertEqual(gone, {each for each in before if each.address == address})
            else:
                for each in gone:
                    hasNewId = each.address == address and each.id != id
                    hasReturned = each.address != address and (id, address.host) in earlier
                    self.assertTrue(hasNewId or (hasReturned and each.id == id))
            earlier |= {(each.id, each.host) for each in before}

    @patient
    @given(st.sampled_from([1, 2, 3, K]), events)
    def test_failedAddressIsRemoved(self, k: int, sequence: list[Event]) -> None:
        """
        An address that fails leaves the table, and an immediate request from it doesn't bring it
        back, unless its id is lent to another address.
        """
        table = RoutingTable(OWN, k)
        now = 0.0
        for event in sequence:
            kind, id, address, wait = event
            now += wait
            self.happen(table, event, now)
            if kind == "failed":
                self.assertFalse(table.holds(address))
                if id in [contact.id for contact in table.contacts()]:
                    continue
                self.assertFalse(claim(table, Contact(id, *address), now))
                self.assertFalse(table.holds(address))

    @patient
    @given(st.sampled_from([1, 2, 3]), events)
    def test_pingCanChangeTheTable(self, k: int, sequence: list[Event]) -> None:
        """
        A ping after a request goes to a contact that the table holds. A ping after an answer goes
        to a contact that the table holds, or to a spare whose bucket has a free place. A ping after
        a failure goes to such a spare. No ping goes to an address that has just answered or failed.
        """
        table = RoutingTable(OWN, k)
        now = 0.0
        for event in sequence:
            kind, id, address, wait = event
            now += wait
            pinged = self.happen(table, event, now)
            if pinged is None:
                continue
            if kind == "asked":
                self.assertTrue(table.holds(pinged.address))
                continue
            self.assertNotEqual(pinged.address, address)
            if pinged not in table.contacts():
                self.assertFalse(table.holds(pinged.address))
                prefix = ID_BITS - distance(pinged.id or b"", OWN).bit_length()
                self.assertFalse(table.buckets.isFull(prefix))
            else:
                self.assertEqual(kind, "answered")
                self.assertNotIn(Contact(id, *address), table.contacts())

    @patient
    @given(st.sampled_from([1, 2, K]), events, st.lists(ids | closeIds, min_size=1, max_size=5))
    def test_closestIsTheSortedTable(
        self, k: int, sequence: list[Event], targets: list[bytes]
    ) -> None:
        """
        The closest contacts equal all proven contacts sorted by distance and cut. Repeated public
        hosts come after the other contacts, and claims come last.
        """
        table = RoutingTable(OWN, k)
        now = 0.0
        for event in sequence:
            now += event[3]
            self.happen(table, event, now)
        proven = table.contacts()
        held = allOf(table)
        unproven = [contact for contact in held if contact not in proven]
        for target in [*targets, OWN]:
            for count in (1, 2, 5, K, ALL):
                expected = repeatedHostsLast(byDistance(proven, target))[:count]
                expected += byDistance(unproven, target)[: count - len(expected)]
                self.assertEqual(
                    table.closest(target, count, withClaims=True), byDistance(expected, target)
                )
                # Ask often enough for an answer from the caches of the buckets.
                closest = b"".join(map(packContact, table.closest(target, count)))
                for _ in range(QUERIES_BEFORE_CACHING + 2):
                    self.assertEqual(table.closestCompact(target, count), closest)


def repeatedHostsLast(contacts: list[Contact]) -> list[Contact]:
    """
    Return the contacts in two groups. The second group holds contacts whose public host has an
    earlier contact in the list.
    """
    hosts = [contact.host if isPublic(contact.host) else None for contact in contacts]
    isRepeated = [host is not None and host in hosts[:place] for place, host in enumerate(hosts)]
    return [
        contact
        for wanted in (False, True)
        for contact, repeated in zip(contacts, isRepeated, strict=True)
        if repeated is wanted
    ]


class ClosestTests(SynchronousTestCase):
    """
    Tables with contacts as in a large network.
    """

    @thorough
    @given(ids, st.randoms(use_true_random=False), ids)
    def test_closestOfALargeTableIsTheSortedTable(
        self, own: bytes, random: Random, target: bytes
    ) -> None:
        """
        The closest contacts of a table of up to 150 equal its contacts sorted by distance and cut.
        """
        table = RoutingTable(own)
        base = int.from_bytes(own, "big")
        for number in range(150):
            # Ids with a short random part belong in deep buckets, which random ids practically
            # never reach.
            low = random.getrandbits(random.choice((ID_BITS, ID_BITS - 3, 40, 8, 3)))
            id = (base ^ low).to_bytes(ID_BYTES, "big")
            table.answered(Contact(id, "10.0.0.1", 1000 + number), 0.0)
        near = (base ^ random.getrandbits(random.choice((40, 8, 3)))).to_bytes(ID_BYTES, "big")
        for each in (target, own, near):
            expected = byDistance(table.contacts(), each)
            for count in (1, K, 1000):
                self.assertEqual(table.closest(each, count), expected[:count])

    def test_floodDisplacesNoContact(self) -> None:
        """
        Fifty contacts in 50 buckets all stay listed in a flood of 5,000 answers from another
        private host.
        """
        table = RoutingTable(OWN)
        random = Random(1)
        first = [
            Contact(table.buckets.randomTarget(prefix, random.randbytes), "10.0.0.1", 1000 + prefix)
            for prefix in range(50)
        ]
        for contact in first:
            table.answered(contact, 0.0)
        for number in range(5000):
            table.answered(Contact(random.randbytes(ID_BYTES), "10.0.0.2", 1 + number), 1.0)
        self.assertTrue(set(first) <= set(table.contacts()))
