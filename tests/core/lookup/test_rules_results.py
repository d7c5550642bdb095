"""
The rules of results: places, extras beside them, and the crowd of a suspected eclipse.

An extra is a node that has answered but takes no place among the k closest. A crowd is k nodes that
are closer to the target than chance puts them.
"""

from __future__ import annotations

from itertools import permutations

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.lookup import Candidate
from dwdht_twisted._core.lookup.candidate import LOCAL
from dwdht_twisted._core.lookup.results import Results
from dwdht_twisted._core.wire import ID_BITS, Address
from tests.helpers.core.lookups import node

#: The number of places in these tests.
PLACES = 4


def candidate(number: int, isExtra: bool = False) -> Candidate:
    """Return a candidate at a distance of ``number``."""
    contact = node(number)
    made = Candidate(contact.address, contact.id, number)
    made.isExtra = isExtra
    return made


class ResultsTestCase(SynchronousTestCase):
    """
    A base for tests of results with four places.
    """

    def results(self, *distances: int, crowdDistance: int = 0) -> Results:
        """Return results with candidates at these distances."""
        results = Results(PLACES, crowdDistance)
        for distance in distances:
            results.add(candidate(distance))
        return results

    def distances(self, results: Results, isEclipseSuspected: bool = False) -> list[int]:
        """Return the distances of the nodes to commit to."""
        return [each.distance for each in results.closest(isEclipseSuspected)]


class PlaceTests(ResultsTestCase):
    """
    The four places, and the extras beside them.
    """

    def test_closestComeFirst(self) -> None:
        """Of 6 nodes that answered in any order, the closest 4 are found, in order."""
        self.assertEqual(self.distances(self.results(6, 2, 5, 1, 3, 4)), [1, 2, 3, 4])

    def test_extrasAreLimited(self) -> None:
        """At most 4 extras are found, the closest ones, beside the 4 closest."""
        results = self.results(20, 21, 22, 23)
        for distance in (5, 3, 6, 2, 4, 1):
            results.add(candidate(distance, isExtra=True))
        self.assertEqual(self.distances(results), [1, 2, 3, 4, 20, 21, 22, 23])

    def test_extraMustBeCloserThanTheLastPlace(self) -> None:
        """
        An extra is found if it is closer than the fourth node. An extra at the same distance as the
        fourth node is not found.
        """
        results = self.results(10, 11, 12, 13)
        results.add(candidate(12, isExtra=True))
        results.add(candidate(13, isExtra=True))
        self.assertEqual(self.distances(results), [10, 11, 12, 12, 13])

    def test_extraCountsWhilePlacesAreFree(self) -> None:
        """With 3 nodes for 4 places, an extra at any distance is found."""
        results = self.results(10, 11, 12)
        results.add(candidate(1 << 200, isExtra=True))
        self.assertEqual(self.distances(results), [10, 11, 12, 1 << 200])

    def test_boundIsTheLastPlace(self) -> None:
        """
        The bound is the distance of the fourth node after the skipped nodes. Without a fourth node,
        it is larger than every distance.
        """
        results = self.results(10, 11, 12, 13, 14)
        bounds = [results.bound(skipped) for skipped in range(3)]
        self.assertEqual(bounds, [13, 14, 1 << ID_BITS])

    def test_otherNodesAreToldFromTheSearcher(self) -> None:
        """The searcher's own answer is counted, but is not the answer of another node."""
        results = self.results()
        results.add(Candidate(LOCAL, bytes(32), 5))
        self.assertEqual((len(results), results.hasOthers), (1, False))
        results.add(candidate(1, isExtra=True))
        self.assertEqual((len(results), results.hasOthers), (2, True))
        results.add(Candidate(LOCAL, bytes(32), 6))
        self.assertTrue(results.hasOthers)


class CrowdTests(ResultsTestCase):
    """
    Results in which nodes closer than 100 are a crowd.
    """

    def test_crowdNeedsAllPlaces(self) -> None:
        """
        Four nodes closer than 100 are a crowd. Three nodes closer than 100 are not, even with
        further nodes at 100 or more.
        """
        self.assertFalse(self.results(1, 2, 3, crowdDistance=100).isCrowd)
        self.assertFalse(self.results(1, 2, 3, 100, 101, crowdDistance=100).isCrowd)
        self.assertTrue(self.results(1, 2, 3, 99, crowdDistance=100).isCrowd)
        self.assertTrue(self.results(1, 2, 3, 99, 100, crowdDistance=100).isCrowd)

    def test_crowdSizeEndsAtTheCrowdDistance(self) -> None:
        """The crowd counts the nodes closer than 100, and not the node at 100."""
        self.assertEqual(self.results(1, 99, 100, 101, crowdDistance=100).crowdSize(), 2)

    def test_nodesOutwardsOfTheCrowdAreFound(self) -> None:
        """
        With a crowd of 8 in a suspected eclipse, these nodes are found: the 4 closest, the last 2
        of the crowd, and the first 2 beyond the crowd. Without the suspicion, only the 4 closest
        are found.
        """
        crowd, outer = range(1, 9), range(200, 206)
        results = self.results(*crowd, *outer, crowdDistance=100)
        self.assertEqual(self.distances(results, True), [1, 2, 3, 4, 7, 8, 200, 201])
        self.assertEqual(self.distances(results), [1, 2, 3, 4])

    def test_smallCrowdHidesNoNode(self) -> None:
        """With a crowd of 4, the 4 nodes that follow it are found, and no node is found twice."""
        results = self.results(1, 2, 3, 4, 200, 201, 202, 203, 204, crowdDistance=100)
        self.assertEqual(self.distances(results, True), [1, 2, 3, 4, 200, 201, 202, 203])


class DiscreditTests(ResultsTestCase):
    """
    Results that lose their place because of the candidates that they named.
    """

    def test_referrersOfLateCandidatesBecomeExtras(self) -> None:
        """
        A node that named 2 late candidates becomes an extra. A node that named only one late
        candidate does not. A node that has also named a candidate that answered does not either.
        """
        results = self.results()
        bad, fair, right = candidate(1), candidate(2), candidate(3)
        bad.silences, fair.silences, right.silences = 2, 1, 2
        right.isRight = True
        for each in (bad, fair, right, candidate(4), candidate(5), candidate(6)):
            results.add(each)
        self.assertEqual(results.discredit(2), [bad])
        self.assertEqual([each.isExtra for each in (bad, fair, right)], [True, False, False])
        self.assertEqual(results.bound(0), 5)
        self.assertEqual(self.distances(results), [1, 2, 3, 4, 5])
        self.assertEqual(results.discredit(2), [])


class ReferrerOfAHolePunchTests(SynchronousTestCase):
    """
    The choice of the node that relays a hole punch to a candidate.
    """

    def setUp(self) -> None:
        self.near, self.middle, self.far = (candidate(number) for number in (9, 10, 100))
        self.candidate = candidate(8)

    def referrers(self, *untried: Candidate) -> list[Address | None]:
        """Return the referrers after 1 to 4 transmissions."""
        self.candidate.untriedReferrers = list(untried)
        return [self.candidate.takeReferrer(transmissions) for transmissions in range(1, 5)]

    def test_knownCandidateHasNoReferrer(self) -> None:
        """A candidate that no node has named has no referrer."""
        self.assertEqual(self.referrers(), [None] * 4)

    def test_onlyReferrerIsAskedOnce(self) -> None:
        """
        The only referrer is asked after the first transmission, and not again, even if it named the
        candidate twice.
        """
        expected = [self.far.address, None, None, None]
        self.assertEqual(self.referrers(self.far), expected)
        self.assertEqual(self.referrers(self.far, self.far), expected)

    def test_twoClosestReferrersAreAsked(self) -> None:
        """
        Of three referrers in any order, the closest to the candidate is asked after one
        transmission, and the second closest after two.
        """
        expected = [self.near.address, self.middle.address, None, None]
        for order in permutations((self.near, self.middle, self.far)):
            self.assertEqual(self.referrers(*order), expected)
