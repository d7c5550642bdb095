"""
Distrust of a lookup: limits on what other nodes name, and credit for the nodes that name it.

A lookup asks a named candidate at the expense of a referrer, a node that named it. Each referrer
starts with a credit of 3 candidates. It gains credit when its candidates answer and loses credit
when they are silent.
"""

from __future__ import annotations

from collections.abc import Iterable

from dwdht_twisted._core.lookup import CREDIT, Candidate, Lookup, State
from dwdht_twisted._core.lookup.bounds import (
    LOOKUP_REQUESTS_PER_HOST,
    LOOKUP_REQUESTS_PER_SUBNET,
    LOOKUP_WINDOW,
    MAXIMUM_TOO_CLOSE,
    TOO_CLOSE,
)
from dwdht_twisted._core.lookup.pending import FIRST_WINDOW
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import Contact
from tests.helpers.core.contacts import compact, near
from tests.helpers.core.lookup_network import answer
from tests.helpers.core.lookups import (
    BOOTSTRAP,
    OWN,
    TARGET,
    LookupTestCase,
    contactOf,
    node,
    startLookup,
)


class DistrustTests(LookupTestCase):
    """
    Lookups with false answers among the true ones.
    """

    def nameNext(self, lookup: Lookup, contacts: Iterable[Contact], junk: bytes = b"") -> Candidate:
        """
        Answer for the next candidate, with ``contacts`` as the named nodes. Return the candidate.
        """
        candidate = lookup.next()
        assert candidate is not None
        message = answer(candidate.id, contacts)
        lookup.answered(candidate, message._replace(nodes=(message.nodes or b"") + junk))
        return candidate

    def test_badEntriesSpareTheOthers(self) -> None:
        """
        Both good entries of an answer are asked, although it has three bad entries and ends with an
        incomplete one.
        """
        lookup = startLookup([node(100)])
        bad = [
            Contact(near(TARGET, 1), "0.0.0.0", 80),
            Contact(near(TARGET, 2), "224.0.0.1", 80),
            Contact(near(TARGET, 3), "20.0.0.1", 0),
        ]
        self.nameNext(lookup, [bad[0], node(5), bad[1], node(6), bad[2]], b"rest")
        self.assertEqual(self.finish(lookup), [node(5), node(6)])

    def test_entriesBeyondKAreIgnored(self) -> None:
        """With k = 3, the fourth entry of an answer is not asked."""
        lookup = startLookup([node(100)], k=3)
        self.nameNext(lookup, [node(5), node(6), node(7), node(1)])
        self.assertNotIn(node(1), self.finish(lookup))

    def test_privateAddressFromPublicNodeIsNotAsked(self) -> None:
        """A private or loopback address is not asked if only a public node names it."""
        lookup = startLookup([node(100)])
        self.nameNext(lookup, [node(5, "10.0.0.1"), node(6, "127.0.0.1"), node(7)])
        self.assertEqual(self.finish(lookup), [node(7)])

    def test_addressesFromPrivateNodeAreAsked(self) -> None:
        """Private and public addresses are asked if a private node names them."""
        lookup = startLookup([node(100, "10.0.0.9")])
        self.nameNext(lookup, [node(5, "10.0.0.1"), node(7)])
        self.assertEqual(self.finish(lookup), [node(5, "10.0.0.1"), node(7)])

    def test_privateAddressIsAskedOnceAPrivateNodeNamesIt(self) -> None:
        """
        A private address named by a public node is asked as soon as a private node names it too.
        """
        lookup = startLookup([node(100), node(200, "10.0.0.9")])
        self.nameNext(lookup, [node(5, "10.0.0.1")])
        private = lookup.next()
        assert private is not None
        lookup.answered(private, answer(private.id, [node(5, "10.0.0.1")]))
        self.assertIn(node(5, "10.0.0.1"), self.finish(lookup))

    def test_knownPrivateAddressIsAsked(self) -> None:
        """A private address is asked if the searching node's own table contains it."""
        lookup = startLookup([node(5, "10.0.0.1")])
        self.assertEqual(self.finish(lookup), [node(5, "10.0.0.1")])

    def test_addressUnderManyIdsIsAskedOnce(self) -> None:
        """An address named under 20 ids is asked once."""
        lookup = startLookup([node(100)])
        self.nameNext(
            lookup, [node(number)._replace(host="20.9.9.9", port=9) for number in range(20)]
        )
        self.assertEqual(len(self.finish(lookup)), 1)

    def test_publicHostIsAskedFewTimes(self) -> None:
        """
        Of 15 named ports of a public host, 4 are asked, as `LOOKUP_REQUESTS_PER_HOST` allows. All
        15 ports of a private host are asked.
        """
        for host, expected in (("20.9.9.9", LOOKUP_REQUESTS_PER_HOST), ("10.9.9.9", 15)):
            lookup = startLookup([node(100, "10.0.0.9")])
            self.nameNext(lookup, [node(number, host) for number in range(1, 16)])
            asked = self.finish(lookup)
            self.assertEqual(len(asked), expected)
            self.assertEqual(asked[0], node(1, host))

    def test_repeatedPublicHostTakesOnePlace(self) -> None:
        """
        The second node of a public host is returned beside the k closest. The second node of a
        private host is one of the k.
        """
        first = node(100, "10.0.0.9")
        for host, more in (("20.9.9.9", [first]), ("10.9.9.9", [])):
            lookup = startLookup([first], k=4)
            named = [node(1, host), node(2, host), node(5), node(6)]
            self.nameNext(lookup, named)
            self.finish(lookup)
            found = [contactOf(each) for each in lookup.closest()]
            self.assertEqual(found, [*named, *more])

    def test_addressesOfAnIdTakeOnePlace(self) -> None:
        """
        Three addresses that answer under the same id are all returned, and count as one of the k
        closest.
        """
        twins = [node(1, f"20.9.{number}.1") for number in range(3)]
        others = [node(number) for number in range(2, 6)]
        lookup = startLookup([*twins, *others], k=4)
        self.finish(lookup)
        self.assertEqual(list(map(contactOf, lookup.closest())), [*twins, *others[:3]])

    def test_implausiblyCloseNodesTakeNoPlace(self) -> None:
        """
        Nodes that are implausibly close to the target for the size of the network are returned
        beside the k closest.
        """
        spacing = TOO_CLOSE << 8
        lookup = Lookup(TARGET, OWN, k=4, spacing=spacing)
        chosen = [node(number) for number in range(2)]
        honest = [node((1 << 8) + number) for number in range(6)]
        lookup.addContacts(compact([*chosen, *honest]))
        self.assertEqual(self.finish(lookup), [*chosen, *honest[:4]])
        self.assertEqual(list(map(contactOf, lookup.closest())), [*chosen, *honest[:4]])

    def test_implausiblyCloseNodesAreLimited(self) -> None:
        """
        After 8 implausibly close nodes have answered, the number `MAXIMUM_TOO_CLOSE`, no further
        implausibly close node is asked. All honest nodes are asked.
        """
        lookup = Lookup(TARGET, OWN, k=4, spacing=TOO_CLOSE << 8)
        honest = [node((1 << 8) + number) for number in range(4)]
        lookup.addContacts(compact([node(number) for number in range(100)] + honest))
        asked = self.finish(lookup)
        self.assertTrue(MAXIMUM_TOO_CLOSE <= len(asked) - 4 <= MAXIMUM_TOO_CLOSE + LOOKUP_WINDOW)
        self.assertTrue(set(asked) >= set(honest))

    def test_targetItselfIsAskedAmongImplausiblyCloseNodes(self) -> None:
        """
        After 8 implausibly close nodes have answered, the node whose id is the target is still
        asked.
        """
        lookup = Lookup(TARGET, OWN, k=4, spacing=TOO_CLOSE << 8)
        lookup.addContacts(compact(node(1 + number) for number in range(MAXIMUM_TOO_CLOSE)))
        self.finish(lookup)
        lookup.addContacts(compact([node(0), node(100)]))
        self.assertEqual(self.finish(lookup), [node(0)])

    def test_implausiblyCloseBootstrapNodeTakesNoPlace(self) -> None:
        """
        A bootstrap node that answers under an implausibly close id is returned beside the k
        closest.
        """
        lookup = Lookup(TARGET, OWN, k=4, spacing=TOO_CLOSE << 8)
        lookup.addBootstrap([BOOTSTRAP])
        honest = [node((1 << 8) + number) for number in range(6)]
        bootstrap = lookup.next()
        assert bootstrap is not None
        lookup.answered(bootstrap, answer(near(TARGET, 1), honest))
        self.finish(lookup)
        found = list(map(contactOf, lookup.closest()))
        self.assertEqual(found, [Contact(near(TARGET, 1), *BOOTSTRAP), *honest[:4]])

    def test_fartherRepeatedHostIsNotFound(self) -> None:
        """
        The second node of a public host is not returned if it is farther from the target than the k
        closest.
        """
        lookup = startLookup([node(1, "20.9.9.9"), node(2), node(3), node(4, "20.9.9.9")], k=2)
        self.finish(lookup)
        self.assertEqual(list(map(contactOf, lookup.closest())), [node(1, "20.9.9.9"), node(2)])

    def test_publicSubnetIsAskedFewTimes(self) -> None:
        """
        Of 19 named hosts of a public /24 network, 12 are asked, as `LOOKUP_REQUESTS_PER_SUBNET`
        allows. A host of another network is asked too.
        """
        lookup = startLookup([node(100)])
        named = [node(number, f"20.9.9.{number}") for number in range(1, K)]
        self.nameNext(lookup, [*named, node(50)])
        asked = self.finish(lookup)
        self.assertEqual(asked, [*named[:LOOKUP_REQUESTS_PER_SUBNET], node(50)])

    def test_creditLimitsSilentCandidates(self) -> None:
        """
        Of 20 silent candidates named by one liar, 3 are asked, as `CREDIT` allows. The honest nodes
        farther away are asked next.
        """
        liar = node(100)
        honest = [node(number) for number in range(200, 200 + K)]
        lookup = startLookup([liar, *honest])
        dead = [node(number) for number in range(1, 1 + K)]
        self.nameNext(lookup, dead)
        asked = self.finish(lookup, silent=dead)
        self.assertEqual(len(set(asked) & set(dead)), CREDIT)
        # The liar answered too, which makes it one of the k results. One honest node fewer is
        # asked.
        self.assertTrue(set(honest[: K - 1]) <= set(asked))

    def test_uncreditedCandidatesAreAskedLast(self) -> None:
        """
        Candidates whose referrer has no credit left are asked last, while fewer than k nodes have
        answered.
        """
        lookup = startLookup([node(100)])
        dead = [node(number) for number in range(1, K)]
        self.nameNext(lookup, [*dead, node(50)])
        asked = self.finish(lookup, silent=dead)
        self.assertEqual(asked, [*dead, node(50)])
        self.assertEqual([each.distance for each in lookup.closest()], [50, 100])

    def runWithLiars(self, lookup: Lookup, liars: list[Contact]) -> list[Contact]:
        """
        Run a lookup in which each liar names k silent ids and every other known node answers.
        Return the asked contacts.
        """
        asked: list[Contact] = []
        while (candidate := lookup.next()) is not None:
            contact = contactOf(candidate)
            asked.append(contact)
            if contact in liars:
                first = 1 + K * liars.index(contact)
                named = [node(first + number) for number in range(K)]
                lookup.answered(candidate, answer(candidate.id, named))
            elif candidate.namedBy:
                for transmissions in range(1, 4):
                    if candidate.state is not State.FAILED:
                        lookup.late(candidate, transmissions)
                lookup.failed(candidate)
            else:
                lookup.answered(candidate, answer(candidate.id))
        self.assertTrue(lookup.isOver)
        return asked

    def test_silencesReduceCredit(self) -> None:
        """
        Eight liars have a total initial credit of 24. Fewer than 24 of the silent ids that they
        name are asked.
        """
        liars = [node(1000 + number) for number in range(8)]
        honest = [node(2000 + number) for number in range(8)]
        asked = self.runWithLiars(startLookup([*liars, *honest], k=8), liars)
        silent = set(asked) - set(liars) - set(honest)
        self.assertTrue(len(silent) < CREDIT * len(liars), len(silent))

    def test_namersOfSilentIdsTakeNoPlace(self) -> None:
        """Eight nodes that named only silent ids are returned beside the 8 closest other nodes."""
        liars = [node(1000 + number) for number in range(8)]
        honest = [node(2000 + number) for number in range(8)]
        lookup = startLookup([*liars, *honest], k=8)
        self.runWithLiars(lookup, liars)
        self.assertEqual(list(map(contactOf, lookup.closest())), [*liars, *honest])

    def test_answersEarnCredit(self) -> None:
        """All 20 candidates named by one node are asked if all of them answer."""
        lookup = startLookup([node(100), *(node(number) for number in range(200, 200 + K))])
        named = [node(number) for number in range(1, 1 + K)]
        self.nameNext(lookup, named)
        self.assertTrue(set(named) <= set(self.finish(lookup)))

    def test_oneReferrerPaysForACandidate(self) -> None:
        """When a candidate is asked, one of the three nodes that named it loses one credit."""
        lookup = startLookup([node(100), node(101), node(102)])
        sources = [lookup.next() for _ in range(3)]
        for source in sources:
            assert source is not None
            lookup.answered(source, answer(source.id, [node(5)]))
        lookup.next()
        credits = [source.credit for source in sources if source is not None]
        self.assertEqual(sorted(credits), [CREDIT - 1, CREDIT, CREDIT])

    def test_fewAreAskedWhileCreditMayBeEarned(self) -> None:
        """
        While answers in flight may still earn credit for a closer candidate, at most 5 requests are
        in flight, as `FIRST_WINDOW` allows.
        """
        lookup = startLookup([node(100), *(node(number) for number in range(200, 200 + K))])
        named = [node(number) for number in range(1, 1 + K)]
        self.nameNext(lookup, named)
        inFlight = list(iter(lookup.next, None))
        self.assertEqual([contactOf(each) for each in inFlight[:CREDIT]], named[:CREDIT])
        self.assertEqual(len(inFlight), FIRST_WINDOW)
        self.assertFalse(lookup.isOver)
        for each in inFlight[:CREDIT]:
            lookup.answered(each, answer(each.id))
        following = lookup.next()
        assert following is not None
        self.assertEqual(contactOf(following), named[CREDIT])

    def test_bootstrapNodeNeedsNoCredit(self) -> None:
        """All 20 candidates named by a bootstrap node are asked, although none of them answers."""
        lookup = Lookup(TARGET, OWN)
        lookup.addBootstrap([BOOTSTRAP])
        dead = [node(number) for number in range(1, 1 + K - 1)]
        self.nameNext(lookup, [*dead, node(50)])
        inFlight = []
        for candidate in iter(lookup.next, None):
            inFlight.append(candidate)
            lookup.late(candidate, 1)
        self.assertEqual(len(inFlight), K)

    def test_bootstrapNodeVouchesForUncreditedCandidate(self) -> None:
        """
        A candidate without a credited referrer is asked next as soon as a bootstrap node names it
        too.
        """
        lookup = startLookup([node(100), *(node(number) for number in range(200, 200 + K))])
        dead = [node(number) for number in range(1, K)]
        self.nameNext(lookup, [*dead, node(50)])
        for candidate in iter(lookup.next, None):
            lookup.failed(candidate)
            if candidate.distance >= 200:
                break
        lookup.addBootstrap([BOOTSTRAP])
        self.nameNext(lookup, [node(50)])
        following = lookup.next()
        assert following is not None
        self.assertEqual(contactOf(following), node(50))

    def test_lateReferrerEarnsNoCredit(self) -> None:
        """
        An answer earns credit for the node that named the candidate before it was asked. A node
        that named it afterwards gets none.
        """
        lookup = startLookup([node(100), node(101), node(300)])
        first, second = lookup.next(), lookup.next()
        assert first is not None and second is not None
        lookup.answered(first, answer(first.id, [node(5)]))
        named = lookup.next()
        assert named is not None
        lookup.answered(second, answer(second.id, [node(5)]))
        before = second.credit
        lookup.answered(named, answer(named.id))
        self.assertEqual(second.credit, before)
        self.assertGreater(first.credit, before)

    def test_secondReferrerPaysForUncreditedCandidate(self) -> None:
        """
        A candidate without a credited referrer is asked next as soon as a node with credit names it
        too.
        """
        lookup = startLookup(
            [node(100), node(101), *(node(number) for number in range(200, 200 + K))]
        )
        liar = lookup.next()
        witness = lookup.next()
        assert liar is not None and witness is not None
        dead = [node(number) for number in range(1, K)]
        lookup.answered(liar, answer(liar.id, [*dead, node(50)]))
        asked = []
        for candidate in iter(lookup.next, None):
            asked.append(contactOf(candidate))
            lookup.failed(candidate)
            if len(asked) == CREDIT + 2:
                break
        self.assertNotIn(node(50), asked)
        lookup.answered(witness, answer(witness.id, [node(50)]))
        following = lookup.next()
        assert following is not None
        self.assertEqual(contactOf(following), node(50))
