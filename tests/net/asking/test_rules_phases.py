"""
The rules for requests and hole punches that become needless.
"""

from __future__ import annotations

from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import Address, Contact, DHTError, Reply
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import REQUEST_WINDOW
from dwdht_twisted._core.lookup import Lookup
from dwdht_twisted._core.lookup.lookup import RETRY_BUDGET
from dwdht_twisted._core.lookup.pending import PATIENCE
from dwdht_twisted._core.routing import RoutingTable
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted._net.asking.delivery import Delivery
from dwdht_twisted._net.asking.driver import SearchDriver, Start
from dwdht_twisted._net.asking.local import LocalNode
from dwdht_twisted._net.asking.slots import QuerySlots
from dwdht_twisted._net.question import Question
from dwdht_twisted._net.requests import Callbacks, Caller
from dwdht_twisted._net.requests.outgoing import RELAY_WAITS, TRANSMISSIONS
from dwdht_twisted.testing import SimulatedClock
from tests.helpers.core.contacts import compact
from tests.helpers.core.lookups import OWN, TARGET, node
from tests.helpers.networks.doubles import Consumer
from tests.helpers.networks.environments import accountOf, environment
from tests.helpers.networks.nodes import COMMAND

#: Two contacts of the searching node. The first of them names a silent node closer to the target.
FIRST, SECOND, SILENT = node(10), node(11), node(5)

#: The token in each answer.
TOKEN = b"t" * 32


class DriverTestCase(SynchronousTestCase):
    """
    A base for tests of one question, whose datagrams are collected in a list.

    :ivar sent: each datagram, with its destination
    :ivar replies: the delivered replies
    :ivar ends: the reason of the end, which is None after a success
    :ivar isPaused: whether the receiver of the replies is paused
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.sent: list[tuple[bytes, HostPort]] = []
        self.replies: list[Reply] = []
        self.ends: list[DHTError | None] = []
        self.isPaused = False
        self.dueSince = 0.0
        self.caller = Caller(
            environment(self.clock, lambda *datagram: self.sent.append(datagram)),
            RoutingTable(OWN),
        )

    @property
    def mayAsk(self) -> bool:
        """See `Receiver.mayAsk`."""
        return not self.isPaused

    def rest(self) -> None:
        """See `Receiver.rest`.  Nothing happens, because the question has no slot."""

    def proceed(self) -> None:
        """See `Receiver.proceed`."""
        self.driver.advance()

    def deliver(self, reply: Reply) -> None:
        """See `Receiver.deliver`."""
        self.replies.append(reply)

    def finished(self, reason: DHTError | None) -> None:
        """See `Receiver.finished`."""
        self.ends.append(reason)
        self.driver.stop()

    def begin(self, *contacts: Contact, k: int = 2, **options: Any) -> None:
        """Ask a question, with these contacts as the first candidates."""
        question = Question(COMMAND, TARGET, **options)
        # The searching node is no candidate, so it is never asked.
        account = accountOf(question, self.clock)
        self.driver = SearchDriver(account, self.caller, cast(LocalNode, None))
        self.lookup = Lookup(TARGET, OWN, k=k)
        self.lookup.addContacts(compact(contacts))
        self.driver.start(lambda advance, dueSince: Start(self.lookup), self)

    def requestsTo(self, contact: Contact) -> list[wire.RequestMessage]:
        """Return the requests for the command that a contact was sent."""
        return [
            message
            for datagram, address in self.sent
            if address == contact.address
            and isinstance(message := wire.decode(datagram), wire.RequestMessage)
            and message.command == COMMAND
        ]

    def relaysThrough(self, contact: Contact) -> list[wire.RequestMessage]:
        """Return the pings that a contact was asked to relay."""
        return [
            message
            for datagram, address in self.sent
            if address == contact.address
            and isinstance(message := wire.decode(datagram), wire.RequestMessage)
            and message.forwardRequest is not None
        ]

    def answer(
        self,
        contact: Contact,
        *named: Contact,
        request: wire.RequestMessage | None = None,
        token: bytes | None = TOKEN,
    ) -> bool:
        """
        Have a contact answer a request, by default the last one for the command.

        :return: whether the answer was waited for
        """
        request = request or self.requestsTo(contact)[-1]
        nodes = compact(named) if named else None
        datagram = wire.encodeResponse(request.transactionId, contact.id, nodes, None, token)
        return self.caller.received(datagram, contact.address)

    def punch(self, k: int = 3, **options: Any) -> None:
        """Begin a hole punch to the silent node. Another node's request stays pending."""
        self.begin(FIRST, SECOND, k=k, **options)
        self.answer(FIRST, SILENT)
        self.clock.runUntil(lambda: self.relaysThrough(FIRST))


class PunchTests(DriverTestCase):
    """
    Hole punches that are under way while something else happens.
    """

    def assertPunchEnded(self, inFlight: int) -> None:
        """
        Require that this many requests are in flight, and that no further ping is relayed.
        """
        self.assertEqual(self.caller.requests.inFlight, inFlight)
        before = len(self.relaysThrough(FIRST))
        self.clock.runFor(10)
        self.assertEqual(len(self.relaysThrough(FIRST)), before)

    def test_unansweredPunchIsRepeated(self) -> None:
        """Without an answer, the referrer is asked to relay two pings."""
        self.punch()
        self.clock.runFor(10)
        self.assertEqual(len(self.relaysThrough(FIRST)), len(RELAY_WAITS))

    def test_answerEndsThePunch(self) -> None:
        """When the silent node answers the request itself, its hole punch ends."""
        self.punch()
        self.assertTrue(self.answer(SILENT))
        self.assertPunchEnded(inFlight=1)
        self.assertEqual(len(self.requestsTo(SILENT)), 2)

    def test_givingUpEndsThePunch(self) -> None:
        """
        After half of the retry budget is spent, a node is given up after two transmissions. Its
        request and its hole punch end. This node and the other silent node count as one error each.
        """
        self.punch()
        for candidate in list(self.lookup._pending._transmissions):
            for _ in range(RETRY_BUDGET):
                self.lookup.punched(candidate)
        # A paused question doesn't end, which would end its requests too.
        self.isPaused = True
        self.clock.runUntil(lambda: self.driver.account.errors == 2)
        self.assertEqual(len(self.requestsTo(SILENT)), PATIENCE)
        self.assertPunchEnded(inFlight=0)
        self.assertEqual(self.driver.account.errors, 2)

    def test_oneOpenPathEndsTheOtherPunch(self) -> None:
        """
        When the hole punch through one referrer succeeds, the hole punch through the other referrer
        ends.
        """
        self.begin(FIRST, SECOND, k=3)
        self.answer(FIRST, SILENT)
        self.answer(SECOND, SILENT)
        # The second referrer is closer to the silent node, so the first one is asked later.
        self.clock.runUntil(lambda: self.relaysThrough(FIRST))
        self.assertEqual(self.caller.requests.inFlight, 3)
        [relayed] = self.relaysThrough(FIRST)
        self.assertTrue(self.answer(SILENT, request=relayed))
        self.assertEqual(self.caller.requests.inFlight, 1)

    def test_stopEndsThePunch(self) -> None:
        """When the question is stopped, its requests and its hole punch end."""
        self.punch()
        self.driver.stop()
        self.assertPunchEnded(inFlight=0)

    def test_silentNodeIsOneError(self) -> None:
        """A node that is silent to its request and to its hole punch counts as one error."""
        self.punch()
        self.assertTrue(self.answer(SECOND))
        self.clock.runFor(20)
        self.assertEqual(self.driver.account.errors, 1)
        self.assertEqual(self.ends, [None])

    def test_openPathIsNotPunchedAgain(self) -> None:
        """
        After the hole punch through one referrer has succeeded, no ping to the node is relayed
        through the other, although the node never answers its request.
        """
        self.begin(FIRST, SECOND, k=3)
        self.answer(FIRST, SILENT)
        self.answer(SECOND, SILENT)
        # The second referrer is closer to the silent node, so it is asked first.
        self.clock.runUntil(lambda: self.relaysThrough(SECOND))
        self.assertTrue(self.answer(SILENT, request=self.relaysThrough(SECOND)[0]))
        self.clock.runFor(10)
        self.assertEqual((len(self.relaysThrough(SECOND)), self.relaysThrough(FIRST)), (1, []))


class QueuedPunchTests(DriverTestCase):
    """
    A hole punch that waits in the full queue of requests until the request to its node has failed.
    """

    def setUp(self) -> None:
        super().setUp()
        self.begin(FIRST, SECOND, k=3)
        self.answer(FIRST, SILENT)
        ignore = Callbacks(lambda *_: None, lambda _: None)
        while self.caller.requests.inFlight < REQUEST_WINDOW:
            self.caller.ping(Address("10.0.0.1", 1 + len(self.sent)), ignore)
        self.clock.runUntil(lambda: self.relaysThrough(FIRST))
        # The request to the silent node has failed, but the node is not lost.
        self.assertEqual(len(self.requestsTo(SILENT)), TRANSMISSIONS)
        self.assertFalse(self.answer(SILENT))
        self.assertEqual((self.driver.account.errors, self.ends), (0, []))

    def test_failedNodeIsAskedAnew(self) -> None:
        """When the hole punch opens a path, the node is asked again. Its answer is a result."""
        self.assertTrue(self.answer(SILENT, request=self.relaysThrough(FIRST)[0]))
        self.assertEqual(len(self.requestsTo(SILENT)), TRANSMISSIONS + 1)
        self.assertTrue(self.answer(SILENT))
        self.assertEqual([reply.node for reply in self.replies], [FIRST, SILENT])
        self.clock.runFor(10)
        # The other contact never answers.
        self.assertEqual((self.driver.account.errors, self.ends), (1, [None]))

    def test_failedPunchIsTheEnd(self) -> None:
        """
        If the hole punch is unanswered too, the node and the other silent node count as one error
        each.
        """
        self.clock.runFor(10)
        self.assertEqual((self.driver.account.errors, self.ends), (2, [None]))


class AbandonTests(DriverTestCase):
    """
    A delivery that the garbage collector has abandoned, before the next turn of the reactor.
    """

    def test_abandonedDeliveryAsksNoOther(self) -> None:
        """
        After an answer arrives, an abandoned delivery asks no further node and writes no reply. Its
        Deferred doesn't fire.
        """
        self.begin(FIRST, SECOND)
        self.driver.stop()
        consumer, running = Consumer(), set[Delivery]()
        delivery = Delivery(self.driver, running, QuerySlots())
        lookup = Lookup(TARGET, OWN, k=2)
        lookup.addContacts(compact([FIRST, SECOND]))
        done: Deferred[None] = Deferred()
        delivery.start(consumer, delivery, lambda advance, dueSince: Start(lookup), done)
        delivery.abandon()
        self.assertEqual(running, set())
        self.answer(FIRST, SILENT)
        self.assertEqual((self.requestsTo(SILENT), consumer.items), ([], []))
        self.assertNoResult(done)
        delivery.stopProducing()
        self.successResultOf(done)


class CommitTests(DriverTestCase):
    """
    The beginning of the commit, the second phase of an update.
    """

    def test_commitEndsTheLookup(self) -> None:
        """
        When the commit begins, the pending request of the lookup and its hole punch end. Only the
        two updates are in flight, and neither is sent through a referrer.
        """
        self.punch(k=2, isUpdate=True)
        self.assertTrue(self.answer(SECOND))
        self.clock.runUntil(lambda: self.requestsTo(SECOND)[-1].roundtripToken)
        self.assertEqual(self.caller.requests.inFlight, 2)
        queries, relays = len(self.requestsTo(SILENT)), len(self.relaysThrough(FIRST))
        self.assertFalse(self.answer(SILENT))
        self.clock.runFor(20)
        self.assertEqual(len(self.requestsTo(SILENT)), queries)
        self.assertEqual(len(self.relaysThrough(FIRST)), relays)

    def test_updateCarriesTheTokenOfItsReceiver(self) -> None:
        """Each update carries the token that its receiver gave. The queries carry none."""
        self.begin(FIRST, SECOND, isUpdate=True)
        tokens = {FIRST: b"1" * 32, SECOND: b"2" * 32}
        for contact, token in tokens.items():
            self.answer(contact, token=token)
        for contact, token in tokens.items():
            sent = [message.roundtripToken for message in self.requestsTo(contact)]
            self.assertEqual(sent, [None, token])

    def commit(self, **options: Any) -> None:
        """Run both phases of an update with two nodes."""
        self.begin(FIRST, SECOND, isUpdate=True, **options)
        for _ in range(2):
            for contact in (FIRST, SECOND):
                self.assertTrue(self.answer(contact))
        self.assertEqual(self.ends, [None])

    def test_updateDeliversTheRepliesOfItsCommit(self) -> None:
        """
        An update delivers only the replies of its commit. The answers to both phases are counted,
        and the commits are also counted separately.
        """
        self.commit()
        self.assertEqual([reply.node for reply in self.replies], [FIRST, SECOND])
        counts = self.driver.account
        self.assertEqual((counts.requests, counts.responses), (4, 4))
        self.assertEqual((counts.commits, counts.errors), (2, 0))

    def test_updateWithQueryDeliversAllReplies(self) -> None:
        """An update with a query delivers the replies of both phases, in order."""
        self.commit(withQuery=True)
        expected = [FIRST, SECOND, FIRST, SECOND]
        self.assertEqual([reply.node for reply in self.replies], expected)

    def test_newTokenIsNoRefusal(self) -> None:
        """
        An answer with another token is no error. The update is sent once more with the new token.
        """
        self.begin(FIRST, isUpdate=True)
        self.answer(FIRST)
        newer = b"n" * 32
        self.answer(FIRST, token=newer)
        self.assertEqual(self.requestsTo(FIRST)[-1].roundtripToken, newer)
        self.assertEqual(self.driver.account.errors, 0)
        self.assertEqual(self.replies, [])
        self.answer(FIRST, token=newer)
        self.assertEqual((self.driver.account.commits, self.driver.account.errors), (1, 0))
        self.assertEqual(self.ends, [None])

    def test_oneTakenUpdateIsASuccess(self) -> None:
        """
        An update succeeds if one node accepts it and another node refuses it. The refusal counts as
        one error.
        """
        self.begin(FIRST, SECOND, isUpdate=True)
        for contact in (FIRST, SECOND):
            self.answer(contact)
        self.answer(FIRST, token=None)
        self.answer(SECOND)
        self.assertEqual((self.driver.account.commits, self.driver.account.errors), (1, 1))
        self.assertEqual([reply.node for reply in self.replies], [SECOND])
        self.assertEqual(self.ends, [None])


class PauseTests(DriverTestCase):
    """
    A receiver that is paused.
    """

    def test_pausedQuestionAsksNoOther(self) -> None:
        """
        While the receiver is paused, an answer that names a closer node causes no request. When the
        driver advances after the pause, the closer node is asked.
        """
        self.begin(FIRST, SECOND)
        self.isPaused = True
        self.answer(FIRST, SILENT)
        self.assertEqual(self.requestsTo(SILENT), [])
        self.isPaused = False
        self.driver.advance()
        self.assertEqual(len(self.requestsTo(SILENT)), 1)

    def test_pausedQuestionDoesNotEnd(self) -> None:
        """A question whose nodes have all answered ends only after the pause."""
        self.begin(FIRST)
        self.isPaused = True
        self.answer(FIRST)
        self.assertEqual(self.ends, [])
        self.isPaused = False
        self.driver.advance()
        self.assertEqual(self.ends, [None])
