"""
The places of a routing table.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits.bounds import CACHED_ANSWERS
from dwdht_twisted._core.routing import Bucket, Entry, K
from dwdht_twisted._core.routing.bucket import QUERIES_BEFORE_CACHING, CacheBudget
from dwdht_twisted._core.wire import COMPACT_CONTACT_BYTES, ID_BITS, Contact, distance, packContact

#: The prefix that the own id and those of the bucket share, in bits.
PREFIX = 3


class BucketTests(SynchronousTestCase):
    """
    The answers of a bucket.
    """

    def setUp(self) -> None:
        """A full bucket of random ids."""
        self.random = Random(7)
        self.bucket = Bucket(PREFIX, 0.0, CacheBudget())
        self.contacts = [Contact(self.randomId(), "10.0.0.1", 1000 + n) for n in range(K)]
        for contact in self.contacts:
            self.bucket.add(Entry(contact.id or b"", contact.address, 0.0))
        self.settle()

    def settle(self) -> None:
        """Let the bucket be asked until it remembers its answers."""
        for _ in range(QUERIES_BEFORE_CACHING):
            self.answer(self.randomId())

    def randomId(self) -> bytes:
        """A random id that belongs into the bucket of a node whose id is all zeros."""
        free = ID_BITS - PREFIX - 1
        return (1 << free | self.random.getrandbits(free)).to_bytes(32, "big")

    def closest(self, target: bytes) -> bytes:
        """What the answer should be."""
        members = sorted(self.contacts, key=lambda each: distance(each.id or b"", target))
        return b"".join(map(packContact, members))

    def answer(self, target: bytes) -> bytes:
        """What it is."""
        return self.bucket.answer(int.from_bytes(target, "big"))

    def test_answersAreInOrder(self) -> None:
        """Each of many targets gets the contacts in its own order, asked for once or again."""
        targets = [self.randomId() for _ in range(500)]
        for target in (*targets, *targets):
            self.assertEqual(self.answer(target), self.closest(target))

    def test_answersOfCrowd(self) -> None:
        """So do targets next to contacts that differ in their last bits only."""
        crowd = self.contacts[0].id or b""
        for last in range(8):
            contact = Contact(crowd[:-1] + bytes([crowd[-1] ^ last]), "10.0.0.2", 2000 + last)
            if last:
                self.contacts.append(contact)
                self.bucket.add(Entry(contact.id or b"", contact.address, 0.0))
            for bits in range(8):
                target = crowd[:-1] + bytes([crowd[-1] ^ bits])
                self.assertEqual(self.answer(target), self.closest(target))

    def test_targetsOfOneRegion(self) -> None:
        """Targets that no contact tells apart get one answer, which takes memory once."""
        target = self.randomId()
        near = target[:-1] + bytes([target[-1] ^ 1])
        self.assertIs(self.answer(target), self.answer(near))

    def test_answersAreForgotten(self) -> None:
        """What is remembered is not kept for good."""
        target = self.randomId()
        first = self.answer(target)
        self.bucket.forgetAnswers()
        self.assertIsNot(self.answer(target), first)
        self.assertEqual(self.answer(target), first)

    def test_change(self) -> None:
        """After a change nothing is remembered before the bucket was asked a few times."""
        target = self.randomId()
        first = self.answer(target)
        self.assertIs(self.answer(target), first)
        self.bucket.remove(Entry(self.contacts[0].id or b"", self.contacts[0].address, 0.0))
        del self.contacts[0]
        answers = [self.answer(target) for _ in range(QUERIES_BEFORE_CACHING + 2)]
        self.assertEqual(set(answers), {self.closest(target)})
        self.assertIsNot(answers[-3], answers[-2])
        self.assertIs(answers[-2], answers[-1])

    def test_answersAreBounded(self) -> None:
        """However many targets are told apart, a table remembers so many answers and no more."""
        chosen = int.from_bytes(self.randomId(), "big")
        memory = CacheBudget()
        bucket = self.bucket = Bucket(PREFIX, 0.0, memory)
        for bit in range(K):
            id = (chosen ^ 1 << bit).to_bytes(32, "big")
            bucket.add(Entry(id, ("10.0.0.2", 1000 + bit), 0.0))
        self.settle()
        target = self.randomId()
        kept = self.answer(target)
        self.assertEqual(len(kept), K * COMPACT_CONTACT_BYTES)
        self.assertIs(self.answer(target), kept)
        for _ in range(2 * CACHED_ANSWERS):
            self.answer(self.randomId())
        self.assertEqual(memory.free, 0)
        self.assertIs(self.answer(target), kept)
        bucket.forgetAnswers()
        self.assertEqual(memory.free, CACHED_ANSWERS)
