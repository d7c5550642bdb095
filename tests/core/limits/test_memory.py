"""
`RecentMap`, a mapping with a maximum size that forgets its items after a lifetime.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.limits import RecentMap
from tests.helpers.strategies import pauses, thorough


class RecentMapTests(SynchronousTestCase):
    """
    A `RecentMap` of integers.
    """

    def test_itemIsKeptForItsLifetime(self) -> None:
        """An item with a lifetime of 5 seconds is present after 4.5 seconds and absent after 5."""
        recent: RecentMap[str, int] = RecentMap(10, 5.0)
        recent.put("a", 1, 100.0)
        self.assertEqual(recent.get("a", 104.5), 1)
        self.assertIsNone(recent.get("a", 105.0))

    def test_unknownKeyHasNoItem(self) -> None:
        """The item of a key that was never put is None."""
        recent: RecentMap[str, int] = RecentMap(10, 5.0)
        self.assertIsNone(recent.get("a", 0.0))

    def test_readingDoesNotProlongALifetime(self) -> None:
        """Reading an item doesn't prolong its lifetime."""
        recent: RecentMap[str, int] = RecentMap(10, 5.0)
        recent.put("a", 1, 0.0)
        recent.get("a", 4.0)
        self.assertIsNone(recent.get("a", 6.0))

    def test_discardedItemIsGone(self) -> None:
        """A discarded item is absent. A second discard of the same key does nothing."""
        recent: RecentMap[str, int] = RecentMap(10, 5.0)
        recent.put("a", 1, 0.0)
        recent.discard("a")
        recent.discard("a")
        self.assertIsNone(recent.get("a", 0.0))
        self.assertEqual(len(recent), 0)

    def test_puttingRemovesExpiredItems(self) -> None:
        """A put of one item removes 50 expired items that were never read."""
        recent: RecentMap[int, int] = RecentMap(100, 5.0)
        for key in range(50):
            recent.put(key, key, 0.0)
        recent.put(50, 50, 5.0)
        self.assertEqual(len(recent), 1)

    @thorough
    @given(
        st.integers(1, 4),
        st.lists(
            st.tuples(st.sampled_from(["put", "get", "discard"]), st.integers(0, 6), pauses),
            max_size=80,
        ),
    )
    def test_mapBehavesLikeABoundedList(
        self, maximum: int, steps: list[tuple[str, int, float]]
    ) -> None:
        """
        A map has the same items as a list that is kept in the order of the puts. Expired items are
        removed from this list, and it is cut to the maximum size.
        """
        lifetime = 20.0
        recent: RecentMap[int, int] = RecentMap(maximum, lifetime)
        model: list[tuple[int, int, float]] = []
        now = 0.0
        for number, (action, key, wait) in enumerate(steps):
            now += wait
            model = [item for item in model if item[2] + lifetime > now]
            if action == "put":
                recent.put(key, number, now)
                model = [item for item in model if item[0] != key]
                model = [*model, (key, number, now)][-maximum:]
            elif action == "discard":
                recent.discard(key)
                model = [item for item in model if item[0] != key]
            expected = {item[0]: item[1] for item in model}
            self.assertEqual(recent.get(key, now), expected.get(key))
            self.assertTrue(len(recent) <= maximum)
        for key in range(7):
            expected = {item[0]: item[1] for item in model}
            self.assertEqual(recent.get(key, now), expected.get(key))
