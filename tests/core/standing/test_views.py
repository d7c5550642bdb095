"""
`Views`: how other nodes see the address of this one.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.standing import FEWEST_VIEWS, VIEWS_WANTED, Opinion, Views
from dwdht_twisted._core.standing.views import MAXIMUM_VIEWS, VIEW_LASTS

OWN = ("8.8.8.8", 7000)
LIE = ("9.9.9.9", 9000)


def observer(number: int) -> tuple[str, int]:
    """Return an address in a public network of its own."""
    return f"11.{number // 250}.{number % 250}.7", 6620


class ViewsTests(SynchronousTestCase):
    """
    Views of honest nodes and of liars.
    """

    def setUp(self) -> None:
        self.views = Views()

    def see(self, count: int, seen: tuple[str, int] = OWN, *, first: int = 0) -> None:
        """Let this many observers, each in a network of its own, see an address."""
        for number in range(first, first + count):
            self.views.saw(observer(number), seen, 0.0)

    def test_threeNetworksSettleTheAddress(self) -> None:
        """The address is known when three networks agree, and not before."""
        self.see(FEWEST_VIEWS - 1)
        self.assertEqual(self.views.opinion(0.0), Opinion(None, None, FEWEST_VIEWS - 1))
        self.see(FEWEST_VIEWS)
        self.assertEqual(self.views.opinion(0.0), Opinion(*OWN, FEWEST_VIEWS))

    def test_networkHasOneView(self) -> None:
        """However many nodes of one network lie, they have one view together."""
        self.see(FEWEST_VIEWS)
        for last in range(1, 200):
            self.views.saw((f"12.0.0.{last}", 6620), LIE, 0.0)
        self.assertEqual(self.views.opinion(0.0), Opinion(*OWN, FEWEST_VIEWS + 1))

    def test_liarsNeverSettleAnAddress(self) -> None:
        """
        With a third of the observers lying alike, in any order, the opinion of the wanted number of
        views is right or none.
        """
        random = Random(1)
        right = 0
        for _ in range(1000):
            views = Views()
            seen = [OWN] * 60 + [LIE] * 30
            random.shuffle(seen)
            for number, each in enumerate(seen[:VIEWS_WANTED]):
                views.saw(observer(number), each, 0.0)
            host = views.opinion(0.0).host
            self.assertIn(host, (OWN[0], None))
            right += host is not None
        self.assertGreater(right, 700)

    def test_portsThatDifferAreNoPort(self) -> None:
        """When each observer sees another port, the host is known and the port is not."""
        for number in range(10):
            self.views.saw(observer(number), (OWN[0], 5000 + number), 0.0)
        self.assertEqual(self.views.opinion(0.0), Opinion(OWN[0], None, 10))

    def test_linesAreApart(self) -> None:
        """
        A public node can't say how this node looks from its private network, nor the other way
        round.
        """
        self.see(FEWEST_VIEWS, ("10.0.0.1", 7000))
        self.views.saw(("10.0.0.2", 6620), OWN, 0.0)
        for line in ("public", "private", "loopback"):
            self.assertEqual(self.views.opinion(0.0, line=line), Opinion(None, None, 0))

    def test_onePrivateViewIsEnough(self) -> None:
        """On a private network, one view settles the address."""
        self.views.saw(("10.0.0.2", 6620), ("10.0.0.1", 7000), 0.0)
        self.assertEqual(self.views.opinion(0.0, line="private"), Opinion("10.0.0.1", 7000, 1))

    def test_oldViewsDoNotCount(self) -> None:
        """A view counts for half an hour, and the latest view of a network counts alone."""
        self.see(FEWEST_VIEWS)
        self.assertEqual(self.views.opinion(VIEW_LASTS + 1).views, 0)
        self.see(FEWEST_VIEWS, LIE)
        self.assertEqual(self.views.opinion(0.0), Opinion(*LIE, FEWEST_VIEWS))

    def test_viewsAreBounded(self) -> None:
        """The oldest views are forgotten when there are too many."""
        self.see(500)
        self.assertEqual(self.views.opinion(0.0).views, MAXIMUM_VIEWS)

    def test_contradictionsAreCounted(self) -> None:
        """The networks that see another host are counted."""
        self.see(5)
        self.see(4, LIE, first=5)
        self.assertEqual(self.views.contradicting(OWN[0], 0.0), 4)
