"""
The rules by which a node learns from answers and silences: silent addresses, probes, and checks.

A probe is a ping that other nodes make this node send. There are four kinds: claims, rechecks,
validations, and checks of a silent handler.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Address, Contact
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits import Silences
from dwdht_twisted._core.limits.bounds import (
    MAXIMUM_CHECKS,
    MAXIMUM_GUESSES,
    REQUEST_QUEUE,
    REQUEST_WINDOW,
)
from dwdht_twisted._core.routing import RoutingTable
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted._net.requests import Callbacks, Caller
from dwdht_twisted._net.requests.outgoing import TRANSMISSIONS
from dwdht_twisted.testing import SimulatedClock
from tests.helpers.networks.environments import environment
from tests.helpers.networks.requests import BODY, OTHER, PEER

#: The id of the node at `PEER`, and another id.
ID, OTHER_ID = b"\x80" * 32, b"\x40" * 32

#: An address that the node has never sent to.
UNKNOWN = Address("10.0.0.7", 7)


class CallerTestCase(SynchronousTestCase):
    """
    A base for tests of a `Caller` whose datagrams are collected in a list.

    :ivar sent: each datagram, with its destination
    :ivar table: the routing table that learns
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.sent: list[tuple[bytes, HostPort]] = []
        self.table = RoutingTable(bytes(32))
        self.silences = Silences()
        self.caller = Caller(
            environment(self.clock, lambda *datagram: self.sent.append(datagram)),
            self.table,
            self.silences,
        )

    def countTo(self, address: HostPort) -> int:
        """Return the number of datagrams that were sent to an address."""
        return sum(destination == address for _, destination in self.sent)

    def respond(self, to: bytes, source: HostPort, id: bytes | None = ID, change: int = 0) -> bool:
        """
        Deliver a response.

        :param to: the datagram that is answered
        :param change: is added to the transaction id
        :return: whether a request waited for the response
        """
        transactionId = (wire.transactionId(to) + change) % (1 << wire.TRANSACTION_ID_BITS)
        return self.caller.received(wire.encodeResponse(transactionId, id), source)

    def answerLast(self, source: HostPort, id: bytes | None = ID) -> bool:
        """Answer the last datagram, and return whether the answer was accepted."""
        return self.respond(self.sent[-1][0], source, id)

    def list(self, id: bytes = ID, address: Address = PEER) -> None:
        """Make an address a contact of the table."""
        self.caller.ping(address, Callbacks(lambda *_: None, lambda _: None))
        self.assertTrue(self.answerLast(address, id))
        self.assertTrue(self.table.hasProven(address))

    def silence(self, address: Address = PEER) -> None:
        """Have an address leave a request of the node's own unanswered."""
        self.caller.ping(address, Callbacks(lambda *_: None, lambda _: None))
        self.clock.runFor(20)


class GuessTests(CallerTestCase):
    """
    Answers with wrong transaction ids, from an address that is probed.
    """

    def claim(self) -> None:
        """Have an unknown node claim an id."""
        self.caller.probing.claimed(ID, PEER)

    def recheck(self) -> None:
        """Have another address claim the id of a contact that was not heard for a minute."""
        self.list()
        self.clock.runFor(60)
        self.caller.probing.claimed(ID, OTHER)

    def validate(self) -> None:
        """Validate an address."""
        self.caller.probing.validations.send(PEER, lambda isAnswered: None)

    def checkSilence(self) -> None:
        """Check the node of a silent handler."""
        self.caller.probing.checkSilence(PEER)

    def check(self, begin: Callable[[], None]) -> None:
        """Require that 15 wrong answers end no probe, and that 16 end it."""
        for guesses, isAccepted in ((MAXIMUM_GUESSES - 1, True), (MAXIMUM_GUESSES, False)):
            self.setUp()
            begin()
            ping, address = self.sent[-1]
            self.assertEqual(address, PEER)
            for number in range(guesses):
                self.assertFalse(self.respond(ping, PEER, change=1 + number))
            self.assertEqual(self.respond(ping, PEER), isAccepted)

    def test_guessesEndAClaim(self) -> None:
        """16 wrong answers end the probe of a claim. 15 do not."""
        self.check(self.claim)

    def test_guessesEndARecheck(self) -> None:
        """16 wrong answers end the recheck of a contact. 15 do not."""
        self.check(self.recheck)

    def test_guessesEndAValidation(self) -> None:
        """16 wrong answers end the validation of an address. 15 do not."""
        self.check(self.validate)

    def test_guessesEndACheckOfASilentHandler(self) -> None:
        """
        The check whether the node of a silent handler is alive is given up after 16 answers with a
        wrong transaction id.  After 15 such answers it goes on.
        """
        self.check(self.checkSilence)

    def test_guessesOfOthersEndNothing(self) -> None:
        """16 wrong answers from another port of the host end no probe."""
        self.claim()
        ping, _ = self.sent[-1]
        for number in range(MAXIMUM_GUESSES):
            self.assertFalse(self.respond(ping, (PEER.host, PEER.port + 1), change=1 + number))
        self.assertTrue(self.respond(ping, PEER))


class SilenceTests(CallerTestCase):
    """
    Addresses that leave requests unanswered.
    """

    def query(self, isForHandler: bool) -> None:
        """Send a query that nobody answers, and wait until it fails."""
        failures: list[Exception] = []
        self.caller.send(
            PEER,
            BODY,
            Callbacks(lambda *_: None, failures.append),
            isForHandler=isForHandler,
        )
        self.clock.runUntil(lambda: failures)

    def test_answerEndsASilence(self) -> None:
        """An address counts as silent after an unanswered request, until it answers."""
        self.silence()
        self.assertTrue(self.caller.isSilent(PEER))
        self.caller.ping(PEER, Callbacks(lambda *_: None, lambda _: None))
        self.assertTrue(self.answerLast(PEER))
        self.assertFalse(self.caller.isSilent(PEER))

    def test_silenceOfANodeCountsAtOnce(self) -> None:
        """After an unanswered request that needs no handler, its address counts as silent."""
        self.query(isForHandler=False)
        self.assertTrue(self.caller.isSilent(PEER))
        self.assertEqual(self.countTo(PEER), TRANSMISSIONS)

    def test_silentHandlerIsPinged(self) -> None:
        """
        After a handler has left a query unanswered, its node is pinged. The address counts as
        silent when the pings are unanswered too.
        """
        self.list()
        self.query(isForHandler=True)
        self.assertFalse(self.caller.isSilent(PEER))
        self.assertEqual(self.countTo(PEER), 1 + TRANSMISSIONS + 1)
        self.clock.runFor(20)
        self.assertTrue(self.caller.isSilent(PEER))
        self.assertGreater(self.countTo(PEER), 1 + TRANSMISSIONS + 1)

    def test_nodeOfASilentHandlerStaysListed(self) -> None:
        """A contact whose handler is silent stays in the table if it answers the ping."""
        self.list()
        self.query(isForHandler=True)
        self.assertTrue(self.answerLast(PEER))
        self.clock.runFor(20)
        self.assertFalse(self.caller.isSilent(PEER))
        self.assertTrue(self.table.hasProven(PEER))

    def test_silentAddressIsNotPingedAgain(self) -> None:
        """
        After a handler has left a query unanswered, its address isn't pinged if the address was
        silent within the last minute.
        """
        self.silence()
        before = self.countTo(PEER)
        self.query(isForHandler=True)
        self.clock.runFor(5)
        self.assertEqual(self.countTo(PEER), before + TRANSMISSIONS)

    def test_unansweredValidationIsNoSilence(self) -> None:
        """
        A contact that leaves the ping of a validation unanswered stays listed. It doesn't count as
        silent.
        """
        self.list()
        self.caller.probing.validations.send(PEER, lambda isAnswered: None)
        self.clock.runFor(20)
        self.assertTrue(self.table.hasProven(PEER))
        self.assertFalse(self.caller.isSilent(PEER))

    def test_goneAddressHasNoTimeoutOfItsOwn(self) -> None:
        """
        After a request for a handler and the following ping have timed out, the next request to
        their address has the same time-out as a request to an unknown address.
        """
        for address, seconds in [(PEER, 0.4)] + [(OTHER, 0.01)] * 20:
            self.caller.ping(address, Callbacks(lambda *_: None, lambda _: None))
            self.clock.runFor(seconds)
            self.assertTrue(self.answerLast(address))
        ignore = Callbacks(lambda *_: None, lambda _: None)
        self.assertGreater(self.caller.ping(PEER, ignore).timeout, 0.4)
        self.assertTrue(self.answerLast(PEER))
        self.query(isForHandler=True)
        self.clock.runFor(20)
        gone, unknown = self.caller.ping(PEER, ignore), self.caller.ping(UNKNOWN, ignore)
        self.assertEqual(gone.timeout, unknown.timeout)


class CheckTests(CallerTestCase):
    """
    Pings that tell the table which node is at an address.
    """

    def test_addressIsCheckedOnceAtATime(self) -> None:
        """
        While a check of an address is pending, another check sends no ping. After the check has
        been answered or has timed out, another check sends a ping.
        """
        self.caller.check(PEER)
        self.caller.check(PEER)
        self.assertEqual(self.countTo(PEER), 1)
        self.assertTrue(self.answerLast(PEER))
        self.caller.check(PEER)
        self.assertEqual(self.countTo(PEER), 2)
        self.clock.runFor(20)
        before = self.countTo(PEER)
        self.caller.check(PEER)
        self.assertEqual(self.countTo(PEER), before + 1)

    def test_checksAreLimited(self) -> None:
        """
        Of 129 addresses to check, 128 are pinged. The last address can be checked after another
        check has ended.
        """
        addresses = [Address("10.1.0.1", 1 + port) for port in range(MAXIMUM_CHECKS + 1)]
        for address in addresses:
            self.caller.check(address)
        self.assertEqual([to for _, to in self.sent], addresses[:-1])
        self.assertTrue(self.answerLast(addresses[-2], None))
        self.caller.check(addresses[-1])
        self.assertEqual(self.sent[-1][1], addresses[-1])

    def test_refusedCheckIsNotPending(self) -> None:
        """
        A check that finds the queue of requests full counts as no check. The address is pinged when
        it is to be checked again.
        """
        ignore = Callbacks(lambda *_: None, lambda _: None)
        requests = REQUEST_WINDOW + REQUEST_QUEUE
        pings = [self.caller.ping(OTHER, ignore) for _ in range(requests)]
        self.caller.check(PEER)
        for ping in pings:
            self.caller.requests.cancel(ping)
        self.assertEqual(self.countTo(PEER), 0)
        self.caller.check(PEER)
        self.assertEqual(self.countTo(PEER), 1)

    def test_recalledContactIsPingedOnce(self) -> None:
        """A contact of an earlier run is pinged once."""
        self.caller.recall(Contact(ID, *PEER))
        self.assertEqual(self.countTo(PEER), 1)
        self.assertTrue(self.answerLast(PEER))
        self.assertTrue(self.table.hasProven(PEER))

    def test_silentContactIsRecalled(self) -> None:
        """A contact of an earlier run is pinged although its address was silent lately."""
        self.silence()
        before = self.countTo(PEER)
        self.caller.recall(Contact(ID, *PEER))
        self.assertEqual(self.countTo(PEER), before + 1)

    def test_unansweredClaimIsWithdrawn(self) -> None:
        """A claim counts as probed until its pings have timed out, and not afterwards."""
        self.caller.probing.claimed(ID, PEER)
        self.assertTrue(self.caller.probing.isClaimProbed(PEER))
        self.clock.runFor(20)
        self.assertFalse(self.caller.probing.isClaimProbed(PEER))
        self.assertEqual(self.table.contacts(), [])
