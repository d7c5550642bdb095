"""
The answers of a bucket, and the cache that keeps them.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits.bounds import CACHED_ANSWERS
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.routing.bucket import Bucket, Entry
from dwdht_twisted._core.routing.cache import QUERIES_BEFORE_CACHING, CacheBudget
from dwdht_twisted._core.wire import COMPACT_CONTACT_BYTES, ID_BITS, Contact, distance, packContact

#: Bits that the ids of the bucket share with the own id.
PREFIX = 3


class BucketTests(SynchronousTestCase):
    """
    A full bucket of random ids that caches its answers.
    """

    def setUp(self) -> None:
        self.random = Random(7)
        self.bucket = Bucket(PREFIX, 0.0, CacheBudget())
        self.contacts = [Contact(self.randomId(), "10.0.0.1", 1000 + n) for n in range(K)]
        for contact in self.contacts:
            self.bucket.add(Entry(contact.id or b"", contact.address, 0.0))
        self.fillCache()

    def fillCache(self) -> None:
        """Ask the bucket until it caches its answers."""
        for _ in range(QUERIES_BEFORE_CACHING):
            self.answer(self.randomId())

    def randomId(self) -> bytes:
        """Return a random id of the bucket, for a table whose own id is all zeros."""
        free = ID_BITS - PREFIX - 1
        return (1 << free | self.random.getrandbits(free)).to_bytes(32, "big")

    def expectedAnswer(self, target: bytes) -> bytes:
        """Return the answer that sorting all contacts gives."""
        members = sorted(self.contacts, key=lambda each: distance(each.id or b"", target))
        return b"".join(map(packContact, members))

    def answer(self, target: bytes) -> bytes:
        """Return the bucket's answer."""
        return self.bucket.answers.answer(int.from_bytes(target, "big"))

    def test_answersAreInOrder(self) -> None:
        """
        Each of 500 targets gets the contacts in the order of its own distances, when it is asked
        for first and again.
        """
        targets = [self.randomId() for _ in range(500)]
        for target in (*targets, *targets):
            self.assertEqual(self.answer(target), self.expectedAnswer(target))

    def test_answersOfACrowdAreInOrder(self) -> None:
        """
        Targets next to 8 contacts that differ only in the last 3 bits get the contacts in the order
        of their distances.
        """
        crowd = self.contacts[0].id or b""
        for last in range(8):
            contact = Contact(crowd[:-1] + bytes([crowd[-1] ^ last]), "10.0.0.2", 2000 + last)
            if last:
                self.contacts.append(contact)
                self.bucket.add(Entry(contact.id or b"", contact.address, 0.0))
            for bits in range(8):
                target = crowd[:-1] + bytes([crowd[-1] ^ bits])
                self.assertEqual(self.answer(target), self.expectedAnswer(target))

    def test_targetsOfOneRegionShareAnAnswer(self) -> None:
        """
        Two targets that no contact tells apart get the same object, so that the answer takes memory
        once.
        """
        target = self.randomId()
        near = target[:-1] + bytes([target[-1] ^ 1])
        self.assertIs(self.answer(target), self.answer(near))

    def test_forgottenAnswerIsMadeAnew(self) -> None:
        """An answer that was forgotten is made anew, with the same bytes."""
        target = self.randomId()
        first = self.answer(target)
        self.bucket.answers.clear()
        self.assertIsNot(self.answer(target), first)
        self.assertEqual(self.answer(target), first)

    def test_changeClearsTheCache(self) -> None:
        """
        A removed contact is in no later answer, and answers are cached again after
        `QUERIES_BEFORE_CACHING`, 4, queries.
        """
        target = self.randomId()
        first = self.answer(target)
        self.assertIs(self.answer(target), first)
        self.bucket.remove(Entry(self.contacts[0].id or b"", self.contacts[0].address, 0.0))
        del self.contacts[0]
        answers = [self.answer(target) for _ in range(QUERIES_BEFORE_CACHING + 2)]
        self.assertEqual(set(answers), {self.expectedAnswer(target)})
        self.assertIsNot(answers[-3], answers[-2])
        self.assertIs(answers[-2], answers[-1])

    def test_cachedAnswersAreBounded(self) -> None:
        """
        A table caches `CACHED_ANSWERS`, 4,096, answers, and keeps those that it has when there are
        more targets.
        """
        chosen = int.from_bytes(self.randomId(), "big")
        memory = CacheBudget()
        bucket = self.bucket = Bucket(PREFIX, 0.0, memory)
        for bit in range(K):
            id = (chosen ^ 1 << bit).to_bytes(32, "big")
            bucket.add(Entry(id, ("10.0.0.2", 1000 + bit), 0.0))
        self.fillCache()
        target = self.randomId()
        kept = self.answer(target)
        self.assertEqual(len(kept), K * COMPACT_CONTACT_BYTES)
        self.assertIs(self.answer(target), kept)
        for _ in range(2 * CACHED_ANSWERS):
            self.answer(self.randomId())
        self.assertEqual(memory.free, 0)
        self.assertIs(self.answer(target), kept)
        bucket.answers.clear()
        self.assertEqual(memory.free, CACHED_ANSWERS)
