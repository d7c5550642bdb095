"""
Queries of a node with contacts on several lines, of which one is down.
"""

from __future__ import annotations

from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, NodeTestCase


class LineTests(NodeTestCase):
    """
    A node with public contacts, and private ones that all become silent.
    """

    def assertAnswered(self, public: int, private: int) -> None:
        """
        Require that queries get the answers of all public nodes, or 20 of them, while the private
        ones are silent.
        """
        nodes = [self.node("20.0.0.1", port=6620)]
        hosts = [f"20.{number}.0.1" for number in range(1, public + 1)]
        silent = [f"10.0.{number}.1" for number in range(private)]
        nodes += [self.node(host, bootstrap=["20.0.0.1:6620"]) for host in hosts + silent]
        for node in nodes[1:]:
            self.clock.runUntil(node.ready())
        for node in nodes:
            node.register(COMMAND, Handler(lambda request: b"value"))
        self.clock.runFor(600)
        self.network.partition(silent)
        for pause in (0, 60, 600):
            self.clock.runFor(pause)
            for _ in range(10):
                query = nodes[0].query(COMMAND, self.target(), local=False)
                replies = self.clock.runUntil(query.collect(), limit=60)
                self.assertGreaterEqual(len(replies), min(public, 20))

    def test_publicNodesAnswerWhilePrivateOnesAreSilent(self) -> None:
        """Queries go on with 15 public nodes, while 35 private contacts are silent."""
        self.assertAnswered(15, 35)

    def test_fewPublicNodesAnswer(self) -> None:
        """The same with 3 public nodes."""
        self.assertAnswered(3, 35)
