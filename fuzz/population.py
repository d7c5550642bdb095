"""
The other nodes of the network that the fuzzed node is on.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Callable
from random import Random

from twisted.internet.protocol import DatagramProtocol

from dwdht_twisted import Contact
from dwdht_twisted._core import wire
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import HostPort, packAddress, packContact
from dwdht_twisted.testing import MemoryNetwork

PORT = 6620

#: The share of requests that a peer doesn't answer, from 0 to 1.  It makes the fuzzed node retry
#: requests, too.
SILENCE = 0.1


class Peer(DatagramProtocol):
    """
    A node that answers nine of ten requests as the protocol requires.

    :param closest: returns the compact contacts closest to a target, among all peers
    :ivar contact: its id and address
    """

    noisy = False

    def __init__(self, contact: Contact, random: Random, closest: Callable[[bytes], bytes]) -> None:
        self.contact = contact
        self._random = random
        self._closest = closest
        self._token = random.randbytes(32)

    def datagramReceived(self, datagram: bytes, addr: HostPort) -> None:
        if not wire.isRequest(datagram) or self._random.random() < SILENCE:
            return
        message = wire.decodeRequest(datagram)
        nodes = value = None
        if message.command == wire.PING:
            value = packAddress(*addr)
        else:
            nodes = self._closest(message.target or bytes(32))
            value = message.value
        assert self.transport is not None
        self.transport.write(
            wire.encodeResponse(message.transactionId, self.contact.id, nodes, value, self._token),
            addr,
        )

    def introduce(self, address: HostPort) -> None:
        """Ping a node, so that the node learns of this peer."""
        assert self.transport is not None
        self.transport.write(
            wire.frameRequest(0, wire.requestBody(wire.PING, self.contact.id)), address
        )


class Population:
    """
    Peers with random ids, each in a /24 network of its own.

    :ivar peers: all peers
    """

    def __init__(self, network: MemoryNetwork, count: int) -> None:
        self.peers: list[Peer] = []
        for number in range(count):
            host = f"4.{number >> 8}.{number & 255}.1"
            contact = Contact(network.random.randbytes(32), host, PORT)
            peer = Peer(contact, network.random, self.closest)
            network.reactor(host).listenUDP(PORT, peer, "", 65536)
            self.peers.append(peer)
        contacts = sorted(packContact(peer.contact) for peer in self.peers)
        self._contacts = contacts

    def closest(self, target: bytes) -> bytes:
        """
        The compact contacts of the k peers around a target, in the order of their ids.

        Neighbours in this order are not always the closest by XOR, but close enough for a lookup to
        go on.
        """
        place = bisect(self._contacts, target)
        first = max(0, min(place - K // 2, len(self._contacts) - K))
        return b"".join(self._contacts[first : first + K])
