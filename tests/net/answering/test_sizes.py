"""
Sizes of datagrams: an answer names fewer contacts beside a large value, so that it is not
fragmented.
"""

from __future__ import annotations

from collections.abc import Sequence

from dwdht_twisted import DHTNode
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import (
    COMPACT_CONTACT_BYTES,
    MAX_DATAGRAM_BYTES,
    UNFRAGMENTED_BYTES,
    HostPort,
    splitContacts,
    unpackContact,
)
from tests.helpers.core.contacts import closestIds
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, NodeTestCase

#: The size in bytes of the largest value with which an answer still names all 20 contacts. The
#: answer also has an id, a token and flags.
WITH_ALL_CONTACTS = 393

#: Sizes in bytes of values with which an answer with 20 contacts would be too long.
TOO_LONG_WITH_ALL = (637, 700, 800, 900, 1000)


class AnswerSizeTests(NodeTestCase):
    """
    Answers of a member of a network of 30, which has 20 contacts to name.

    The asker is a contact, so its answers are not held back.
    """

    def setUp(self) -> None:
        super().setUp()
        self.nodes = self.swarm(30, rateLimit=None)
        self.server: DHTNode = self.nodes[0]
        self.asker = self.peer(answers="pong")
        self.introduce(self.asker, self.server)
        self.target_ = self.target()
        self.value = b""
        self.server.register(COMMAND, Handler(lambda _: self.value, lambda _: self.value))

    def ask(self, size: int, token: bytes | None = None) -> tuple[wire.ResponseMessage, int]:
        """Return the answer with a value of this size, and the size of its datagram in bytes."""
        self.value = self.random.randbytes(size)
        self.asker.received.clear()
        self.asker.responses.clear()
        self.asker.ask(self.addressOf(self.server), COMMAND, self.target_, roundtripToken=token)
        self.clock.runFor(0.1)
        [(answer, _)] = self.asker.responses
        self.assertEqual(answer.value, self.value)
        [(datagram, _)] = [each for each in self.asker.received if not wire.isRequest(each[0])]
        return answer, len(datagram)

    def named(self, answer: wire.ResponseMessage) -> list[bytes | None]:
        """Return the ids in an answer's contacts."""
        contacts = [unpackContact(each) for each in splitContacts(answer.nodes or b"")]
        return [contact.id for contact in contacts if contact is not None]

    def closest(self) -> Sequence[bytes | None]:
        """Return the ids of the server's 20 contacts closest to the target, in order."""
        known = [each for each in self.server.contacts() if each.id != self.asker.id]
        return closestIds(known, self.target_)

    def test_smallValueLeavesAllContacts(self) -> None:
        """
        With a value of up to 393 bytes, an answer names the 20 closest contacts. With exactly 393
        bytes, it is a datagram of 1,232 bytes. With 394 bytes, it names 19 contacts.
        """
        for size in (0, 1, 100, WITH_ALL_CONTACTS):
            answer, length = self.ask(size)
            self.assertEqual(self.named(answer), self.closest())
            self.assertLessEqual(length, UNFRAGMENTED_BYTES)
        self.assertEqual(length, 1232)
        answer, _ = self.ask(WITH_ALL_CONTACTS + 1)
        self.assertEqual(self.named(answer), self.closest()[:19])

    def test_answerHasAtMost1232Bytes(self) -> None:
        """
        With a value of any size from 393 to 1,000 bytes, an answer to a query or an update has at
        most 1,232 bytes.
        """
        token = self.tokenFor(self.asker, self.server, self.target_)
        for size in range(WITH_ALL_CONTACTS, 1001, 3):
            for given in (None, token):
                answer, length = self.ask(size, given)
                self.assertLessEqual(length, 1232, f"value of {size} bytes")
                self.assertEqual(len(answer.roundtripToken or b""), 32)

    def test_farthestContactsGiveWay(self) -> None:
        """
        With a value of 637 to 1,000 bytes, an answer names only the closest contacts. It names as
        many as fit in 1,232 bytes.
        """
        for size in TOO_LONG_WITH_ALL:
            answer, length = self.ask(size)
            named = self.named(answer)
            self.assertTrue(0 < len(named) < 20, f"{len(named)} beside {size} bytes")
            self.assertEqual(named, self.closest()[: len(named)])
            self.assertGreater(length + COMPACT_CONTACT_BYTES, UNFRAGMENTED_BYTES)

    def test_largeValueAloneMakesALargerDatagram(self) -> None:
        """
        With a value of more than 1,232 bytes, an answer has no field of contacts. Its datagram has
        at most 100 bytes more than the value.
        """
        for size in (1233, 1500, 9000, 60_000):
            answer, length = self.ask(size)
            self.assertIsNone(answer.nodes)
            self.assertLess(length, size + 100)

    def test_repeatedUpdateIsAnsweredWithinTheSize(self) -> None:
        """The answer to a repeated update with a value of 1,000 bytes has at most 1,232 bytes."""
        token = self.tokenFor(self.asker, self.server, self.target_)
        self.value = bytes(1000)
        datagram = self.asker.ask(
            self.addressOf(self.server), COMMAND, self.target_, roundtripToken=token
        )
        self.clock.runFor(0.1)
        self.asker.received.clear()
        self.asker.send(datagram, self.addressOf(self.server))
        self.clock.runFor(0.1)
        [(answer, _)] = self.asker.received
        self.assertLessEqual(len(answer), UNFRAGMENTED_BYTES)

    def test_heldAnswerIsWithinTheSize(self) -> None:
        """
        An answer with a value of 1,000 bytes that is held until the address is validated has at
        most 1,232 bytes.
        """
        self.value = bytes(1000)
        stranger = self.peer(id=None, answers="pong")
        stranger.ask(self.addressOf(self.server), COMMAND, self.target_)
        self.clock.runFor(3)
        [(answer, _)] = stranger.responses
        self.assertEqual(answer.value, self.value)
        [(datagram, _)] = [each for each in stranger.received if not wire.isRequest(each[0])]
        self.assertLessEqual(len(datagram), UNFRAGMENTED_BYTES)

    def test_internalAnswersAreWithinTheSize(self) -> None:
        """Answers to a ping and to ``_find_node`` have less than 1,232 bytes."""
        for command in (wire.PING, wire.FIND_NODE):
            self.asker.received.clear()
            self.asker.ask(self.addressOf(self.server), command, self.target_)
            self.clock.runFor(0.1)
            self.assertTrue(self.asker.received)
            for datagram, _ in self.asker.received:
                self.assertLess(len(datagram), UNFRAGMENTED_BYTES)


class NetworkSizeTests(NodeTestCase):
    """
    All datagrams of a network that stores and reads values of 1,000 bytes.
    """

    def test_noDatagramIsCutUp(self) -> None:
        """
        No datagram has more than 1,232 bytes while 30 nodes join, store a value of 1,000 bytes and
        read it.
        """
        sizes: list[int] = []
        kept: dict[bytes, bytes | None] = {}

        def noteSize(source: HostPort, destination: HostPort, datagram: bytes) -> None:
            sizes.append(len(datagram))

        self.network.onDatagram = noteSize
        nodes = self.swarm(30)
        for node in nodes:
            node.register(
                COMMAND,
                query=lambda request: kept.get(request.target),
                update=lambda request: kept.update({request.target: request.value}),
            )
        value, target = bytes(1000), self.target()
        self.commit(nodes[3], target, value)
        replies = self.collect(nodes[7], target)
        self.assertEqual([reply.value for reply in replies[:20]], [value] * 20)
        self.assertTrue(1000 < max(sizes) <= UNFRAGMENTED_BYTES, max(sizes))

    def test_valueOfTheUserAloneMakesALargerRequest(self) -> None:
        """
        An update with a value of 1,400 bytes is sent in one datagram of less than 1,550 bytes,
        because a value is never split.
        """
        server, asker = self.node(), self.node()
        handler = Handler()
        server.register(COMMAND, handler)
        self.commit(asker, self.target(), bytes(1400), nodes=[self.addressOf(server)])
        [request] = handler.updates
        self.assertEqual(request.value, bytes(1400))
        largest = max(len(datagram) for _, _, datagram in self.sent)
        self.assertTrue(1400 < largest < 1550, largest)
        self.assertLess(largest, MAX_DATAGRAM_BYTES)
