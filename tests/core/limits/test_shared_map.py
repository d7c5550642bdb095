"""
`SharedMap`, a mapping with a maximum size in which one host doesn't push out the items of others.
"""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits import SharedMap
from dwdht_twisted._core.wire import HostPort
from tests.helpers.strategies import pauses, thorough

#: Hosts of few networks, so that some share one.
hosts = st.builds("10.0.{}.{}".format, st.integers(0, 3), st.integers(1, 4))
addresses = st.tuples(hosts, st.integers(1, 4))

#: A step: what is done, the key, and the seconds before it.
steps = st.lists(
    st.tuples(st.sampled_from(["put", "get", "discard"]), addresses, pauses), max_size=80
)


class SharedMapTests(SynchronousTestCase):
    """
    A `SharedMap` with addresses as its keys.
    """

    @thorough
    @given(
        st.integers(17, 24),
        st.lists(hosts, max_size=3, unique=True),
        st.lists(addresses, max_size=60),
        st.integers(1, 60),
    )
    def test_hostPushesOutNoLastItem(
        self, maximum: int, others: list[str], before: list[HostPort], ports: int
    ) -> None:
        """
        One host that puts any number of items pushes out the last item of none of up to 16 others,
        in a map with room for 17 to 24 items.
        """
        shared: SharedMap[HostPort, int] = SharedMap(maximum, 100.0)
        for host, port in before:
            shared.put((host, port), 0, 0.0)
        for host in others:
            shared.put((host, 9), 1, 0.0)
        for port in range(ports):
            shared.put(("203.0.113.9", 1000 + port), 2, 1.0)
        self.assertEqual([shared.get((host, 9), 1.0) for host in others], [1] * len(others))

    @thorough
    @given(st.integers(8, 40), st.integers(1, 3), st.integers(1, 254), st.integers(1, 3))
    def test_networkPushesOutNoLastItem(
        self, maximum: int, others: int, flooders: int, ports: int
    ) -> None:
        """All hosts of a /24 network together push out the last item of no host elsewhere."""
        shared: SharedMap[HostPort, int] = SharedMap(maximum, 100.0)
        for number in range(others):
            shared.put((f"10.0.{number}.1", 9), 1, 0.0)
        for port in range(ports):
            for number in range(flooders):
                shared.put((f"203.0.113.{number + 1}", 1000 + port), 2, 1.0)
        kept = [shared.get((f"10.0.{number}.1", 9), 1.0) for number in range(others)]
        self.assertEqual(kept, [1] * others)

    @thorough
    @given(st.lists(st.integers(1, 30), max_size=80))
    def test_mapOfSingleHostsForgetsTheOldest(self, numbers: list[int]) -> None:
        """Where each host is of its own network and has one item, the oldest item goes."""
        shared: SharedMap[HostPort, int] = SharedMap(10, 100.0)
        for number in numbers:
            shared.put((f"10.0.{number}.1", 1), number, 0.0)
        latest = list(dict.fromkeys(reversed(numbers)))[:10]
        self.assertEqual({item for _, item in shared.items(0.0)}, set(latest))

    @thorough
    @given(st.integers(1, 6), steps)
    def test_mapCountsRight(self, maximum: int, drawn: list[tuple[str, HostPort, float]]) -> None:
        """
        After any puts, reads, discards and ends of lifetimes, the map has at most its maximum, and
        the host that gives way is one with the most items.
        """
        shared: SharedMap[HostPort, float] = SharedMap(maximum, 20.0)
        now = 0.0
        for action, key, wait in drawn:
            now += wait
            model = dict.fromkeys((each for each, _ in shared.items(now)), 0.0)
            if action == "put":
                shared.put(key, now, now)
                self.assertLostOneOfMost(model, key, shared, maximum, now)
            elif action == "discard":
                shared.discard(key)
                model.pop(key, None)
                self.assertEqual({each for each, _ in shared.items(now)}, set(model))
            else:
                self.assertEqual(shared.get(key, now) is not None, key in model)

    def assertLostOneOfMost(
        self,
        before: dict[HostPort, float],
        key: HostPort,
        shared: SharedMap[HostPort, float],
        maximum: int,
        now: float,
    ) -> None:
        """Require that nothing was lost, or one item of a host with the most, if it was full."""
        all = {*before, key}
        lost = all - {each for each, _ in shared.items(now)}
        self.assertEqual(len(lost), max(0, len(all) - maximum))
        counts = Counter(host for host, _ in all)
        for host, _ in lost:
            self.assertEqual(counts[host], max(counts.values()))

    def test_hostLosesItsOldest(self) -> None:
        """A host that fills the map loses its oldest item; one that was put again is the newest."""
        shared: SharedMap[HostPort, int] = SharedMap(3, 100.0)
        for port in (1, 2, 3, 1, 4):
            shared.put(("10.0.0.1", port), port, 0.0)
        self.assertEqual([port for (_, port), _ in shared.items(0.0)], [3, 1, 4])
