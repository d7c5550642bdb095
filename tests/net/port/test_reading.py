"""
How a node reads the datagrams of its port.
"""

from __future__ import annotations

import errno
import os
import socket as sockets
import sys
from types import SimpleNamespace
from typing import Any

from twisted.internet.task import deferLater
from twisted.trial.unittest import SkipTest, TestCase

from dwdht_twisted import DHTNode
from dwdht_twisted._net.port import DatagramReader

#: The datagrams after which a sender stops.
ENOUGH = 100_000


class EndlessNode(DHTNode):
    """
    A node that is sent another empty datagram as soon as it has read one.

    :ivar received: the number of datagrams that were read
    """

    received = 0

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Count a datagram, and send the next one to the address to which the first was sent."""
        self.received += 1
        if self.received < ENOUGH:
            self.sender.send(b"")

    def flood(self, host: str) -> None:
        """Send the first datagram to an address of this host."""
        self.sender = sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM)
        self.sender.connect((host, self.address().port))
        self.sender.send(b"")


class FailingNode(DHTNode):
    """
    A node that fails at each datagram of one byte.

    :ivar received: the sizes of the datagrams that were read
    """

    def __init__(self, reactor: Any) -> None:
        super().__init__(reactor)
        self.received: list[int] = []

    def datagramReceived(self, datagram: bytes, addr: Any) -> None:
        """Note the size of a datagram, and fail if it is 1."""
        self.received.append(len(datagram))
        if len(datagram) == 1:
            raise ArithmeticError("one byte")


class TroubledSocket(sockets.socket):
    """
    A socket that tells each of some errors once.

    :ivar errors: the numbers of the errors
    """

    errors: list[int]

    def recvfrom_into(self, *arguments: Any) -> Any:
        """Tell the next error, or read a datagram."""
        if self.errors:
            number = self.errors.pop()
            raise OSError(number, os.strerror(number))
        return super().recvfrom_into(*arguments)


class ReadingTests(TestCase):
    """
    Nodes on one address of this host, and on all.
    """

    timeout = 60

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor

    async def test_emptyDatagramsDoNotStopTimers(self) -> None:
        """
        A timer of the reactor fires while empty datagrams arrive without a pause, whether the node
        is bound to one address, to all, or to all and is asked at a second one.
        """
        if not sys.platform.startswith("linux"):
            raise SkipTest("only Linux has several loopback addresses")
        for interface, asked in (
            ("127.0.0.1", "127.0.0.1"),
            ("", "127.0.0.1"),
            ("", "127.0.0.2"),
        ):
            node = EndlessNode(self.reactor)
            node.listen(0, interface)
            node.flood(asked)
            await deferLater(self.reactor, 0.01)
            received, node.received = node.received, ENOUGH
            self.assertGreater(received, 0)
            self.assertLess(received, ENOUGH)
            node.sender.close()
            await node.destroy()

    def test_errorOfTheNetworkIsPassedOver(self) -> None:
        """
        The reading goes on after an error that is about the network or about a datagram that was
        sent.
        """
        errors = (errno.ECONNRESET, errno.ECONNABORTED, errno.ENETDOWN, errno.EHOSTUNREACH)
        with (
            TroubledSocket(sockets.AF_INET, sockets.SOCK_DGRAM) as socket,
            sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as sender,
        ):
            socket.errors = list(errors)
            socket.bind(("127.0.0.1", 0))
            socket.setblocking(False)
            sender.sendto(b"a", socket.getsockname())
            node = FailingNode(self.reactor)
            reader = DatagramReader(SimpleNamespace(protocol=node), socket)
            for _ in errors:
                reader.read()
            self.assertEqual(node.received, [])
            reader.read()
            self.assertEqual(node.received, [1])
        self.assertEqual(len(self.flushLoggedErrors(ArithmeticError)), 1)

    async def test_errorLosesNoOtherDatagram(self) -> None:
        """
        When the node raises an exception at a datagram, it is logged, and the next datagram is
        read. One of 65,507 bytes is read whole.
        """
        for interface in ("127.0.0.1", ""):
            node = FailingNode(self.reactor)
            node.listen(0, interface)
            with sockets.socket(sockets.AF_INET, sockets.SOCK_DGRAM) as sender:
                for size in (0, 1, 65_507, 1, 2):
                    sender.sendto(bytes(size), ("127.0.0.1", node.address().port))
            while len(node.received) < 5:
                await deferLater(self.reactor, 0.01)
            self.assertEqual(node.received, [0, 1, 65_507, 1, 2])
            self.assertEqual(len(self.flushLoggedErrors(ArithmeticError)), 2)
            await node.destroy()
