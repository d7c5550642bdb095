"""
Bootstrap nodes given by names that stand for several addresses.
"""

from __future__ import annotations

from random import Random

from dwdht_twisted.testing import ServiceRecord
from tests.helpers.networks.nodes import COMMAND, NodeTestCase

#: The name of the bootstrap servers, and the service that has the same hosts.
NAME, SERVICE = "dht.example", "_dht._udp.example"

#: The port of all bootstrap servers.
PORT = 7000


class SeveralAddressesTests(NodeTestCase):
    """
    A node whose bootstrap name has several addresses. Nobody answers at some of them.
    """

    def addNames(self, *hosts: str) -> None:
        """Let the host name have these addresses, and the service these hosts."""
        self.network.addName(NAME, *hosts)
        for number, host in enumerate(hosts):
            self.network.addName(f"h{number}.example", host)
        records = [ServiceRecord(f"h{number}.example", PORT) for number in range(len(hosts))]
        self.network.addService(SERVICE, *records)

    def test_oneLiveAddressIsEnough(self) -> None:
        """
        A node joins within 10 seconds through the one address at which a server answers, at
        whichever place of the list it is.
        """
        random = Random(16)
        for count in range(1, 9):
            hosts = [f"10.1.{count}.{number}" for number in range(1, count + 1)]
            server = self.node(hosts[0], port=PORT)
            random.shuffle(hosts)
            self.addNames(*hosts)
            for name in (f"{NAME}:{PORT}", SERVICE):
                node = self.node(bootstrap=name)
                self.clock.runUntil(node.ready(), limit=10)
                self.assertIn(self.contactOf(server), node.contacts())

    def test_allAddressesAreAsked(self) -> None:
        """A node asks the servers at all addresses of its bootstrap name."""
        hosts = [f"10.2.0.{number}" for number in range(1, 5)]
        servers = [self.node(host, port=PORT) for host in hosts]
        self.addNames(*hosts)
        for name in (f"{NAME}:{PORT}", SERVICE):
            node = self.node(bootstrap=name)
            self.clock.runUntil(node.ready())
            self.clock.runFor(1)
            self.assertEqual(set(node.contacts()) >= set(map(self.contactOf, servers)), True)

    def test_givenNodesHaveAllTheirAddresses(self) -> None:
        """A query of given nodes asks all addresses of a name."""
        hosts = [f"10.3.0.{number}" for number in range(1, 4)]
        servers = [self.node(host, port=PORT) for host in hosts[1:]]
        self.addNames(*hosts)
        for name in (f"{NAME}:{PORT}", SERVICE):
            query = self.node().query(COMMAND, self.target(), nodes=name)
            replies = self.clock.runUntil(query.collect())
            self.assertEqual({reply.node.id for reply in replies}, {each.id for each in servers})
