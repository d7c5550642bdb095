"""
`simulation.amplification`, the count of the bytes to addresses that have not asked.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Address, Contact
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import AMPLIFICATION, EXCESS_BURST, EXCESS_RATE
from dwdht_twisted._core.wire import COMPACT_CONTACT_BYTES, packContact
from dwdht_twisted._net.answering import answers
from simulation.amplification import Amplification, Unasked
from simulation.combined import Combination
from simulation.experiments.combined import fifthCombined, total
from simulation.forging import IDS, REQUESTS, TOKENS, VICTIMS
from simulation.liars import Liar, nextTo
from simulation.swarm import Swarm

#: An address that no host has.
NOBODY = Address("60.0.1.1", 6620)

#: A host that answers pings only.
BYSTANDER = Address("61.0.1.1", 6620)

#: The seed of a network whose liars ask for large values in the name of silent addresses.
SEED = 43


class ForgeryTests(SynchronousTestCase):
    """
    `Forgery`, the forged requests of a liar.
    """

    def test_allPartsAreDrawn(self) -> None:
        """In 1,000 combinations, each kind of victim, of request, of id and of token occurs."""
        drawn = [Combination.draw(Random(seed)).forgery for seed in range(1000)]
        self.assertEqual({each.victim for each in drawn}, set(VICTIMS))
        self.assertEqual({each.request for each in drawn}, set(REQUESTS))
        self.assertEqual({each.id for each in drawn}, set(IDS))
        self.assertEqual({each.token for each in drawn}, set(TOKENS))


class AmplificationTests(SynchronousTestCase):
    """
    `Amplification`, in a network of three members and a liar.
    """

    def setUp(self) -> None:
        self.swarm = Swarm(1)
        self.addCleanup(self.swarm.close)
        self.amplification = Amplification(self.swarm)
        self.amplification.bystanders.add(BYSTANDER)
        self.swarm.build(3)
        self.liar = Liar(self.swarm)
        self.swarm.clock.runFor(10)
        self.first, self.second = (member.address for member in self.swarm.members[:2])

    def send(self, destination: Address, size: int) -> None:
        """Let the first member send an answer of ``size`` bytes."""
        self.swarm.network.transmit(self.first, destination, bytes(size), self.first)

    def test_silentAddressGetsBytesForBytes(self) -> None:
        """
        An address where no node listens gets 1,500 bytes from one node, after liars have sent two
        nodes 100 bytes in its name.  It has got 15 bytes for a byte, and the promise is broken.
        """
        self.amplification.caused(self.first, NOBODY, 60)
        self.amplification.caused(self.second, NOBODY, 40)
        self.send(NOBODY, 1000)
        self.assertEqual(self.amplification.figures(), Unasked(10.0, 0.0, 0.0))
        self.send(NOBODY, 500)
        figures = self.amplification.figures()
        self.assertEqual(figures, Unasked(15.0, 0.0, 0.0))
        self.assertFalse(figures.isMet)

    def test_addressGetsBytesThatNobodyCaused(self) -> None:
        """Bytes to a silent address that no liar has caused break the promise."""
        self.send(NOBODY, 1)
        self.assertFalse(self.amplification.figures().isMet)

    def test_answeringAddressHasBudget(self) -> None:
        """
        A node that sends a bystander 14 bytes for a byte, and `EXCESS_BURST` bytes at once and
        `EXCESS_RATE` a second more, keeps its promise.  With another 2,000 bytes it does not.
        """
        self.amplification.caused(self.first, BYSTANDER, 1000)
        self.send(BYSTANDER, AMPLIFICATION * 1000 + int(EXCESS_BURST))
        self.swarm.clock.runFor(2)
        self.send(BYSTANDER, int(2 * EXCESS_RATE))
        figures = self.amplification.figures()
        self.assertEqual(figures.silent, 0.0)
        self.assertAlmostEqual(figures.answering, 54.0)
        self.assertAlmostEqual(figures.excess, EXCESS_BURST, delta=1)
        self.assertTrue(figures.isMet)
        self.send(BYSTANDER, 2000)
        self.assertFalse(self.amplification.figures().isMet)

    def test_answerThatWasAskedForIsNotCounted(self) -> None:
        """
        A member that has sent a request gets its answer without counting. An answer of 100 bytes to
        a request of 20 bytes in its name counts as 5 bytes for a byte.
        """
        request = wire.frameRequest(7, wire.requestBody(wire.PING))
        self.swarm.network.transmit(self.second, self.first, request, self.second)
        self.swarm.network.transmit(self.first, self.second, b"\0\7" + bytes(98), self.first)
        self.assertEqual(self.amplification.figures().answering, 0.0)
        self.amplification.caused(self.first, self.second, 20)
        self.swarm.network.transmit(self.first, self.second, b"\0\x08" + bytes(98), self.first)
        self.assertEqual(self.amplification.figures().answering, 5.0)

    def test_answerAfterAnotherRequestIsNotCounted(self) -> None:
        """
        A member sends a request, and then a ping with the same transaction id to another node. The
        answer to its request is not counted.
        """
        request = wire.frameRequest(7, wire.requestBody(wire.PING))
        self.swarm.network.transmit(self.second, self.first, request, self.second)
        third = self.swarm.members[2].address
        self.swarm.network.transmit(self.second, third, request, self.second)
        self.swarm.network.transmit(self.first, self.second, b"\0\7" + bytes(98), self.first)
        self.assertEqual(self.amplification.figures().answering, 0.0)

    def test_namingCountsAsBytesOfContact(self) -> None:
        """
        A liar answers a member with two contacts at one silent address.  The address then gets 114
        bytes, 1.5 for each byte of the two contacts.
        """
        named = b"".join(
            packContact(Contact(nextTo(self.liar.id, place), *NOBODY)) for place in (1, 2)
        )
        answer = wire.encodeResponse(9, self.liar.id, named)
        self.liar.send(answer, self.first)
        self.send(NOBODY, 3 * COMPACT_CONTACT_BYTES)
        self.assertEqual(self.amplification.figures(), Unasked(1.5, 0.0, 0.0))


class ForgingTests(SynchronousTestCase):
    """
    `ForgingLiars`, in networks of 60 nodes with one combined liar in five.
    """

    def test_forgedRequestsAreBounded(self) -> None:
        """
        In a network whose liars ask for large values in the name of silent addresses, these get
        more than a byte for a byte, and at most 14.
        """
        figures = fifthCombined(SEED, 60, 1).unasked
        self.assertTrue(figures.isMet, str(figures))
        self.assertGreater(figures.silent, 1.0)

    def test_missingBoundIsNoticed(self) -> None:
        """If nodes did not bound their answers, silent addresses would get more than 14 bytes."""
        self.patch(answers, "answerAllowance", lambda requestBytes, checkBytes=0: 1 << 30)
        figures = total([fifthCombined(SEED, 60, 1)], [])
        self.assertFalse(figures.isMet)
        self.assertGreater(figures.unasked.silent, AMPLIFICATION)
