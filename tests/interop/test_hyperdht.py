"""
Nodes of npm's ``hyperdht``, which announce, look up and punch through networks of Python nodes.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults

from dwdht_twisted import Address, Contact, Pong, peers
from tests.helpers.peer.interop import AnyNode, InteropTestCase, PythonNode
from tests.helpers.peer.process import Named, PeerNode

TOPIC = bytes(range(64, 96))


def namers(replies: list[Named], peer: Address) -> list[Address]:
    """Return the nodes that named a peer."""
    return [reply.node for reply in replies if peer in reply.peers]


class HyperdhtTestCase(InteropTestCase):
    """
    A base for tests with Python nodes that have the command ``peers``.
    """

    async def network(self, python: int, hyper: int) -> AnyNode:
        """
        Start members of a network.

        :return: an ephemeral Python node, to bootstrap from
        """
        bootstrap = await self.python(ephemeral=True)
        for _ in range(python):
            await self.announcing(bootstrap)
        if hyper:
            await self.peer.nodes(hyper, bootstrap.address(), hyper=True)
        return bootstrap

    async def announcing(self, bootstrap: AnyNode) -> PythonNode:
        """Return a Python node that has the command ``peers``."""
        node = await self.python(bootstrap)
        node.register(peers.COMMAND, peers.PeerHandler(self.reactor))
        return node

    async def user(self, bootstrap: AnyNode) -> PeerNode:
        """Return an ephemeral node of ``hyperdht``."""
        return await self.javaScript(bootstrap, hyper=True, ephemeral=True)


class AnnouncingTests(HyperdhtTestCase):
    """
    Users of ``hyperdht`` that find each other.
    """

    async def _findEachOther(self, python: int, hyper: int) -> None:
        bootstrap = await self.network(python, hyper)
        announcer, other, finder = [await self.user(bootstrap) for _ in range(3)]
        await announcer.announce(TOPIC, 8080)
        await other.announce(TOPIC)
        replies = await finder.lookUp(TOPIC)
        members = python + hyper
        self.assertEqual(len(namers(replies, Address("127.0.0.1", 8080))), members)
        self.assertEqual(len(namers(replies, other.address())), members)
        await announcer.unannounce(TOPIC, 8080)
        left = {peer for reply in await finder.lookUp(TOPIC) for peer in reply.peers}
        self.assertEqual(left, {other.address()})

    async def test_pythonNetwork(self) -> None:
        """
        In a network of Python nodes, each node names both announcers until one of them takes its
        announcement back.
        """
        await self._findEachOther(python=12, hyper=0)

    async def test_mostlyPython(self) -> None:
        """They find each other in a network with a few nodes of ``hyperdht``."""
        await self._findEachOther(python=9, hyper=3)

    async def test_mostlyJavaScript(self) -> None:
        """They find each other in a network with a few Python nodes."""
        await self._findEachOther(python=3, hyper=9)


class PunchingTests(HyperdhtTestCase):
    """
    Hole punches to ephemeral announcers, through the nodes that named them.
    """

    async def test_eachNamerRelays(self) -> None:
        """
        A user reaches three announcers through each of the 19 Python nodes that named them.
        """
        bootstrap = await self.network(python=19, hyper=0)
        announcers = [await self.user(bootstrap) for _ in range(3)]
        for announcer in announcers:
            await announcer.announce(TOPIC)
        user = await self.user(bootstrap)
        replies = await user.lookUp(TOPIC)
        reached = 0
        for announcer in announcers:
            peer = announcer.address()
            pongs = await gatherResults(
                [
                    Deferred.fromCoroutine(user.holepunch(peer, referrer))
                    for referrer in namers(replies, peer)
                ]
            )
            expected = Pong(Contact(None, *peer), user.address())
            reached += pongs.count(expected)
            self.assertEqual(await announcer.punches(), 19)
        self.assertEqual(reached, 57)
