"""
Requests on several paths: through a referrer, and to an address that a hole punch opened.
"""

from __future__ import annotations

from dwdht_twisted import Address
from dwdht_twisted._net.requests import Callbacks
from dwdht_twisted._net.requests.outgoing import RELAY_WAITS, TRANSMISSIONS
from tests.helpers.networks.requests import OTHER, PEER, RequestsTestCase


class TwoWaysTests(RequestsTestCase):
    """
    A request sent to a peer and to a referrer with one transaction id.
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
        One datagram goes to the peer and one to the referrer. They have the same transaction id.
        """
        (direct, peer), (relayed, referrer) = self.sent
        self.assertEqual((peer, referrer), (PEER, OTHER))
        self.assertEqual((direct[2:], relayed[2:]), (b"direct", b"relayed"))
        self.assertEqual(direct[:2], relayed[:2])

    def test_anotherPortOfThePeerMayAnswer(self) -> None:
        """An answer from another port of the peer's host is accepted."""
        self.assertTrue(self.answer(source=(PEER.host, 4321)))

    def test_answerProvesNothing(self) -> None:
        """
        An answer is reported as one that may be forged, because the referrer knows its transaction
        id.
        """
        self.assertTrue(self.answer())
        self.assertEqual(self.heard, [])
        self.assertEqual(self.listener.reachedAddresses, [PEER])

    def test_referrerMayNotAnswer(self) -> None:
        """An answer from the referrer is refused."""
        self.assertFalse(self.answer(source=OTHER))

    def test_silenceIsThatOfThePeer(self) -> None:
        """
        Without an answer, the request is sent four times on each path. Only the peer counts as
        silent.
        """
        self.clock.runFor(20)
        self.assertEqual(self.missed, [PEER])
        self.assertEqual(len(self.sent), 2 * TRANSMISSIONS)


class RelayTests(RequestsTestCase):
    """
    A ping sent only to a referrer that relays it.
    """

    def test_silenceOfARelayedPingTellsNothing(self) -> None:
        """
        Without an answer, a relayed ping is sent to the referrer twice. Neither the peer nor the
        referrer counts as silent.
        """
        self.requests.sendThrough(
            PEER, OTHER, b"relayed", Callbacks(lambda message, source: None, self.failures.append)
        )
        self.clock.runFor(20)
        self.assertEqual([address for _, address in self.sent], [OTHER] * len(RELAY_WAITS))
        self.assertEqual(len(self.failures), 1)
        self.assertEqual(self.missed, [])

    def test_answerToARelayedPingIsNotReported(self) -> None:
        """
        The answer to a relayed ping reaches the callback of the ping. It is reported neither as
        proof nor as an answer that may be forged.
        """
        self.requests.sendThrough(
            PEER,
            OTHER,
            b"relayed",
            Callbacks(
                lambda message, source: self.answers.append((message, source)),
                self.failures.append,
            ),
        )
        self.assertTrue(self.answer())
        self.assertEqual(len(self.answers), 1)
        self.assertEqual((self.heard, self.listener.reachedAddresses), ([], []))


class RedirectTests(RequestsTestCase):
    """
    A request that continues at another port of its peer, which a hole punch opened.
    """

    def setUp(self) -> None:
        super().setUp()
        self.moved = Address(PEER.host, 4321)
        self.request = self.send()
        self.clock.runUntil(lambda: self.late)
        self.requests.redirect(self.request, self.moved)

    def test_redirectedRequestIsTheSameDatagram(self) -> None:
        """A redirected request sends its first datagram again, to the new address."""
        self.assertEqual(self.sent[-1], (self.sent[0][0], self.moved))

    def test_formerAddressMayAnswer(self) -> None:
        """An answer from the old address is accepted."""
        self.assertTrue(self.answer(source=PEER))

    def test_answerOnAnotherPortProvesNothing(self) -> None:
        """
        After a redirection to another port, an answer from either port is one that may be forged,
        because both ports know the transaction id.
        """
        self.assertTrue(self.answer(source=self.moved))
        self.assertEqual(self.heard, [])
        self.assertEqual(self.listener.reachedAddresses, [self.moved])

    def test_answerOnTheSamePortIsProof(self) -> None:
        """After a redirection to the same address, the answer is proof."""
        request = self.send()
        self.clock.runUntil(lambda: len(self.late) > 1)
        self.requests.redirect(request, PEER)
        self.assertTrue(self.answer())
        self.assertEqual(self.heard, [PEER])

    def test_redirectedRequestIsRetriedAsOften(self) -> None:
        """
        A request is redirected after two transmissions to the old address. It is sent three times
        to the new address, and then fails once.
        """
        self.clock.runFor(20)
        retries = [address for _, address in self.sent[3:]]
        self.assertEqual(retries, [self.moved] * (TRANSMISSIONS - 2))
        self.assertEqual(len(self.failures), 1)
