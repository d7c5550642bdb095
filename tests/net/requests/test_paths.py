"""
Requests on several paths: through a referrer, and to an address that a hole punch has opened.
"""

from __future__ import annotations

from dwdht_twisted import Address
from dwdht_twisted._net.requests import Callbacks
from dwdht_twisted._net.requests.outgoing import RELAY_WAITS, TRANSMISSIONS
from tests.helpers.networks.requests import OTHER, PEER, RequestsTestCase


class TwoWaysTests(RequestsTestCase):
    """
    A request that goes to a peer and to a referrer under one transaction id.
    """

    def setUp(self) -> None:
        super().setUp()
        self.requests.sendThrough(
            PEER,
            OTHER,
            b"relayed",
            Callbacks(
                lambda message, source: self.answers.append((message, source)),
                self.failures.append,
            ),
            b"direct",
        )

    def test_bothDatagramsShareATransactionId(self) -> None:
        """
        One datagram goes to the peer and another to the referrer, with the same transaction id.
        """
        (direct, peer), (relayed, referrer) = self.sent
        self.assertEqual((peer, referrer), (PEER, OTHER))
        self.assertEqual((direct[2:], relayed[2:]), (b"direct", b"relayed"))
        self.assertEqual(direct[:2], relayed[:2])

    def test_anotherPortOfThePeerMayAnswer(self) -> None:
        """
        An answer from another port of the peer's host is taken.
        """
        self.assertTrue(self.answer(source=(PEER.host, 4321)))

    def test_referrerMayNotAnswer(self) -> None:
        """
        An answer from the referrer is not taken.
        """
        self.assertFalse(self.answer(source=OTHER))

    def test_silenceIsThatOfThePeer(self) -> None:
        """
        A request without an answer is sent four times on each way, and the peer counts as silent.
        """
        self.clock.runFor(20)
        self.assertEqual(self.missed, [PEER])
        self.assertEqual(len(self.sent), 2 * TRANSMISSIONS)


class RelayTests(RequestsTestCase):
    """
    A ping that a referrer relays, while the request itself is in flight.
    """

    def test_silenceOfARelayedPingTellsNothing(self) -> None:
        """
        A relayed ping without an answer is sent to the referrer twice, and neither address counts
        as silent.
        """
        self.requests.sendThrough(
            PEER, OTHER, b"relayed", Callbacks(lambda message, source: None, self.failures.append)
        )
        self.clock.runFor(20)
        self.assertEqual([address for _, address in self.sent], [OTHER] * len(RELAY_WAITS))
        self.assertEqual(len(self.failures), 1)
        self.assertEqual(self.missed, [])


class RedirectTests(RequestsTestCase):
    """
    A request that goes on at another port of its peer, which a hole punch has opened.
    """

    def setUp(self) -> None:
        super().setUp()
        self.moved = Address(PEER.host, 4321)
        self.request = self.send()
        self.clock.runUntil(lambda: self.late)
        self.requests.redirect(self.request, self.moved)

    def test_redirectedRequestIsTheSameDatagram(self) -> None:
        """
        The first datagram is sent to the new address once more.
        """
        self.assertEqual(self.sent[-1], (self.sent[0][0], self.moved))

    def test_formerAddressMayAnswer(self) -> None:
        """
        An answer from the former address is taken.
        """
        self.assertTrue(self.answer(source=PEER))

    def test_redirectedRequestIsRetriedAsOften(self) -> None:
        """
        A redirected request is retried at the new address as often as at the old one, and then
        fails once.
        """
        self.clock.runFor(20)
        retries = [address for _, address in self.sent[3:]]
        self.assertEqual(retries, [self.moved] * (TRANSMISSIONS - 2))
        self.assertEqual(len(self.failures), 1)
