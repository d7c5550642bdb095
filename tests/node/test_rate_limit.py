"""
The rate limit of a node, ``rateLimit``.
"""

from __future__ import annotations

from dwdht_twisted import DHTNode, RateLimit
from dwdht_twisted._core import wire
from tests.helpers.networks.nodes import NodeTestCase
from tests.helpers.networks.peers import RawPeer


class RateLimitTests(NodeTestCase):
    """
    The parameter ``rateLimit``, which bounds the requests that are served for one host.
    """

    def flood(self, node: DHTNode, count: int, host: str = "10.5.5.5") -> RawPeer:
        """Send ``count`` pings from a host at once, and return the peer that sent them."""
        peer = self.peer(host, id=None)
        for _ in range(count):
            peer.ask(self.addressOf(node), wire.PING)
        self.clock.runFor(0.1)
        return peer

    def test_hostIsServedABurstAndThenARate(self) -> None:
        """
        A host is served 300 of 1,000 pings at once and 100 of 1,000 a second later; another host is
        served meanwhile.
        """
        node = self.node()
        peer = self.flood(node, 1000)
        self.assertEqual(len(peer.responses), 300)
        self.assertEqual(node.counters.rateLimited, 700)
        self.assertEqual(len(self.flood(node, 10, "10.6.6.6").responses), 10)
        self.clock.runFor(0.8)
        self.assertEqual(len(self.flood(node, 1000).responses), 100)

    def test_numberIsARateWithThreefoldBurst(self) -> None:
        """
        A rate limit of 5 serves 15 of 100 requests at once, three times the rate.
        """
        self.assertEqual(len(self.flood(self.node(rateLimit=5), 100).responses), 15)

    def test_noneServesEverything(self) -> None:
        """
        A rate limit of None serves 1,000 requests at once.
        """
        self.assertEqual(len(self.flood(self.node(rateLimit=None), 1000).responses), 1000)

    def test_loopbackIsExemptByDefault(self) -> None:
        """
        The machine's own addresses are exempt from a `RateLimit` unless it says otherwise, and not
        from a plain number.
        """
        for limit, served in ((RateLimit(5, 15), 100), (5, 15), (RateLimit(5, 15, True), 15)):
            reactor = self.network.reactor()
            node = self.node(reactor=reactor, rateLimit=limit)
            peer = self.peer(reactor.host, id=None)
            for _ in range(100):
                peer.ask(("127.0.0.1", node.address().port), wire.PING)
            self.clock.runFor(0.1)
            self.assertEqual(len(peer.responses), served)

    def test_expectedAnswersAreNotLimited(self) -> None:
        """
        An expected answer is taken although its host is over the limit, because others could forge
        requests in its name.
        """
        node = self.node(rateLimit=1)
        host = "10.5.5.5"
        good = self.node(host)
        self.flood(node, 100, host)
        ping = node.ping(self.addressOf(good))
        self.clock.runUntil(ping, limit=0.1)
