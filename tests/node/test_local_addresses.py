"""
Nodes that listen on all addresses of a host with several addresses.

On Linux, every address of 127.0.0.0/8 is one of this host, and the system prefers 127.0.0.1.
"""

from __future__ import annotations

import socket as sockets
import sys
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from dwdht_twisted import DHTNode, RequestTimeout
from dwdht_twisted._core.limits.bounds import LOCAL_ADDRESSES_REMEMBERED
from dwdht_twisted._net.port.local_addresses import LocalAddresses
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND
from tests.helpers.processes.netns import Namespace, requireNamespaces
from tests.helpers.processes.programs import DWDHT, ProgramTestCase

#: Addresses of this host.
HOSTS = ("127.0.0.1", "127.0.0.2", "127.9.8.7")


class Nothing:
    """
    Any object with attributes.
    """


class LocalAddressTests(TestCase):
    """
    A node that is asked at each of several addresses.
    """

    timeout = 60

    def setUp(self) -> None:
        if not sys.platform.startswith("linux"):
            raise SkipTest("only Linux has several loopback addresses")
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.asker = self.node()
        self.asker.listen(0, "127.0.0.1")

    def node(self, **options: Any) -> DHTNode:
        """Return a new node, which is destroyed at the end of the test."""
        node = DHTNode(self.reactor, **options)
        self.addCleanup(node.destroy)
        return node

    async def test_wrappedTransportIsUsedAsItIs(self) -> None:
        """
        A node whose transport is wrapped in an object of any class sends through that object.
        """
        sent: list[bytes] = []

        class Wrapper:
            def __init__(self, transport: Any) -> None:
                self._transport = transport

            def write(self, datagram: bytes, address: Any) -> None:
                sent.append(datagram)
                self._transport.write(datagram, address)

            def __getattr__(self, name: str) -> Any:
                return getattr(self._transport, name)

        class WrappedNode(DHTNode):
            def makeConnection(self, transport: Any) -> None:
                super().makeConnection(Wrapper(transport))  # type: ignore[arg-type]

        node = WrappedNode(self.reactor)
        self.addCleanup(node.destroy)
        node.listen(0)
        await self.asker.ping(("127.0.0.1", node.address().port))
        self.assertTrue(sent)

    async def test_answersComeFromTheAskedAddress(self) -> None:
        """
        A ping is answered at each address, whether the node opens its port, is given to the
        reactor, or is given a socket.
        """
        given = sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM)
        self.addCleanup(given.close)
        given.bind(("", 0))
        opens: list[Callable[[DHTNode], object]] = [
            lambda node: node.listen(),
            lambda node: self.reactor.listenUDP(0, node),
        ]
        nodes = [self.node(), self.node(), self.node(socket=given)]
        for node, open in zip(nodes, [*opens, opens[0]], strict=True):
            open(node)
            for host in (*HOSTS, *HOSTS):
                pong = await self.asker.ping((host, node.address().port))
                self.assertEqual(pong.contact.host, host)

    async def test_laterAnswersComeFromTheAskedAddress(self) -> None:
        """An answer of a slow handler comes from the address that was asked."""
        node = self.node()

        def answer(_: object) -> Deferred[bytes]:
            return deferLater(self.reactor, 0.1, lambda: b"value")

        node.register(COMMAND, Handler(answer))
        port = node.address().port
        for host in HOSTS:
            query = self.asker.query(COMMAND, bytes(32), nodes=[(host, port)])
            [reply] = await query.collect()
            self.assertEqual((reply.node.host, reply.value), (host, b"value"))

    async def test_bootstrapServerAtASecondAddress(self) -> None:
        """A node joins a network through any address of a bootstrap server."""
        port = self.node().address().port
        for host in HOSTS:
            node = self.node(bootstrap=(host, port))
            node.listen(0, "127.0.0.1")
            await node.ready()
            self.assertIn((host, port), [contact.address for contact in node.contacts()])

    async def test_oneInterfaceIsAskedAlone(self) -> None:
        """A node that listens on one address is not reached at another one."""
        node = self.node()
        node.listen(0, "127.0.0.2")
        port = node.address().port
        await self.asker.ping(("127.0.0.2", port))
        with self.assertRaises(RequestTimeout):
            await self.asker.ping(("127.0.0.3", port))

    def test_memoryIsBounded(self) -> None:
        """
        The addresses of as many askers as the bound says are remembered. A host that has asked from
        more ports pushes out its own oldest one, and not that of another host.
        """
        with sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as socket:
            known = LocalAddresses(Nothing(), socket, lambda send: None)
            local = bytes(4) + sockets.inet_aton("127.0.0.2") + bytes(4)
            known._note(("198.51.100.1", 9), [(0, 8, local)])
            for number in range(LOCAL_ADDRESSES_REMEMBERED + 10):
                known._note(("192.0.2.1", number), [(0, 8, local)])
            self.assertEqual(len(known._asked), LOCAL_ADDRESSES_REMEMBERED)
            self.assertIsNone(known._asked.get(("192.0.2.1", 9), 0.0))
            self.assertIsNotNone(known._asked.get(("198.51.100.1", 9), 0.0))

    async def test_lostAddressIsNoFault(self) -> None:
        """A datagram to an asker is sent although the host has lost the asked address."""
        with (
            sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as socket,
            sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as asker,
        ):
            asker.bind(("127.0.0.1", 0))
            asker.settimeout(5)
            known = LocalAddresses(Nothing(), socket, lambda send: None)
            local = bytes(4) + sockets.inet_aton("192.0.2.9") + bytes(4)
            known._note(asker.getsockname(), [(0, 8, local)])
            known.send(b"data", asker.getsockname())
            self.assertEqual(asker.recv(10), b"data")


class SecondAddressTests(ProgramTestCase):
    """
    ``dwdht node`` on a host whose interface has two addresses of one network.
    """

    async def test_bothAddressesAnswer(self) -> None:
        """``dwdht ping`` of another host is answered at both addresses."""
        requireNamespaces()
        server, asker = Namespace("server"), Namespace("asker")
        self.addCleanup(server.remove)
        self.addCleanup(asker.remove)
        server.ip(
            f"link add eth type veth peer name eth netns {asker.name}\n"
            "address add 10.77.0.1/24 dev eth\naddress add 10.77.0.2/24 dev eth\n"
            "link set eth up\nlink set lo up\n"
        )
        asker.ip("address add 10.77.0.3/24 dev eth\nlink set eth up\n")
        self.start("ip", "netns", "exec", server.name, *DWDHT, "node", "--port", "6620")
        for host in ("10.77.0.1", "10.77.0.2"):
            command = ("ip", "netns", "exec", asker.name, *DWDHT, "ping", host, "--count", "5")
            program = await self.finish(*command)
            self.assertEqual(program.exitCode, 0, program.errorText)
