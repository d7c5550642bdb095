"""
A node that asks many raw peers by address, for the tests of `dwdht_twisted.stream`.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred

from dwdht_twisted import Address, QueryStream
from dwdht_twisted._core import wire
from tests.helpers.networks.nodes import COMMAND, NodeTestCase, RawPeer


class StreamTestCase(NodeTestCase):
    """
    A node that asks many peers by address.
    """

    def setUp(self) -> None:
        super().setUp()
        self.asker = self.node(ephemeral=True)
        self.peers: list[RawPeer] = []

    def addPeers(self, count: int, answers: str = "serve") -> list[Address]:
        """Make peers; gives their addresses."""
        self.peers += [self.peer(answers=answers) for _ in range(count)]
        return [peer.address for peer in self.peers]

    def ask(self, count: int, **options: Any) -> QueryStream:
        """A query to this many peers that answer."""
        return self.asker.query(
            COMMAND, self.target(), nodes=self.addPeers(count, **options), holepunching=False
        )

    def asks(self) -> list[wire.RequestMessage]:
        """The requests of the query that were sent, retries included."""
        sent = self.requestsBy(self.addressOf(self.asker))
        return [message for message in sent if message.command == COMMAND]

    def asked(self) -> int:
        """How many peers have been asked."""
        return sum(bool(peer.requests) for peer in self.peers)

    def start(self, coroutine: Coroutine[Deferred[Any], Any, Any]) -> Deferred[Any]:
        """Run a coroutine."""
        return Deferred.fromCoroutine(coroutine)
