"""
Tests for `dwdht_twisted.lookup`: how far it believes what others say.
"""

from __future__ import annotations

from collections.abc import Iterable

from dwdht_twisted._core.limits.bounds import (
    LOOKUP_REQUESTS_PER_HOST,
    LOOKUP_REQUESTS_PER_SUBNET,
    LOOKUP_WINDOW,
    MAXIMUM_TOO_CLOSE,
    TOO_CLOSE,
)
from dwdht_twisted._core.lookup import CREDIT, Candidate, Lookup, State
from dwdht_twisted._core.lookup.lookup import FIRST_WINDOW
from dwdht_twisted._core.routing import K
from dwdht_twisted._core.wire import Contact
from tests.core.lookup.test_lookup import (
    BOOTSTRAP,
    OWN,
    TARGET,
    LookupTestCase,
    contactOf,
    looking,
    node,
)
from tests.helpers.core.contacts import compact, near
from tests.helpers.core.lookup_network import answer


class DistrustTests(LookupTestCase):
    """
    Tests for how far the word of others is believed.
    """

    def name(self, lookup: Lookup, contacts: Iterable[Contact], junk: bytes = b"") -> Candidate:
        """Have the next candidate answer and name some contacts."""
        candidate = lookup.next()
        assert candidate is not None
        message = answer(candidate.id, contacts)
        lookup.answered(candidate, message._replace(nodes=(message.nodes or b"") + junk))
        return candidate

    def test_badEntries(self) -> None:
        """A bad entry in an answer costs none of the good ones."""
        lookup = looking([node(100)])
        bad = [
            Contact(near(TARGET, 1), "0.0.0.0", 80),
            Contact(near(TARGET, 2), "224.0.0.1", 80),
            Contact(near(TARGET, 3), "20.0.0.1", 0),
        ]
        self.name(lookup, [bad[0], node(5), bad[1], node(6), bad[2]], b"rest")
        self.assertEqual(self.finish(lookup), [node(5), node(6)])

    def test_longAnswer(self) -> None:
        """Of an answer that is longer than k the rest is left out."""
        lookup = looking([node(100)], k=3)
        self.name(lookup, [node(5), node(6), node(7), node(1)])
        self.assertNotIn(node(1), self.finish(lookup))

    def test_privateFromPublic(self) -> None:
        """A private address that a public node names isn't asked."""
        lookup = looking([node(100)])
        self.name(lookup, [node(5, "10.0.0.1"), node(6, "127.0.0.1"), node(7)])
        self.assertEqual(self.finish(lookup), [node(7)])

    def test_privateFromPrivate(self) -> None:
        """What a private node names is asked, be it private or public."""
        lookup = looking([node(100, "10.0.0.9")])
        self.name(lookup, [node(5, "10.0.0.1"), node(7)])
        self.assertEqual(self.finish(lookup), [node(5, "10.0.0.1"), node(7)])

    def test_privateFromBoth(self) -> None:
        """A private address that a public node names is asked once a private node names it too."""
        lookup = looking([node(100), node(200, "10.0.0.9")])
        self.name(lookup, [node(5, "10.0.0.1")])
        private = lookup.next()
        assert private is not None
        lookup.answered(private, answer(private.id, [node(5, "10.0.0.1")]))
        self.assertIn(node(5, "10.0.0.1"), self.finish(lookup))

    def test_privateKnown(self) -> None:
        """A private address that the searcher knows by itself is asked."""
        lookup = looking([node(5, "10.0.0.1")])
        self.assertEqual(self.finish(lookup), [node(5, "10.0.0.1")])

    def test_oneAddress(self) -> None:
        """One address is asked once, under however many ids it is named."""
        lookup = looking([node(100)])
        self.name(lookup, [node(number)._replace(host="20.9.9.9", port=9) for number in range(20)])
        self.assertEqual(len(self.finish(lookup)), 1)

    def test_publicHost(self) -> None:
        """A public host is asked a few times only, and a private one as often as it is named."""
        for host, expected in (("20.9.9.9", LOOKUP_REQUESTS_PER_HOST), ("10.9.9.9", 15)):
            lookup = looking([node(100, "10.0.0.9")])
            self.name(lookup, [node(number, host) for number in range(1, 16)])
            asked = self.finish(lookup)
            self.assertEqual(len(asked), expected)
            self.assertEqual(asked[0], node(1, host))

    def test_publicHostCountsOnce(self) -> None:
        """The nodes of one public host displace no others among the k closest, nor are left out."""
        first = node(100, "10.0.0.9")
        for host, more in (("20.9.9.9", [first]), ("10.9.9.9", [])):
            lookup = looking([first], k=4)
            named = [node(1, host), node(2, host), node(5), node(6)]
            self.name(lookup, named)
            self.finish(lookup)
            found = [contactOf(each) for each in lookup.closest()]
            self.assertEqual(found, [*named, *more])

    def test_oneIdAtManyAddresses(self) -> None:
        """Of those that answer under one id one takes a place, and the others are found as well."""
        twins = [node(1, f"20.9.{number}.1") for number in range(3)]
        others = [node(number) for number in range(2, 6)]
        lookup = looking([*twins, *others], k=4)
        self.finish(lookup)
        self.assertEqual(list(map(contactOf, lookup.closest())), [*twins, *others[:3]])

    def test_tooClose(self) -> None:
        """Who stands closer to the target than chance would put it is found in addition to k."""
        spacing = TOO_CLOSE << 8
        lookup = Lookup(TARGET, OWN, k=4, spacing=spacing)
        chosen = [node(number) for number in range(2)]
        honest = [node((1 << 8) + number) for number in range(6)]
        lookup.addContacts(compact([*chosen, *honest]))
        self.assertEqual(self.finish(lookup), [*chosen, *honest[:4]])
        self.assertEqual(list(map(contactOf, lookup.closest())), [*chosen, *honest[:4]])

    def test_manyTooClose(self) -> None:
        """When many of those have answered, no more of them are asked."""
        lookup = Lookup(TARGET, OWN, k=4, spacing=TOO_CLOSE << 8)
        honest = [node((1 << 8) + number) for number in range(4)]
        lookup.addContacts(compact([node(number) for number in range(100)] + honest))
        asked = self.finish(lookup)
        self.assertTrue(MAXIMUM_TOO_CLOSE <= len(asked) - 4 <= MAXIMUM_TOO_CLOSE + LOOKUP_WINDOW)
        self.assertTrue(set(asked) >= set(honest))

    def test_targetAmongTooClose(self) -> None:
        """The node that has the target for its id is asked, however many stand next to it."""
        lookup = Lookup(TARGET, OWN, k=4, spacing=TOO_CLOSE << 8)
        lookup.addContacts(compact(node(1 + number) for number in range(MAXIMUM_TOO_CLOSE)))
        self.finish(lookup)
        lookup.addContacts(compact([node(0), node(100)]))
        self.assertEqual(self.finish(lookup), [node(0)])

    def test_bootstrapTooClose(self) -> None:
        """A bootstrap node that answers under an id next to the target takes no place either."""
        lookup = Lookup(TARGET, OWN, k=4, spacing=TOO_CLOSE << 8)
        lookup.addBootstrap([BOOTSTRAP])
        honest = [node((1 << 8) + number) for number in range(6)]
        bootstrap = lookup.next()
        assert bootstrap is not None
        lookup.answered(bootstrap, answer(near(TARGET, 1), honest))
        self.finish(lookup)
        found = list(map(contactOf, lookup.closest()))
        self.assertEqual(found, [Contact(near(TARGET, 1), *BOOTSTRAP), *honest[:4]])

    def test_extrasAreClose(self) -> None:
        """Further nodes of a public host are found when they are as close as the k closest."""
        lookup = looking([node(1, "20.9.9.9"), node(2), node(3), node(4, "20.9.9.9")], k=2)
        self.finish(lookup)
        self.assertEqual(list(map(contactOf, lookup.closest())), [node(1, "20.9.9.9"), node(2)])

    def test_publicSubnet(self) -> None:
        """A public /24 network is asked a few times more, and the rest of the world as ever."""
        lookup = looking([node(100)])
        named = [node(number, f"20.9.9.{number}") for number in range(1, K)]
        self.name(lookup, [*named, node(50)])
        asked = self.finish(lookup)
        self.assertEqual(asked, [*named[:LOOKUP_REQUESTS_PER_SUBNET], node(50)])

    def test_credit(self) -> None:
        """A node that names silent candidates is believed for a few of them, before others."""
        liar = node(100)
        honest = [node(number) for number in range(200, 200 + K)]
        lookup = looking([liar, *honest])
        dead = [node(number) for number in range(1, 1 + K)]
        self.name(lookup, dead)
        asked = self.finish(lookup, silent=dead)
        self.assertEqual(len(set(asked) & set(dead)), CREDIT)
        # Those of the honest that the liar stands closer than find their places around it.
        self.assertTrue(set(honest[: K - 1]) <= set(asked))

    def test_lastResort(self) -> None:
        """Who is named without credit is asked when there is nobody else and k aren't found."""
        lookup = looking([node(100)])
        dead = [node(number) for number in range(1, K)]
        self.name(lookup, [*dead, node(50)])
        asked = self.finish(lookup, silent=dead)
        self.assertEqual(asked, [*dead, node(50)])
        self.assertEqual([each.distance for each in lookup.closest()], [50, 100])

    def lie(self, lookup: Lookup, liars: list[Contact]) -> list[Contact]:
        """Have liars name silent ids, and all others answer; say who was asked."""
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

    def test_silenceCostsCredit(self) -> None:
        """When many of the named are silent, hardly any more are asked on the word of others."""
        liars = [node(1000 + number) for number in range(8)]
        honest = [node(2000 + number) for number in range(8)]
        asked = self.lie(looking([*liars, *honest], k=8), liars)
        silent = set(asked) - set(liars) - set(honest)
        self.assertTrue(len(silent) < CREDIT * len(liars), len(silent))

    def test_silenceCostsPlaces(self) -> None:
        """Those that only named silent ids are found in addition to the k closest others."""
        liars = [node(1000 + number) for number in range(8)]
        honest = [node(2000 + number) for number in range(8)]
        lookup = looking([*liars, *honest], k=8)
        self.lie(lookup, liars)
        self.assertEqual(list(map(contactOf, lookup.closest())), [*liars, *honest])

    def test_creditEarned(self) -> None:
        """A node whose candidates answer is believed for all that it names."""
        lookup = looking([node(100), *(node(number) for number in range(200, 200 + K))])
        named = [node(number) for number in range(1, 1 + K)]
        self.name(lookup, named)
        self.assertTrue(set(named) <= set(self.finish(lookup)))

    def test_creditIsShared(self) -> None:
        """Of several nodes that name a silent candidate, one pays for it."""
        lookup = looking([node(100), node(101), node(102)])
        sources = [lookup.next() for _ in range(3)]
        for source in sources:
            assert source is not None
            lookup.answered(source, answer(source.id, [node(5)]))
        lookup.next()
        credits = [source.credit for source in sources if source is not None]
        self.assertEqual(sorted(credits), [CREDIT - 1, CREDIT, CREDIT])

    def test_waitsForCredit(self) -> None:
        """
        While answers may come that earn a closer candidate its credit, few others are asked.
        """
        lookup = looking([node(100), *(node(number) for number in range(200, 200 + K))])
        named = [node(number) for number in range(1, 1 + K)]
        self.name(lookup, named)
        inFlight = list(iter(lookup.next, None))
        self.assertEqual([contactOf(each) for each in inFlight[:CREDIT]], named[:CREDIT])
        self.assertEqual(len(inFlight), FIRST_WINDOW)
        self.assertFalse(lookup.isOver)
        for each in inFlight[:CREDIT]:
            lookup.answered(each, answer(each.id))
        following = lookup.next()
        assert following is not None
        self.assertEqual(contactOf(following), named[CREDIT])

    def test_bootstrapCredit(self) -> None:
        """A bootstrap node is believed, however many of those that it names are silent."""
        lookup = Lookup(TARGET, OWN)
        lookup.addBootstrap([BOOTSTRAP])
        dead = [node(number) for number in range(1, 1 + K - 1)]
        self.name(lookup, [*dead, node(50)])
        inFlight = []
        for candidate in iter(lookup.next, None):
            inFlight.append(candidate)
            lookup.late(candidate, 1)
        self.assertEqual(len(inFlight), K)

    def test_corroboratedByBootstrap(self) -> None:
        """A bootstrap node's word is enough for a candidate that waits for want of credit."""
        lookup = looking([node(100), *(node(number) for number in range(200, 200 + K))])
        dead = [node(number) for number in range(1, K)]
        self.name(lookup, [*dead, node(50)])
        for candidate in iter(lookup.next, None):
            lookup.failed(candidate)
            if candidate.distance >= 200:
                break
        lookup.addBootstrap([BOOTSTRAP])
        self.name(lookup, [node(50)])
        following = lookup.next()
        assert following is not None
        self.assertEqual(contactOf(following), node(50))

    def test_lateReferrer(self) -> None:
        """Who names a candidate that is asked already has risked nothing, and earns nothing."""
        lookup = looking([node(100), node(101), node(300)])
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

    def test_corroborated(self) -> None:
        """A candidate that a node without credit names is asked when another names it too."""
        lookup = looking([node(100), node(101), *(node(number) for number in range(200, 200 + K))])
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
