"""
The test suite of npm's ``dht-rpc``, with Python nodes in place of its bootstrap nodes.
"""

from __future__ import annotations

import re
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from dwdht_twisted import DHTNode
from tests.helpers.peer.install import INSTALL_SECONDS, PEER_FOLDER, ChildProcess, installation
from tests.helpers.peer.interop import LOCAL_HOST, eventually

#: The path of the suite in `PEER_FOLDER`.
SUITE = "node_modules/dht-rpc/test.js"

#: The most seconds that the suite may take. On an idle machine it takes one.
SUITE_SECONDS = 90.0

#: The number of tests in the suite. Each starts its own bootstrap node.
SUITE_TESTS = 5

#: The number of assertions in the suite.
SUITE_ASSERTIONS = 22

_ASSERTION = re.compile(r"^(not )?ok \d+ (.*)$", re.MULTILINE)


class BootstrapConnection(Protocol):
    """
    A connection of the suite. Its bootstrap node runs as long as the connection is open.
    """

    def __init__(self, node: DHTNode, nodes: set[DHTNode]) -> None:
        self._node = node
        self._nodes = nodes

    def connectionMade(self) -> None:
        self._nodes.add(self._node)
        self._node.listen(0, LOCAL_HOST)
        assert self.transport is not None
        self.transport.write(b"%d\n" % self._node.address().port)

    def connectionLost(self, reason: Failure | None = None) -> None:
        self._node.destroy().addCallback(lambda _: self._nodes.remove(self._node))


class BootstrapFactory(Factory):
    """
    A factory of bootstrap nodes for the suite.

    :ivar started: the number of nodes started so far
    :ivar nodes: the nodes that are running
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self.started = 0
        self.nodes: set[DHTNode] = set()

    def buildProtocol(self, addr: object) -> BootstrapConnection:
        self.started += 1
        return BootstrapConnection(DHTNode(self._reactor, ephemeral=True), self.nodes)


class PeerSuiteTests(TestCase):
    """
    The unchanged file ``test.js`` of the npm package ``dht-rpc``.
    """

    timeout = INSTALL_SECONDS + SUITE_SECONDS + 10

    async def test_suitePassesWithPythonBootstrapNodes(self) -> None:
        """All 22 assertions of the suite pass with 5 Python nodes as its bootstrap nodes."""
        from twisted.internet import reactor as globalReactor

        reactor: Any = globalReactor
        node = await installation.require(reactor)
        factory = BootstrapFactory(reactor)
        port = reactor.listenTCP(0, factory, interface=LOCAL_HOST)
        self.addCleanup(port.stopListening)
        suite = ChildProcess(reactor)
        self.addCleanup(suite.kill)
        suite.spawn(
            [node, "--no-deprecation", "--require", "./python_bootstrap.js", SUITE],
            PEER_FOLDER,
            {"DWDHT_BOOTSTRAP_PORT": str(port.getHost().port)},
        )
        exitCode = await suite.end(SUITE_SECONDS)
        await eventually(reactor, lambda: not factory.nodes)

        output = suite.output.decode() + suite.errors.decode()
        assertions = _ASSERTION.findall(output)
        failed = [name for negation, name in assertions if negation]
        self.assertEqual((failed, len(assertions), exitCode), ([], SUITE_ASSERTIONS, 0), output)
        self.assertEqual(factory.started, SUITE_TESTS)
