"""
Python nodes and nodes of npm's ``dht-rpc`` in the same networks.

A side is one of the two implementations: Python or JavaScript.
"""

from __future__ import annotations

import os

from twisted.internet.defer import Deferred

from dwdht_twisted import NoCloseNodes, Pong, Reply, Request
from tests.helpers.peer.install import INSTALL_SECONDS
from tests.helpers.peer.interop import AnyNode, InteropTestCase, keyOf
from tests.helpers.peer.mixed_swarm import HOLDERS, JOIN_SECONDS, MixedSwarm
from tests.helpers.peer.process import PeerError

#: The number of nodes of each side in the mixed network.
MIXED_NODES = int(os.environ.get("DWDHT_MIXED_NODES", "64"))

#: The number of values that each side stores in the mixed network.
MIXED_VALUES = int(os.environ.get("DWDHT_MIXED_VALUES", "50"))

#: The number of nodes in a small network. It is below 20, so that every update reaches all nodes.
SMALL = 8

TARGET = bytes(range(32))
VALUE = b"Hello, World!"


class BootstrapTests(InteropTestCase):
    """
    Nodes of one side that join through a node of the other side.
    """

    async def test_pythonNodesJoinThroughJavaScriptNode(self) -> None:
        """
        Eight Python nodes join through an ephemeral JavaScript node. One of them stores a value on
        the seven others.
        """
        bootstrap = await self.javaScript(ephemeral=True)
        nodes = [await self.python(bootstrap) for _ in range(SMALL)]

        taken = await nodes[0].update("values", keyOf(VALUE), VALUE).collect()
        self.assertEqual({reply.node for reply in taken}, {node.contact() for node in nodes[1:]})
        reader = await self.python(bootstrap, ephemeral=True)
        found = await reader.query("values", keyOf(VALUE)).collect()
        self.assertEqual([reply.value for reply in found].count(VALUE), SMALL - 1)

    async def test_javaScriptNodesJoinThroughPythonNode(self) -> None:
        """
        Eight JavaScript nodes join through an ephemeral Python node. One of them stores a value on
        the seven others.
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
        A Python node and a JavaScript node list each other after both have joined through a node of
        either side.
        """
        for start in (self.python, self.javaScript):
            bootstrap = await start(ephemeral=True)
            python = await self.python(bootstrap)
            javaScript = await self.javaScript(bootstrap)
            await self.waitUntilListed(python, by=javaScript)
            await self.waitUntilListed(javaScript, by=python)

    async def test_ephemeralNodesStayUnlisted(self) -> None:
        """A node doesn't list an ephemeral node of the other side that has pinged it."""
        python, javaScript = await self.python(), await self.javaScript()
        await (await self.javaScript(python, ephemeral=True)).ping(python.address())
        await (await self.python(javaScript, ephemeral=True)).ping(javaScript.address())
        self.assertEqual(await python.listed(), [])
        self.assertEqual(await javaScript.listed(), [])


class MixedTests(InteropTestCase):
    """
    A network with equal numbers of nodes of both sides.
    """

    timeout = INSTALL_SECONDS + JOIN_SECONDS + 60

    async def test_valuesOfEitherSideAreFoundByTheOther(self) -> None:
        """
        In a network of 64 nodes of each side, each side stores 50 values. Each value is held by 20
        nodes, and the other side finds it.
        """
        swarm = MixedSwarm(self.reactor, self.peer)
        self.addCleanup(swarm.stop)
        figures = await swarm.run(MIXED_NODES, MIXED_VALUES)
        for direction in figures.directions:
            self.assertEqual(direction.found, MIXED_VALUES, str(direction))
            self.assertEqual(direction.holders, MIXED_VALUES * HOLDERS, str(direction))


class CommandTests(InteropTestCase):
    """
    Requests of one side that the handlers of the other side answer.
    """

    async def test_pythonQueryRunsJavaScriptHandler(self) -> None:
        """
        A Python node's query runs the handler of a JavaScript node once. The reply has the
        handler's value.
        """
        answerer = await self.javaScript()
        asker = await self.python(answerer)
        self.assertEqual(await asker.ask(TARGET, VALUE), [Reply(answerer.contact(), VALUE)])
        self.assertEqual((await answerer.counts())["queries"], 1)

    async def test_javaScriptQueryRunsPythonHandler(self) -> None:
        """
        A JavaScript node's query runs the handler of a Python node once. The reply has the
        handler's value.
        """
        answerer = await self.python()
        asker = await self.javaScript(answerer)
        self.assertEqual(await asker.ask(TARGET, VALUE), [Reply(answerer.contact(), VALUE)])
        request = Request("echo", TARGET, VALUE, asker.contact())
        self.assertEqual(answerer.echo.queries, [request])

    async def test_pythonUpdateRunsJavaScriptHandler(self) -> None:
        """
        A Python node's update runs the query handler and then the update handler of a JavaScript
        node, each once.
        """
        answerer = await self.javaScript()
        asker = await self.python(answerer)
        taken = await asker.update("echo", TARGET, VALUE).collect()
        self.assertEqual(taken, [Reply(answerer.contact(), VALUE)])
        counts = await answerer.counts()
        self.assertEqual((counts["queries"], counts["updates"]), (1, 1))

    async def test_javaScriptUpdateRunsPythonHandler(self) -> None:
        """
        A JavaScript node's update runs the query handler and then the update handler of a Python
        node, each once.
        """
        answerer = await self.python()
        asker = await self.javaScript(answerer)
        taken = await asker.update("echo", TARGET, VALUE)
        self.assertEqual(taken, [Reply(answerer.contact(), VALUE)])
        request = Request("echo", TARGET, VALUE, asker.contact())
        self.assertEqual((answerer.echo.queries, answerer.echo.updates), ([request], [request]))

    async def test_updateWithQueryGivesRepliesOfBothPhases(self) -> None:
        """
        An update with ``query=True`` returns the reply to its query and the reply to its update, on
        both sides.
        """
        python, javaScript = await self.python(), await self.javaScript()
        pythonAsker, javaScriptAsker = await self.python(javaScript), await self.javaScript(python)
        replies = await pythonAsker.update("echo", TARGET, VALUE, query=True).collect()
        self.assertEqual(replies, [Reply(javaScript.contact(), VALUE)] * 2)
        replies = await javaScriptAsker.update("echo", TARGET, VALUE, query=True)
        self.assertEqual(replies, [Reply(python.contact(), VALUE)] * 2)

    async def test_emptyAndAbsentValuesDiffer(self) -> None:
        """
        Between the sides, an empty value arrives empty and an absent value arrives absent, in
        requests and replies.
        """
        python, javaScript = await self.python(), await self.javaScript()
        for asker, answerer in (
            (await self.python(javaScript), javaScript),
            (await self.javaScript(python), python),
        ):
            for value in (b"", None):
                self.assertEqual(await asker.ask(TARGET, value), [Reply(answerer.contact(), value)])

    async def test_ephemeralNodesQueryAndUpdate(self) -> None:
        """An ephemeral node stores a value on a node of the other side."""
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
        """A query for an unknown command gets a reply without a value from the other side."""
        python, javaScript = await self.python(), await self.javaScript()
        replies = await (await self.python(javaScript)).query("unknown", TARGET).collect()
        self.assertEqual(replies, [Reply(javaScript.contact(), None)])
        replies = await (await self.javaScript(python)).query("unknown", TARGET)
        self.assertEqual(replies, [Reply(python.contact(), None)])

    async def test_javaScriptUpdateOfUnknownCommandFails(self) -> None:
        """
        A JavaScript node's update fails if its only contact, a Python node, doesn't know the
        command.
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
        A JavaScript node's update fails if the handler of the only Python node raises. The
        exception is logged.
        """
        asker = await self.javaScript(await self.python())
        await self.assertFailure(
            Deferred.fromCoroutine(asker.update("values", TARGET, VALUE)), PeerError
        )
        self.assertEqual(len(self.flushLoggedErrors(ValueError)), 1)


class TargetedTests(InteropTestCase):
    """
    Queries and updates to nodes that the asker names.
    """

    async def test_pythonAsksOnlyTheNamedJavaScriptNode(self) -> None:
        """
        With ``nodes``, a Python node's query and update reach the named JavaScript node, and not a
        second one.
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
        With ``nodes``, a JavaScript node's query and update reach the named Python node, and not a
        second one.
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
        """A Python node's update to one Python and two JavaScript nodes gets a reply from each."""
        named: list[AnyNode] = [await self.python(), *await self.peer.nodes(2)]
        asker = await self.python(ephemeral=True)
        nodes = [node.address() for node in named]
        replies = await asker.update("echo", TARGET, VALUE, nodes=nodes).collect()
        self.assertEqual(set(replies), {Reply(node.contact(), VALUE) for node in named})

    async def test_pythonAsksEphemeralJavaScriptNode(self) -> None:
        """
        A Python node gets the replies of an ephemeral JavaScript node that it names. The contact in
        the replies has no id.
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
        An ephemeral Python node answers a query of a JavaScript node that names it. The JavaScript
        node drops the reply.
        """
        named = await self.python(ephemeral=True)
        asker = await self.javaScript()
        replies = await asker.query("echo", TARGET, VALUE, nodes=[named.address()])
        self.assertEqual(replies, [])
        request = Request("echo", TARGET, VALUE, asker.contact())
        self.assertEqual(named.echo.queries, [request])


class PingTests(InteropTestCase):
    """
    Pings between the sides.
    """

    async def test_pythonPingsJavaScript(self) -> None:
        """
        A Python node's ping returns the contact of a JavaScript node and the asker's own address.
        The JavaScript node may be ephemeral.
        """
        asker = await self.python()
        for ephemeral in (False, True):
            answerer = await self.javaScript(ephemeral=ephemeral)
            pong = await asker.ping(answerer.address())
            self.assertEqual(pong, Pong(answerer.contact(), asker.address()))

    async def test_javaScriptPingsPython(self) -> None:
        """
        A JavaScript node's ping returns the contact of a Python node and the asker's own address.
        The Python node may be ephemeral.
        """
        asker = await self.javaScript()
        for ephemeral in (False, True):
            answerer = await self.python(ephemeral=ephemeral)
            pong = await asker.ping(answerer.address())
            self.assertEqual(pong, Pong(answerer.contact(), asker.address()))
