"""
The order in which the servers of a topic are tried.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Address, Contact
from dwdht_twisted.peers.bounds import SERVERS_PER_HOST
from dwdht_twisted.peers.endpoints.directory import Search
from dwdht_twisted.peers.endpoints.race import Servers
from dwdht_twisted.peers.stream import Peer
from tests.helpers.strategies import thorough


class OrderTests(SynchronousTestCase):
    """
    The order in which servers are tried.
    """

    @thorough
    @given(
        st.lists(st.tuples(st.integers(1, 254), st.integers(1, 64)), min_size=1, max_size=8),
        st.randoms(use_true_random=False),
    )
    def test_serverOfAnotherNetworkIsAmongTheFirst(
        self, networks: list[tuple[int, int]], random: Random
    ) -> None:
        """
        A server alone in its network is among the first n + 1, if there are n other networks, each
        with up to 254 hosts that have announced up to 64 ports each.
        """
        servers = Servers(random)
        honest = Address("203.0.113.1", 80)
        addresses = [honest]
        for number, (hosts, ports) in enumerate(networks):
            for host in range(hosts):
                for port in range(ports):
                    addresses.append(Address(f"10.0.{number}.{host + 1}", 1000 + port))
        for address in addresses:
            servers.add(address, isLast=False)
        drawn = [servers.draw(mayDrawLast=True) for _ in range(len(networks) + 1)]
        self.assertIn(honest, drawn)

    @thorough
    @given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.randoms(use_true_random=False))
    def test_hostsTakeTurns(self, ports: list[int], random: Random) -> None:
        """Each server is drawn once, and hosts of one network take turns while they have any."""
        servers = Servers(random)
        left = {f"10.0.0.{number}": count for number, count in enumerate(ports)}
        for host, count in left.items():
            for port in range(count):
                servers.add(Address(host, 1000 + port), isLast=False)
        drawn: Counter[str] = Counter()
        seen = set()
        while (address := servers.draw(mayDrawLast=True)) is not None:
            fewest = min(drawn[host] for host, count in left.items() if count > drawn[host])
            self.assertEqual(drawn[address.host], fewest)
            drawn[address.host] += 1
            seen.add(address)
        self.assertEqual(drawn, left)
        self.assertEqual(len(seen), sum(ports))

    def test_hostsHaveEqualSharesOfFirstAttempts(self) -> None:
        """Of 1,000 first attempts at three hosts, one with 64 ports, each host gets 280 or more."""
        random = Random(5)
        counts: Counter[str] = Counter()
        for _ in range(1000):
            servers = Servers(random)
            for port in range(64):
                servers.add(Address("10.0.0.1", 1000 + port), isLast=False)
            for host in ("10.0.0.2", "10.1.0.1"):
                servers.add(Address(host, 80), isLast=False)
            address = servers.draw(mayDrawLast=True)
            assert address is not None
            counts[address.host] += 1
        self.assertTrue(min(counts.values()) >= 280, counts)


class SearchTests(SynchronousTestCase):
    """
    The servers that a look-up finds.
    """

    def test_hostHasABoundOfServers(self) -> None:
        """Of 1,000 servers of a host, 64 are taken, and then one of another host."""
        found: list[Address] = []

        class Finder:
            """A connection that waits for the servers of a look-up."""

            def found(self, address: Address) -> None:
                found.append(address)

            def searched(self, reason: object) -> None:
                """Do nothing."""

        search = Search(None, None)  # type: ignore[arg-type]
        search.add(Finder())
        other = Address("10.0.0.2", 80)
        for address in (*(Address("10.0.0.1", port) for port in range(1, 1001)), other):
            search.write(Peer(address, Contact(None, "10.0.0.9", 9), False))
        self.assertEqual(len(found), SERVERS_PER_HOST + 1)
        self.assertEqual(found[-1], other)
