"""
Python nodes and nodes of npm's ``dht-rpc`` in the same networks.
"""

from __future__ import annotations

import os

from twisted.internet.defer import Deferred

from dwdht_twisted import NoCloseNodes, Pong, Reply, Request
from tests.helpers.peer.install import INSTALL_SECONDS
from tests.helpers.peer.interop import AnyNode, InteropTestCase, keyOf
from tests.helpers.peer.mixed_swarm import HOLDERS, JOIN_SECONDS, MixedSwarm
from tests.helpers.peer.process import PeerError

#: Nodes of each side in the mixed swarm.
MIXED_NODES = int(os.environ.get("DWDHT_MIXED_NODES", "64"))

#: Values that each side stores in the mixed swarm.
MIXED_VALUES = int(os.environ.get("DWDHT_MIXED_VALUES", "50"))

#: Nodes of a small network: fewer than 20, so that each of them takes every update.
SMALL = 8

TARGET = bytes(range(32))
VALUE = b"Hello, World!"


class BootstrapTests(InteropTestCase):
    """Nodes of one side join through a node of the other."""

    async def test_pythonThroughJavaScript(self) -> None:
        """
        Eight Python nodes that join through an ephemeral JavaScript node store a value on the seven
        others.
        """
        bootstrap = await self.javaScript(ephemeral=True)
        nodes = [await self.python(bootstrap) for _ in range(SMALL)]

        taken = await nodes[0].update("values", keyOf(VALUE), VALUE).collect()
        self.assertEqual({reply.node for reply in taken}, {node.contact() for node in nodes[1:]})
        reader = await self.python(bootstrap, ephemeral=True)
        found = await reader.query("values", keyOf(VALUE)).collect()
        self.assertEqual([reply.value for reply in found].count(VALUE), SMALL - 1)

    async def test_javaScriptThroughPython(self) -> None:
        """
        Eight JavaScript nodes that join through an ephemeral Python node store a value on the seven
        others.
        """
        bootstrap = await self.python(ephemeral=True)
        nodes = await self.peer.nodes(SMALL, bootstrap.address())

        taken = await nodes[0].update("values", keyOf(VALUE), VALUE)
        self.assertEqual({reply.node for reply in taken}, {node.contact() for node in nodes[1:]})
        self.assertEqual(await self.peer.holders(keyOf(VALUE)), {node.id for node in nodes[1:]})
        reader = await self.javaScript(bootstrap, ephemeral=True)
        found = await reader.query("values", keyOf(VALUE))
        self.assertEqual([reply.value for reply in found].count(VALUE), SMALL - 1)

    async def test_nodesOfBothSidesListEachOther(self) -> None:
        """
        A Python node and a JavaScript node that join through a node of either side list each other.
        """
        for start in (self.python, self.javaScript):
            bootstrap = await start(ephemeral=True)
            python = await self.python(bootstrap)
            javaScript = await self.javaScript(bootstrap)
            await self.waitUntilListed(python, by=javaScript)
            await self.waitUntilListed(javaScript, by=python)

    async def test_ephemeralNodesStayUnlisted(self) -> None:
        """Neither side lists an ephemeral node of the other side after that has pinged it."""
        python, javaScript = await self.python(), await self.javaScript()
        await (await self.javaScript(python, ephemeral=True)).ping(python.address())
        await (await self.python(javaScript, ephemeral=True)).ping(javaScript.address())
        self.assertEqual(await python.listed(), [])
        self.assertEqual(await javaScript.listed(), [])


class MixedTests(InteropTestCase):
    """One network of both sides in equal numbers."""

    timeout = INSTALL_SECONDS + JOIN_SECONDS + 60

    async def test_valuesOfEitherSideAreFoundByTheOther(self) -> None:
        """
        Each of 50 values that either side of 64 nodes stores is held by 20 nodes and found by the
        other side.
        """
        swarm = MixedSwarm(self.reactor, self.peer)
        self.addCleanup(swarm.stop)
        figures = await swarm.run(MIXED_NODES, MIXED_VALUES)
        for direction in figures.directions:
            self.assertEqual(direction.found, MIXED_VALUES, str(direction))
            self.assertEqual(direction.holders, MIXED_VALUES * HOLDERS, str(direction))


class CommandTests(InteropTestCase):
    """Requests of one side run handlers of the other, and their results come back."""

    async def test_pythonQueryRunsJavaScriptHandler(self) -> None:
        """A Python node's query runs a JavaScript node's handler once, whose value is the reply."""
        answerer = await self.javaScript()
        asker = await self.python(answerer)
        self.assertEqual(await asker.ask(TARGET, VALUE), [Reply(answerer.contact(), VALUE)])
        self.assertEqual((await answerer.counts())["queries"], 1)

    async def test_javaScriptQueryRunsPythonHandler(self) -> None:
        """A JavaScript node's query runs a Python node's handler once, whose value is the reply."""
        answerer = await self.python()
        asker = await self.javaScript(answerer)
        self.assertEqual(await asker.ask(TARGET, VALUE), [Reply(answerer.contact(), VALUE)])
        request = Request("echo", TARGET, VALUE, asker.contact())
        self.assertEqual(answerer.echo.queries, [request])

    async def test_pythonUpdateRunsJavaScriptHandler(self) -> None:
        """A Python node's update runs one query and then one update at a JavaScript node."""
        answerer = await self.javaScript()
        asker = await self.python(answerer)
        taken = await asker.update("echo", TARGET, VALUE).collect()
        self.assertEqual(taken, [Reply(answerer.contact(), VALUE)])
        counts = await answerer.counts()
        self.assertEqual((counts["queries"], counts["updates"]), (1, 1))

    async def test_javaScriptUpdateRunsPythonHandler(self) -> None:
        """A JavaScript node's update runs one query and then one update at a Python node."""
        answerer = await self.python()
        asker = await self.javaScript(answerer)
        taken = await asker.update("echo", TARGET, VALUE)
        self.assertEqual(taken, [Reply(answerer.contact(), VALUE)])
        request = Request("echo", TARGET, VALUE, asker.contact())
        self.assertEqual((answerer.echo.queries, answerer.echo.updates), ([request], [request]))

    async def test_updateWithQueryGivesRepliesOfBothPhases(self) -> None:
        """
        An update with ``query=True`` gives the replies of its query and of its update, on both
        sides.
        """
        python, javaScript = await self.python(), await self.javaScript()
        pythonAsker, javaScriptAsker = await self.python(javaScript), await self.javaScript(python)
        replies = await pythonAsker.update("echo", TARGET, VALUE, query=True).collect()
        self.assertEqual(replies, [Reply(javaScript.contact(), VALUE)] * 2)
        replies = await javaScriptAsker.update("echo", TARGET, VALUE, query=True)
        self.assertEqual(replies, [Reply(python.contact(), VALUE)] * 2)

    async def test_emptyAndAbsentValuesDiffer(self) -> None:
        """
        An empty value stays empty and an absent one absent, in requests and replies of both sides.
        """
        python, javaScript = await self.python(), await self.javaScript()
        for asker, answerer in (
            (await self.python(javaScript), javaScript),
            (await self.javaScript(python), python),
        ):
            for value in (b"", None):
                self.assertEqual(await asker.ask(TARGET, value), [Reply(answerer.contact(), value)])

    async def test_ephemeralNodesQueryAndUpdate(self) -> None:
        """An ephemeral node of either side stores a value on a node of the other side."""
        python, javaScript = await self.python(), await self.javaScript()
        asker = await self.javaScript(python, ephemeral=True)
        self.assertEqual(len(await asker.update("values", keyOf(VALUE), VALUE)), 1)
        self.assertEqual(len(await asker.update("echo", TARGET, VALUE)), 1)
        self.assertEqual(python.values.held, {keyOf(VALUE): VALUE})
        self.assertEqual(python.echo.updates[0].node, asker.contact())
        other = await self.python(javaScript, ephemeral=True)
        self.assertEqual(len(await other.update("values", keyOf(VALUE), VALUE).collect()), 1)
        self.assertEqual(await self.peer.holders(keyOf(VALUE)), {javaScript.id})

    async def test_unknownCommandHasNoValue(self) -> None:
        """
        A query of a command that a node of either side doesn't know gets a reply without a value.
        """
        python, javaScript = await self.python(), await self.javaScript()
        replies = await (await self.python(javaScript)).query("unknown", TARGET).collect()
        self.assertEqual(replies, [Reply(javaScript.contact(), None)])
        replies = await (await self.javaScript(python)).query("unknown", TARGET)
        self.assertEqual(replies, [Reply(python.contact(), None)])

    async def test_javaScriptUpdateOfUnknownCommandFails(self) -> None:
        """
        A JavaScript node's update of a command that its only Python contact doesn't know fails.
        """
        asker = await self.javaScript(await self.python())
        error = await self.assertFailure(
            Deferred.fromCoroutine(asker.update("unknown", TARGET, VALUE)), PeerError
        )
        self.assertEqual(str(error), "No close nodes responded")

    async def test_pythonUpdateFailsIfJavaScriptHandlerFails(self) -> None:
        """
        A Python node's update fails with `NoCloseNodes` if the handler of the only JavaScript node
        fails.
        """
        asker = await self.python(await self.javaScript())
        await self.assertFailure(asker.update("values", TARGET, VALUE).collect(), NoCloseNodes)

    async def test_javaScriptUpdateFailsIfPythonHandlerFails(self) -> None:
        """
        A JavaScript node's update fails if the handler of the only Python node fails, which is
        logged.
        """
        asker = await self.javaScript(await self.python())
        await self.assertFailure(
            Deferred.fromCoroutine(asker.update("values", TARGET, VALUE)), PeerError
        )
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class TargetedTests(InteropTestCase):
    """Queries and updates whose asker names the nodes to ask."""

    async def test_pythonAsksOnlyTheNamedJavaScriptNode(self) -> None:
        """
        A Python node's query and update with ``nodes`` reach the one of two JavaScript nodes that
        is named.
        """
        bootstrap = await self.javaScript(ephemeral=True)
        named, other = await self.peer.nodes(2, bootstrap.address())
        asker = await self.python(bootstrap)
        expected = [Reply(named.contact(), VALUE)]
        nodes = [named.address()]
        self.assertEqual(await asker.query("echo", TARGET, VALUE, nodes=nodes).collect(), expected)
        self.assertEqual(await asker.update("echo", TARGET, VALUE, nodes=nodes).collect(), expected)
        counts = await named.counts()
        self.assertEqual((counts["queries"], counts["updates"]), (2, 1))
        counts = await other.counts()
        self.assertEqual((counts["queries"], counts["updates"]), (0, 0))

    async def test_javaScriptAsksOnlyTheNamedPythonNode(self) -> None:
        """
        A JavaScript node's query and update with ``nodes`` reach the one of two Python nodes that
        is named.
        """
        bootstrap = await self.python(ephemeral=True)
        named, other = await self.python(bootstrap), await self.python(bootstrap)
        asker = await self.javaScript(bootstrap)
        expected = [Reply(named.contact(), VALUE)]
        nodes = [named.address()]
        self.assertEqual(await asker.query("echo", TARGET, VALUE, nodes=nodes), expected)
        self.assertEqual(await asker.update("echo", TARGET, VALUE, nodes=nodes), expected)
        self.assertEqual((len(named.echo.queries), len(named.echo.updates)), (2, 1))
        self.assertEqual((other.echo.queries, other.echo.updates), ([], []))

    async def test_pythonAsksNamedNodesOfBothSides(self) -> None:
        """A Python node that names one Python and two JavaScript nodes gets a reply of each."""
        named: list[AnyNode] = [await self.python(), *await self.peer.nodes(2)]
        asker = await self.python(ephemeral=True)
        nodes = [node.address() for node in named]
        replies = await asker.update("echo", TARGET, VALUE, nodes=nodes).collect()
        self.assertEqual(set(replies), {Reply(node.contact(), VALUE) for node in named})

    async def test_pythonAsksEphemeralJavaScriptNode(self) -> None:
        """
        A Python node gets the replies of a named ephemeral JavaScript node, whose contact has no
        id.
        """
        named = await self.javaScript(ephemeral=True)
        asker = await self.python()
        expected = [Reply(named.contact(), VALUE)]
        nodes = [named.address()]
        self.assertEqual(await asker.query("echo", TARGET, VALUE, nodes=nodes).collect(), expected)
        self.assertEqual(await asker.update("echo", TARGET, VALUE, nodes=nodes).collect(), expected)
        self.assertEqual((await named.counts())["updates"], 1)

    async def test_ephemeralPythonNodeServesJavaScriptNode(self) -> None:
        """
        An ephemeral Python node runs the query of a JavaScript node that names it, although that
        side drops its reply.
        """
        named = await self.python(ephemeral=True)
        asker = await self.javaScript()
        replies = await asker.query("echo", TARGET, VALUE, nodes=[named.address()])
        self.assertEqual(replies, [])
        request = Request("echo", TARGET, VALUE, asker.contact())
        self.assertEqual(named.echo.queries, [request])


class PingTests(InteropTestCase):
    """Pings between both sides."""

    async def test_pythonPingsJavaScript(self) -> None:
        """
        A Python node's ping gives the contact of a JavaScript node, ephemeral or not, and its own
        address.
        """
        asker = await self.python()
        for ephemeral in (False, True):
            answerer = await self.javaScript(ephemeral=ephemeral)
            pong = await asker.ping(answerer.address())
            self.assertEqual(pong, Pong(answerer.contact(), asker.address()))

    async def test_javaScriptPingsPython(self) -> None:
        """
        A JavaScript node's ping gives the contact of a Python node, ephemeral or not, and its own
        address.
        """
        asker = await self.javaScript()
        for ephemeral in (False, True):
            answerer = await self.python(ephemeral=ephemeral)
            pong = await asker.ping(answerer.address())
            self.assertEqual(pong, Pong(answerer.contact(), asker.address()))
