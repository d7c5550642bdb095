"""
`Shares`, `Ranking` and `OrderedKeys`, beside plain models of them.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted.values.stores.ordered import CHUNK_KEYS, OrderedKeys
from dwdht_twisted.values.stores.shares import HOSTS_PER_NETWORK, OWN, Ranking, Shares


class RankingTests(SynchronousTestCase):
    """
    A `Ranking`.
    """

    def test_firstHasTheLowestRank(self) -> None:
        """After each of 5,000 random changes, the first item is one of the lowest rank."""
        draw = Random(1)
        ranking: Ranking[int] = Ranking()
        model: dict[int, float] = {}
        for _ in range(5000):
            item = draw.randrange(50)
            if draw.random() < 0.3:
                ranking.discard(item)
                model.pop(item, None)
            else:
                model[item] = draw.randrange(100)
                ranking.set(item, model[item])
            first = ranking.first()
            self.assertEqual(len(ranking), len(model))
            if first is None:
                self.assertEqual(model, {})
            else:
                self.assertEqual(model[first], min(model.values()))
                self.assertEqual(ranking.rank(first), model[first])

    def test_outdatedRanksAreForgotten(self) -> None:
        """An item whose rank changed 10,000 times leaves less than 20 entries in the heap."""
        ranking: Ranking[str] = Ranking()
        for rank in range(10_000):
            ranking.set("item", rank)
        self.assertLess(len(ranking._heap), 20)


class SharesTests(SynchronousTestCase):
    """
    The shares of publishers.
    """

    def test_largestShareIsFound(self) -> None:
        """
        After each of 3,000 random changes, the largest is a host with the most bytes, or the
        largest host of a network with over 4 times as many.
        """
        draw = Random(2)
        hosts = [OWN, *(f"192.0.{draw.randrange(6)}.{draw.randrange(20)}" for _ in range(40))]
        shares = Shares()
        model: Counter[str] = Counter()
        for _ in range(3000):
            host = draw.choice(hosts)
            size = draw.randrange(1, 1000)
            if draw.random() < 0.45:
                size = -min(size, model[host])
            shares.add(host, size)
            model[host] += size
            self.assertEqual(shares.total, model.total())
            self.assertEqual(shares.of(host), model[host])
            if not model.total():
                continue
            putter = draw.choice(hosts)
            self.assertIn(shares.largest(putter), self.largest(model, putter))

    def largest(self, model: Counter[str], putter: str) -> set[str]:
        """Return the hosts that may be the largest, by a model of the shares."""
        networks: Counter[str] = Counter()
        for host, size in model.items():
            networks[host.rpartition(".")[0]] += size
        most = max(model.values())
        if max(networks.values()) > HOSTS_PER_NETWORK * most:
            crowded = {name for name, size in networks.items() if size == max(networks.values())}
            members = [host for host in model if host.rpartition(".")[0] in crowded]
            most = max(model[host] for host in members)
            equal = {host for host in members if model[host] == most}
        else:
            equal = {host for host in model if model[host] == most}
        return {putter} if model[putter] == most else equal

    def test_emptySharesAreForgotten(self) -> None:
        """A publisher whose values are all gone takes up no memory."""
        shares = Shares()
        for octet in range(200):
            shares.add(f"192.0.{octet}.1", 100)
        for octet in range(200):
            shares.add(f"192.0.{octet}.1", -100)
        self.assertEqual(shares._hosts, {})
        self.assertEqual((len(shares._networks), len(shares._largest)), (0, 0))


class OrderedKeysTests(SynchronousTestCase):
    """
    A sorted set of keys.
    """

    def test_keysAreInOrder(self) -> None:
        """After 20,000 random changes, the keys after any key are those of a sorted list."""
        draw = Random(3)
        keys = OrderedKeys()
        model: set[bytes] = set()
        for count in range(20_000):
            key = draw.randbytes(2)
            if key in model:
                keys.remove(key)
                model.remove(key)
            else:
                keys.add(key)
                model.add(key)
            if count % 1000 == 0:
                self.assertEqual(list(keys.after(b"")), sorted(model))
                self.assertEqual(
                    list(keys.after(key)), sorted(each for each in model if each > key)
                )
        self.assertGreater(len(model), 8 * CHUNK_KEYS)
        for key in list(model):
            keys.remove(key)
        self.assertEqual(list(keys.after(b"")), [])
