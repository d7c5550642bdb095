"""
A test case for query streams: a node that asks raw peers by their addresses.
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
    A test with an ephemeral node that asks raw peers.

    :ivar asker: the node
    :ivar peers: the peers
    """

    def setUp(self) -> None:
        super().setUp()
        self.asker = self.node(ephemeral=True)
        self.peers: list[RawPeer] = []

    def addPeers(self, count: int, answers: str = "serve") -> list[Address]:
        """Add peers, and return their addresses."""
        self.peers += [self.peer(answers=answers) for _ in range(count)]
        return [peer.address for peer in self.peers]

    def startQuery(self, count: int, **options: Any) -> QueryStream:
        """Return the stream of a query of new peers that answer."""
        return self.asker.query(
            COMMAND, self.target(), nodes=self.addPeers(count, **options), holepunching=False
        )

    def transmissions(self) -> list[wire.RequestMessage]:
        """Return the requests of the command that the node has sent, retries included."""
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
    A test of streams that end although nobody stops them.
    """

    @property
    def running(self) -> int:
        """The number of streams of the node that have started and not ended."""
        return self.asker._parts.queries.running

    @property
    def inFlight(self) -> int:
        """The number of requests of the node that wait for an answer."""
        return self.asker._parts.caller.requests.inFlight

    def assertEnded(self) -> None:
        """Require that no stream runs, and that the next turn ends all requests for good."""
        self.assertEqual(self.running, 0)
        self.clock.runFor(0)
        self.assertEqual(self.inFlight, 0)
        before = len(self.transmissions())
        self.clock.runFor(REQUEST_SECONDS)
        self.assertEqual(len(self.transmissions()), before)

    def run_(self, coroutine: Coroutine[Deferred[Any], Any, Any]) -> Any:
        """Run a coroutine to its end, and return its result."""
        return self.clock.runUntil(self.runCoroutine(coroutine))
