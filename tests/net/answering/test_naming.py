"""
Checks of the contacts that a node names to others.
"""

from __future__ import annotations

from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import MAXIMUM_NAMED_CHECKS, NAMED_CHECKS_INTERVAL
from dwdht_twisted._net.answering.naming import NAMED_UNSEEN_FOR
from tests.helpers.networks.nodes import COMMAND, NodeTestCase
from tests.helpers.networks.peers import RawPeer

#: The number of contacts of the node, which are all named in each answer.
CONTACTS = MAXIMUM_NAMED_CHECKS + 2


class NamedContactTests(NodeTestCase):
    """
    A node with six contacts, and a stranger that asks it.
    """

    def setUp(self) -> None:
        super().setUp()
        self.server = self.node()
        self.contacts = [self.peer(answers="pong") for _ in range(CONTACTS)]
        for contact in self.contacts:
            self.introduce(contact, self.server)
        self.stranger = self.peer(id=None)

    def pingedWhenAsked(
        self, command: str, *, by: RawPeer | None = None, target: bytes | None = None
    ) -> list[int]:
        """
        Ask once, and return the numbers of the contacts that are pinged within a tenth of a second.

        :param by: the asker; by default the stranger
        :param target: by default a random target
        """
        for contact in self.contacts:
            contact.requests.clear()
        asker = by or self.stranger
        asker.ask(self.addressOf(self.server), command, target or self.target())
        self.clock.runFor(0.1)
        return [number for number, each in enumerate(self.contacts) if each.requestsFor(wire.PING)]

    def test_fewAreCheckedAtOnce(self) -> None:
        """
        An answer causes pings to four of the contacts that it names. Further
        answers cause none for five seconds, and then pings to the others.
        """
        self.clock.runFor(NAMED_UNSEEN_FOR + 20.0)
        first = self.pingedWhenAsked(COMMAND)
        self.assertEqual(len(first), MAXIMUM_NAMED_CHECKS)
        self.clock.runFor(NAMED_CHECKS_INTERVAL - 0.5)
        self.assertEqual(self.pingedWhenAsked(COMMAND), [])
        self.clock.runFor(0.5)
        second = self.pingedWhenAsked(COMMAND)
        self.assertEqual(sorted(first + second), list(range(CONTACTS)))

    def test_seenContactIsNotChecked(self) -> None:
        """A contact that was seen within a minute is not pinged."""
        self.clock.runFor(NAMED_UNSEEN_FOR / 2)
        self.assertEqual(self.pingedWhenAsked(COMMAND), [])

    def test_lookupOfTheOwnIdCausesNoCheck(self) -> None:
        """An asker that looks up its own id causes no pings, because idle nodes do so too."""
        self.clock.runFor(NAMED_UNSEEN_FOR + 20.0)
        member = self.peer()
        self.assertEqual(self.pingedWhenAsked(wire.FIND_NODE, by=member, target=member.id), [])
        self.assertEqual(len(self.pingedWhenAsked(wire.FIND_NODE, by=member)), MAXIMUM_NAMED_CHECKS)
