"""
Test cases for query streams, with a node that queries raw peers by their addresses.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

from twisted.internet.defer import Deferred

from dwdht_twisted import Address, QueryStream
from dwdht_twisted._core import wire
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase
from tests.helpers.networks.peers import RawPeer


class StreamTestCase(NodeTestCase):
    """
    A base for tests with an ephemeral node that queries raw peers.

    :ivar asker: the node
    :ivar peers: the peers
    """

    def setUp(self) -> None:
        super().setUp()
        self.asker = self.node(ephemeral=True)
        self.peers: list[RawPeer] = []

    def addPeers(self, count: int, answers: str = "serve") -> list[Address]:
        """Add ``count`` peers, and return the addresses of all peers."""
        self.peers += [self.peer(answers=answers) for _ in range(count)]
        return [peer.address for peer in self.peers]

    def startQuery(self, count: int, **options: Any) -> QueryStream:
        """Return the unread stream of a query to ``count`` new peers."""
        return self.asker.query(
            COMMAND, self.target(), nodes=self.addPeers(count, **options), holepunching=False
        )

    def transmissions(self) -> list[wire.RequestMessage]:
        """Return the requests that the node has sent for the command, including retries."""
        sent = self.requestsBy(self.addressOf(self.asker))
        return [message for message in sent if message.command == COMMAND]

    def countAsked(self) -> int:
        """Return the number of peers that have received a request."""
        return sum(bool(peer.requests) for peer in self.peers)

    def runCoroutine(self, coroutine: Coroutine[Deferred[Any], Any, Any]) -> Deferred[Any]:
        """Run a coroutine, and return a Deferred of its result."""
        return Deferred.fromCoroutine(coroutine)


class DroppedTestCase(StreamTestCase):
    """
    A base for tests of streams to which no reference is left.
    """

    @property
    def running(self) -> int:
        """The number of the node's streams that have started and not yet ended."""
        return self.asker._parts.queries.running

    @property
    def inFlight(self) -> int:
        """The number of the node's requests that wait for an answer."""
        return self.asker._parts.caller.requests.inFlight

    def assertEnded(self) -> None:
        """
        Require that no stream is running. After the next turn, no request may be in flight or be
        sent.
        """
        self.assertEqual(self.running, 0)
        self.clock.runFor(0)
        self.assertEqual(self.inFlight, 0)
        before = len(self.transmissions())
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(len(self.transmissions()), before)

    def run_(self, coroutine: Coroutine[Deferred[Any], Any, Any]) -> Any:
        """Run a coroutine to its end and return its result."""
        return self.clock.runUntil(self.runCoroutine(coroutine))
