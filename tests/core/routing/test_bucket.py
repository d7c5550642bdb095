"""
The answers that a bucket of the routing table gives, and the cache of these answers.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.routing import K
from dwdht_twisted._core.routing.bounds import CACHED_ANSWERS
from dwdht_twisted._core.routing.bucket import Bucket, Entry
from dwdht_twisted._core.routing.cache import QUERIES_BEFORE_CACHING, CacheBudget
from dwdht_twisted._core.wire import COMPACT_CONTACT_BYTES, ID_BITS, Contact, distance, packContact

#: The number of leading bits that the ids of the bucket share with the table's own id.
PREFIX = 3


class BucketTests(SynchronousTestCase):
    """
    A full bucket with random ids. It has had enough queries to cache its answers.
    """

    def setUp(self) -> None:
        self.random = Random(7)
        self.bucket = Bucket(PREFIX, 0.0, CacheBudget())
        self.contacts = [Contact(self.randomId(), "10.0.0.1", 1000 + n) for n in range(K)]
        for contact in self.contacts:
            self.bucket.add(Entry(contact.id or b"", contact.address, 0.0))
        self.fillCache()

    def fillCache(self) -> None:
        """Query the bucket until it starts to cache its answers."""
        for _ in range(QUERIES_BEFORE_CACHING):
            self.answer(self.randomId())

    def randomId(self) -> bytes:
        """Return a random id that belongs in the bucket, if the table's own id is all zeros."""
        free = ID_BITS - PREFIX - 1
        return (1 << free | self.random.getrandbits(free)).to_bytes(32, "big")

    def expectedAnswer(self, target: bytes) -> bytes:
        """Return the answer to a query for this target, made by sorting all contacts."""
        members = sorted(self.contacts, key=lambda each: distance(each.id or b"", target))
        return b"".join(map(packContact, members))

    def answer(self, target: bytes) -> bytes:
        """Return the bucket's answer to a query for this target."""
        return self.bucket.answers.answer(int.from_bytes(target, "big"))

    def test_answersAreInOrder(self) -> None:
        """
        For each of 500 targets, the answer lists the contacts by their distance from the target.
        The second answer, from the cache, equals the first.
        """
        targets = [self.randomId() for _ in range(500)]
        for target in (*targets, *targets):
            self.assertEqual(self.answer(target), self.expectedAnswer(target))

    def test_answersWithAlikeIdsAreInOrder(self) -> None:
        """
        Answers stay in the order of distance for 8 contacts whose ids differ only in the last 3
        bits.
        """
        firstId = self.contacts[0].id or b""
        for last in range(8):
            contact = Contact(firstId[:-1] + bytes([firstId[-1] ^ last]), "10.0.0.2", 2000 + last)
            if last:
                self.contacts.append(contact)
                self.bucket.add(Entry(contact.id or b"", contact.address, 0.0))
            for bits in range(8):
                target = firstId[:-1] + bytes([firstId[-1] ^ bits])
                self.assertEqual(self.answer(target), self.expectedAnswer(target))

    def test_targetsOfOneRegionShareAnAnswer(self) -> None:
        """
        Two targets for which the contacts sort in the same order by distance get the same answer
        object. So the cached answer takes memory only once.
        """
        target = self.randomId()
        near = target[:-1] + bytes([target[-1] ^ 1])
        self.assertIs(self.answer(target), self.answer(near))

    def test_forgottenAnswerIsMadeAnew(self) -> None:
        """After the cache was cleared, an answer is a new object with the same bytes."""
        target = self.randomId()
        first = self.answer(target)
        self.bucket.answers.clear()
        self.assertIsNot(self.answer(target), first)
        self.assertEqual(self.answer(target), first)

    def test_changeClearsTheCache(self) -> None:
        """
        After a contact has been removed, no answer names it. Answers are cached again after 4 more
        queries, the number `QUERIES_BEFORE_CACHING`.
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
        All buckets of a table together cache at most 4,096 answers, as `CACHED_ANSWERS` allows. An
        answer that is already cached stays when more targets are queried.
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
