"""
Nodes on a real reactor with real sockets, over loopback.
"""

from __future__ import annotations

import socket
from typing import Any

from twisted.internet import udp
from twisted.internet.defer import gatherResults
from twisted.trial.unittest import TestCase
from zope.interface import implementer

from dwdht_twisted import Address, CannotListen, DHTNode, ICommandHandler, Request, UnresolvableHost


@implementer(ICommandHandler)
class BigHandler:
    """
    A handler that answers with 30,000 bytes, more than the 8,192 that Twisted reads by default.
    """

    def queryReceived(self, request: Request) -> bytes:
        """Return 30,000 bytes."""
        return bytes(30_000)

    def updateReceived(self, request: Request) -> None:
        """Return None."""


class LoopbackTests(TestCase):
    """
    A node and its real socket.
    """

    timeout = 10

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor

    def node(self, **options: Any) -> DHTNode:
        """Return a new node. It is destroyed at the end of the test."""
        node = DHTNode(self.reactor, **options)
        self.addCleanup(node.destroy)
        return node

    async def test_overriddenWriteOfThePortIsCalled(self) -> None:
        """
        A node sends by ``write`` of its port, even if a subclass of the port overrides this method.
        """
        written: list[bytes] = []

        class Watched(udp.Port):
            def write(self, datagram: bytes, addr: Any = None) -> None:
                written.append(datagram)
                super().write(datagram, addr)

        one, other = self.node(), self.node()
        other.listen(0, "127.0.0.1")
        port = Watched(0, one, "127.0.0.1", 65536, self.reactor)
        port.startListening()
        await one.ping(other.address())
        self.assertEqual(len(written), 1)

    def test_receiveBufferIsEnlargedOnOwnSocketOnly(self) -> None:
        """
        A node enlarges the receive buffer of its own socket. It doesn't change the buffer of a
        socket passed by the caller.
        """
        option = (socket.SOL_SOCKET, socket.SO_RCVBUF)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.bind(("127.0.0.1", 0))
            default = own.getsockopt(*option)
            port: Any = self.node().listen(0, "127.0.0.1")
            self.assertGreater(port.socket.getsockopt(*option), default)
            self.node(socket=own).listen()
            self.assertEqual(own.getsockopt(*option), default)

    async def test_addressOfAllInterfacesCanBeUsed(self) -> None:
        """
        A node bound to all interfaces has the address 0.0.0.0. Nodes on the same machine can use
        this address to bootstrap and to ping.
        """
        other = self.node(ephemeral=True)
        other.listen()
        self.assertEqual(other.address().host, "0.0.0.0")
        node = self.node(bootstrap=[other.address()])
        await node.ready()
        pong = await node.ping(other.address())
        self.assertEqual(pong.contact.port, other.address().port)

    async def test_listenUDPReadsLargeDatagrams(self) -> None:
        """A node started by ``reactor.listenUDP`` receives an answer of 30,000 bytes."""
        node = self.node(bootstrap=[])
        self.reactor.listenUDP(0, node, interface="127.0.0.1")
        other = self.node()
        other.listen(0, "127.0.0.1")
        other.register("big", BigHandler())
        [reply] = await node.query("big", bytes(32), nodes=[other.address()]).collect()
        self.assertEqual(len(reply.value or b""), 30_000)

    async def test_callersSocketCanBeUsedAgain(self) -> None:
        """
        A socket passed by the caller stays open when the node is destroyed. A second node can use
        it.
        """
        other = self.node()
        other.listen(0, "127.0.0.1")
        port = other.address().port
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.bind(("127.0.0.1", 0))
            for _ in range(2):
                node = self.node(socket=own)
                self.assertEqual(node.address(), Address(*own.getsockname()))
                pong = await node.ping(port)
                self.assertEqual(pong.address, node.address())
                await node.destroy()
            self.assertNotEqual(own.fileno(), -1)
            self.assertTrue(own.getblocking())
            own.sendto(b"x", ("127.0.0.1", port))

    async def test_callerMayCloseItsSocket(self) -> None:
        """
        A node continues to work after the caller has closed the socket that was passed to the node.
        """
        other = self.node()
        other.listen(0, "127.0.0.1")
        port = other.address().port
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.bind(("127.0.0.1", 0))
        node = self.node(socket=own)
        node.listen()
        own.close()
        await node.ping(port)
        await node.destroy()

    def test_closedSocketIsRefused(self) -> None:
        """``listen`` on a closed socket raises `CannotListen`."""
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.close()
        with self.assertRaises(CannotListen):
            self.node(socket=own).listen()

    def test_takenPortIsRefused(self) -> None:
        """``listen`` at a port in use raises `CannotListen` with a message of one line."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.bind(("127.0.0.1", 0))
            with self.assertRaises(CannotListen) as caught:
                self.node().listen(own.getsockname()[1], "127.0.0.1")
        self.assertNotIn("\n", str(caught.exception))

    async def test_secondDestroyWaitsForTheFirst(self) -> None:
        """
        A second call of ``destroy`` is made during the first one, and a third call after the first
        one has ended. The Deferreds of all three calls fire.
        """
        node = self.node()
        node.listen(0, "127.0.0.1")
        await gatherResults([node.destroy(), node.destroy()])
        await node.destroy()

    async def test_impossibleHostNameFails(self) -> None:
        """A ping of a text that can't be a host name fails with `UnresolvableHost`."""
        node = self.node()
        node.listen(0, "127.0.0.1")
        for host in ("a..b", "a" * 64 + ".example"):
            with self.assertRaises(UnresolvableHost):
                await node.ping(f"{host}:1")
