"""
A node that asks more at once than its network serves.
"""

from __future__ import annotations

from twisted.internet.defer import gatherResults
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Reply, values
from tests.helpers.networks.values import ValueNetwork

#: The number of queries, and how many of them are begun in a second.
QUERIES = 900
RATE = 300


class OverloadTests(SynchronousTestCase):
    """
    300 full queries a second of one node, on a network that serves some 120 of them.
    """

    def test_networkServesAllQueries(self) -> None:
        """
        Each of 900 queries finds a value and gets no error. The 31 members drop no request.
        """
        network = ValueNetwork(31)
        visitor = network.visitor()
        network.clock.runFor(5)
        key = network.clock.runUntil(values.put(visitor, b"value"))
        streams = [visitor.query(values.COMMAND, key) for _ in range(QUERIES)]
        results: list[list[Reply]] = []
        for number, stream in enumerate(streams):
            network.clock.callLater(
                number / RATE, lambda stream=stream: stream.collect().addCallback(results.append)
            )
        network.clock.runUntil(lambda: len(results) == QUERIES, limit=20)
        for replies in results:
            self.assertIn(b"value", [reply.value for reply in replies])
        self.assertEqual(sum(stream.errors for stream in streams), 0)
        self.assertEqual(sum(member.counters.rateLimited for member in network.members), 0)
        network.clock.runUntil(gatherResults([n.destroy() for n in [*network.members, visitor]]))
