"""
The argument ``rateLimit`` of a node.
"""

from __future__ import annotations

from dwdht_twisted import DHTNode, RateLimit
from dwdht_twisted._core import wire
from tests.helpers.networks.nodes import NodeTestCase
from tests.helpers.networks.peers import RawPeer


class RateLimitTests(NodeTestCase):
    """
    The argument ``rateLimit``, which limits the requests that are served for one host.
    """

    def flood(self, node: DHTNode, count: int, host: str = "10.5.5.5") -> RawPeer:
        """Send ``count`` pings from a host at once. Return the peer at this host."""
        peer = self.peer(host, id=None)
        for _ in range(count):
            peer.ask(self.addressOf(node), wire.PING)
        self.clock.runFor(0.1)
        return peer

    def test_hostIsServedABurstAndThenARate(self) -> None:
        """
        Of 1,000 pings in a burst, a host gets 300 answers. Of another 1,000, one second later, it
        gets 100. Another host is served meanwhile.
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
        With a rate limit of 5, a host gets 15 answers to 100 pings at once, three times the rate.
        """
        self.assertEqual(len(self.flood(self.node(rateLimit=5), 100).responses), 15)

    def test_noneServesEverything(self) -> None:
        """With a rate limit of None, a host gets 1,000 answers to 1,000 pings at once."""
        self.assertEqual(len(self.flood(self.node(rateLimit=None), 1000).responses), 1000)

    def test_loopbackIsExemptByDefault(self) -> None:
        """
        A loopback address is exempt from a `RateLimit`, unless its field ``loopback`` is True. It
        isn't exempt from a limit given as a number.
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
        A requested answer is accepted although its host exceeds the limit. Otherwise, forged
        requests in this host's name could suppress the answer.
        """
        node = self.node(rateLimit=1)
        host = "10.5.5.5"
        good = self.node(host)
        self.flood(node, 100, host)
        ping = node.ping(self.addressOf(good))
        self.clock.runUntil(ping, limit=0.1)
