"""
Test cases with a node to which raw peers send requests.
"""

from __future__ import annotations

from typing import Any

from dwdht_twisted import DHTNode, RateLimit
from dwdht_twisted._core import wire
from dwdht_twisted._core.wire import splitContacts
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import REQUEST_SECONDS, NodeTestCase
from tests.helpers.networks.peers import RawPeer


class ResponderTestCase(NodeTestCase):
    """
    A base for tests with a node to which one raw peer sends requests.

    :ivar server: the node
    :ivar asker: the peer, which answers pings
    :ivar handler: a handler for the node, with ``b"query"`` and ``b"update"`` as its results
    """

    def setUp(self) -> None:
        super().setUp()
        self.server = self.node()
        self.asker = self.peer(answers="pong")
        self.handler = Handler(lambda _: b"query", lambda _: b"update")

    def ask(self, command: str, target: bytes | None = None, **fields: Any) -> wire.ResponseMessage:
        """Send a request, and return its only answer."""
        before = len(self.asker.responses)
        self.asker.ask(self.addressOf(self.server), command, target, **fields)
        self.clock.runFor(1)
        [(message, source)] = self.asker.responses[before:]
        self.assertEqual(source, self.addressOf(self.server))
        return message

    def assertNoAnswer(self, command: str, target: bytes | None = None, **fields: Any) -> None:
        """Send a request, and require that it gets no answer."""
        before = len(self.asker.responses)
        self.asker.ask(self.addressOf(self.server), command, target, **fields)
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(self.asker.responses[before:], [])


class ValidationTestCase(NodeTestCase):
    """
    A base for tests with a node whose answers have 20 contacts, too many for an unproven address.

    :ivar server: the node
    :ivar there: the node's address
    """

    def setUp(self) -> None:
        super().setUp()
        self.server: DHTNode = self.swarm(30, rateLimit=RateLimit(1e6, 1e6))[0]
        self.there = self.addressOf(self.server)
        self.sent.clear()

    def answersTo(self, peer: RawPeer) -> list[wire.ResponseMessage]:
        """Return the answers that a peer has received."""
        return [message for message, _ in peer.responses]

    def countNamed(self, peer: RawPeer) -> list[int]:
        """Return the number of contacts in each answer that a peer has received."""
        return [len(splitContacts(message.nodes or b"")) for message in self.answersTo(peer)]
