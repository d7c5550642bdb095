"""
Tests for `dwdht_twisted.node`: what only a real reactor can show.
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
class Big:
    """
    A handler whose answer takes more than Twisted reads by default.
    """

    def queryReceived(self, request: Request) -> bytes:
        """Give 30,000 bytes."""
        return bytes(30_000)

    def updateReceived(self, request: Request) -> None:
        """Give nothing."""


class LoopbackTests(TestCase):
    """
    What only a real reactor can show.
    """

    timeout = 10

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor

    def node(self, **options: Any) -> DHTNode:
        """A node on loopback."""
        node = DHTNode(self.reactor, **options)
        self.addCleanup(node.destroy)
        return node

    async def test_otherPort(self) -> None:
        """
        A port that writes in its own way is written to.
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

    def test_receiveBuffer(self) -> None:
        """
        More may wait to be read than by default; on the caller's socket nothing is changed.
        """
        option = (socket.SOL_SOCKET, socket.SO_RCVBUF)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.bind(("127.0.0.1", 0))
            default = own.getsockopt(*option)
            port: Any = self.node().listen(0, "127.0.0.1")
            self.assertGreater(port.socket.getsockopt(*option), default)
            self.node(socket=own).listen()
            self.assertEqual(own.getsockopt(*option), default)

    async def test_ownAddressOfAnother(self) -> None:
        """
        The address that a node gives, bound to all interfaces, is one to bootstrap from and ping.
        """
        other = self.node(ephemeral=True)
        other.listen()
        self.assertEqual(other.address().host, "0.0.0.0")
        node = self.node(bootstrap=[other.address()])
        await node.ready()
        pong = await node.ping(other.address())
        self.assertEqual(pong.contact.port, other.address().port)

    async def test_listenUDP(self) -> None:
        """
        A node that ``listenUDP`` runs reads datagrams as large as one that listens by itself.
        """
        node = self.node(bootstrap=[])
        self.reactor.listenUDP(0, node, interface="127.0.0.1")
        other = self.node()
        other.listen(0, "127.0.0.1")
        other.register("big", Big())
        [reply] = await node.query("big", bytes(32), nodes=[other.address()]).collect()
        self.assertEqual(len(reply.value or b""), 30_000)

    async def test_callersSocket(self) -> None:
        """
        A node works on the caller's socket, and leaves it open, to be used again.
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

    async def test_callersSocketClosed(self) -> None:
        """
        The caller may close its socket first; the node goes on until it is destroyed.
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

    def test_closedSocket(self) -> None:
        """
        A socket that is closed already is a named error.
        """
        own = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        own.close()
        with self.assertRaises(CannotListen):
            self.node(socket=own).listen()

    def test_portTaken(self) -> None:
        """
        A port that is taken is a named error.
        """
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
            own.bind(("127.0.0.1", 0))
            with self.assertRaises(CannotListen) as caught:
                self.node().listen(own.getsockname()[1], "127.0.0.1")
        self.assertNotIn("\n", str(caught.exception))

    async def test_destroyTwice(self) -> None:
        """
        Destroying a node again while its port is being closed waits for the same end.
        """
        node = self.node()
        node.listen(0, "127.0.0.1")
        await gatherResults([node.destroy(), node.destroy()])
        await node.destroy()

    async def test_noHostName(self) -> None:
        """
        A text that can't be a host name fails at once, as a name that has no address.
        """
        node = self.node()
        node.listen(0, "127.0.0.1")
        for host in ("a..b", "a" * 64 + ".example"):
            with self.assertRaises(UnresolvableHost):
                await node.ping(f"{host}:1")
