"""
Nodes of npm's ``dht-rpc`` in cases where nodes of this package once differed from them.
"""

from __future__ import annotations

from dwdht_twisted import Reply, values
from dwdht_twisted._core import wire
from dwdht_twisted.values import MemoryStore, ValueHandler
from tests.helpers.peer.interop import AnyNode, InteropTestCase, PythonNode, keyOf

TARGET = bytes(range(32))


class SlowUpdateTests(InteropTestCase):
    """
    Updates whose handler takes a second on a JavaScript node.
    """

    async def test_slowUpdateHandlerRunsOnce(self) -> None:
        """
        A Python node's update runs the handler of a JavaScript node once, although the handler
        takes a second. The reply arrives.
        """
        answerer = await self.javaScript()
        asker = await self.python(answerer)
        taken = await asker.update("slow", TARGET, b"x").collect()
        self.assertEqual(taken, [Reply(answerer.contact(), b"x")])
        self.assertEqual((await answerer.counts())["updates"], 1)


class LargerValueTests(InteropTestCase):
    """
    Values of a JavaScript node that are larger than those of `values.put`.
    """

    async def pythonStore(self, *bootstrap: AnyNode) -> tuple[PythonNode, MemoryStore]:
        """Return a Python node that keeps values with `ValueHandler`, and its store."""
        node = await self.python(*bootstrap)
        store = MemoryStore(self.reactor)
        node.unregister(values.COMMAND)
        node.register(values.COMMAND, ValueHandler(store))
        return node, store

    async def test_largerValuesAreKeptByAllNodes(self) -> None:
        """
        A JavaScript node stores values of 1,001 and 1,285 bytes on four JavaScript nodes and five
        Python nodes. All nine keep them, and both sides find them on the Python nodes.
        """
        bootstrap = await self.python(ephemeral=True)
        javaScript = await self.peer.nodes(4, bootstrap.address())
        python = [await self.pythonStore(bootstrap) for _ in range(5)]
        addresses = [node.address() for node, _ in python]
        publisher = await self.javaScript(bootstrap, ephemeral=True)
        reader = await self.python(bootstrap, ephemeral=True)
        for size in (1001, 1285):
            value = bytes([size % 256]) * size
            key = keyOf(value)
            await publisher.update("values", key, value)
            holders = {node.id for node, store in python if store.get(key) == value}
            self.assertEqual(holders, {node.id for node, _ in python})
            self.assertEqual(await self.peer.holders(key), {node.id for node in javaScript})
            self.assertEqual(await values.get(reader, key), value)
            found = await publisher.query("values", key, nodes=addresses)
            self.assertEqual([reply.value for reply in found], [value] * 5)


class OddRequestTests(InteropTestCase):
    """
    Odd requests that both sides answer alike.
    """

    async def test_oddIdsAndEmptyCommandsAreAnswered(self) -> None:
        """
        A node of either side answers four odd requests: a ping and a ``_find_node`` with an id of
        31 bytes, a query with an id of 33 bytes, and a query with an empty command.
        """
        nodes: list[AnyNode] = [await self.python(), await self.javaScript()]
        bodies = [
            wire.requestBody(wire.PING, bytes(31)),
            wire.requestBody(wire.FIND_NODE, bytes(31), TARGET),
            wire.requestBody("echo", bytes(33), TARGET),
            wire.requestBody("", None, TARGET),
        ]
        for node in nodes:
            for number, body in enumerate(bodies):
                probe = self.probe()
                probe.send(wire.frameRequest(number, body), node.address())
                datagram, source = await probe.received.get()
                answer = wire.decode(datagram)
                self.assertEqual((answer.id, answer.transactionId), (node.id, number))
                self.assertEqual(source, node.address())
