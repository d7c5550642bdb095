"""
Nodes of private networks that strangers send datagrams to, and members that talk to them.
"""

from __future__ import annotations

from random import Random

from twisted.logger import ILogObserver, LogEvent, LogLevel, formatEvent, globalLogPublisher
from twisted.python.failure import Failure
from zope.interface import implementer

from dwdht_twisted import DHTNode, NodeDestroyed
from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.private import KeyedNetwork, NetworkSecurity, newNetworkKey
from dwdht_twisted.private.certified.records import (
    HELLO_VERIFY_REQUEST,
    messageType,
    readClientHello,
)
from dwdht_twisted.testing import CertifiedMembers, MemoryNetwork, SimulatedClock

from .records import RecordStrangers
from .strangers import Strangers
from .subject import BrokenInvariant

#: The members that talk to the node.
MEMBERS = 30

#: The datagrams between two checks, while which no simulated time passes.
BATCH = 1000

#: The simulated time between two batches, in seconds.
PAUSE = 0.25

#: The time after which a datagram has been received, so that a copy of it is a replay, in seconds.
RECORDED_AFTER = 0.1

#: The batches between two restarts of a member, which makes handshakes anew.
RESTARTED_EVERY = 40

#: The batches between two requests of the node to an address where nobody is.
ASKED_EVERY = 20

#: The time in which all handshakes end and all datagrams arrive, in seconds.
REST = 30.0

#: The smallest share of the pings of members that the node must answer, from 0 to 1.  A member that
#: was restarted may have to make its handshake twice.
ANSWERED = 0.99

PORT = 6620

HOST = "4.0.0.1"

ADDRESS = (HOST, PORT)

#: The addresses that the node asks, and where nobody is.
ASKED = [(f"9.0.{number}.1", PORT) for number in range(8)]


@implementer(ILogObserver)
class ErrorLog:
    """
    Observes the log for failures and errors.

    :ivar errors: the text of each
    """

    def __init__(self) -> None:
        self.errors: list[str] = []

    def __call__(self, event: LogEvent) -> None:
        """Record a log event."""
        failure = event.get("log_failure")
        if failure is not None or event.get("log_level", LogLevel.debug) >= LogLevel.error:
            self.errors.append(f"{formatEvent(event)} {failure or ''}")


class Subject:
    """
    A node of a private network, and members that talk to it.

    :cvar restarts: whether members are restarted now and then
    :ivar network: the network of all of them
    :ivar node: the node that strangers send datagrams to
    :ivar pings: the number of pings that members have sent to the node, and that have ended
    :ivar answered: the number of these that it has answered
    """

    restarts = False
    strangers: Strangers

    def __init__(self, seed: int) -> None:
        self.random = Random(f"private {seed}")
        self.clock = SimulatedClock()
        self.clock.advance(1_800_000_000)
        self.network = MemoryNetwork(self.clock, seed=seed)
        self.addresses = [(f"4.1.{number}.1", PORT) for number in range(MEMBERS)]
        self.strangers = self.makeStrangers()
        self.pings = self.answered = self._batches = 0
        self._log = ErrorLog()
        globalLogPublisher.addObserver(self._log)
        self.network.onDatagram = self.sent
        self._securities = [self.makeSecurity() for _ in range(1 + MEMBERS)]
        self.node = self._join(HOST, 0)
        self.members = [
            self._join(host, number) for number, (host, _) in enumerate(self.addresses, 1)
        ]
        self.clock.runFor(10)

    # What differs between the kinds of networks.

    def makeSecurity(self) -> NetworkSecurity:
        """The security of a further node."""
        raise NotImplementedError

    def makeStrangers(self) -> Strangers:
        """The strangers of the network."""
        return Strangers(self.random, self.addresses)

    def note(self, datagram: bytes, source: HostPort) -> None:
        """Record a datagram that a member has sent to the node, and that has arrived."""
        self.strangers.recorded.append((datagram, source))

    def attack(self) -> int:
        """
        Send a batch of datagrams to the node.

        :return: the number of them
        :raises BrokenInvariant: when an invariant is broken
        """
        raise NotImplementedError

    def heard(self) -> int:
        """The number of datagrams that got beyond the layer."""
        each = self.node.counters
        return each.requestsReceived + each.responsesReceived + each.unexpected + each.malformed

    # What is the same.

    def _join(self, host: str, number: int) -> DHTNode:
        node = DHTNode(
            self.network.reactor(host),
            bootstrap=[f"{HOST}:{PORT}"] if number else [],
            security=self._securities[number],
            random=Random(self.random.getrandbits(64)),
        )
        node.listen(PORT)
        return node

    def sent(self, source: HostPort, destination: HostPort, data: bytes) -> None:
        """Record a datagram that is sent."""
        if destination == ADDRESS:
            self.clock.schedule(RECORDED_AFTER, self.note, data, source)

    def live(self) -> None:
        """
        Let a member ask the node, and simulated time pass.

        :raises BrokenInvariant: when an error was logged
        """
        self._batches += 1
        member = self.random.choice(self.members)
        member.query("any", self.random.randbytes(32)).collect().addErrback(lambda _: None)
        member.ping(f"{HOST}:{PORT}").addCallbacks(lambda _: self._pinged(1), self._failed)
        if self.restarts and self._batches % RESTARTED_EVERY == 0:
            self._restart(self.random.randrange(MEMBERS))
        if self._batches % ASKED_EVERY == 0:
            host, port = self.random.choice(ASKED)
            self.node.ping(f"{host}:{port}").addErrback(lambda _: None)
        self.clock.runFor(PAUSE)
        self._checkLog()

    def _checkLog(self) -> None:
        if self._log.errors:
            raise BrokenInvariant(f"an error was logged: {self._log.errors[0]}")

    def _pinged(self, answered: int) -> None:
        self.pings += 1
        self.answered += answered

    def _failed(self, reason: Failure) -> None:
        # The pings of a member that is restarted don't count.
        if not reason.check(NodeDestroyed):
            self._pinged(0)

    def _restart(self, number: int) -> None:
        self.clock.runUntil(self.members[number].destroy())
        self.clock.runFor(0)
        self.members[number] = self._join(self.addresses[number][0], number + 1)

    def rest(self) -> None:
        """Let everything end that has begun."""
        self.clock.runFor(REST)

    def finish(self) -> None:
        """
        Destroy all nodes.

        :raises BrokenInvariant: when a timer is left, or too many pings were not answered
        """
        try:
            for node in (self.node, *self.members):
                self.clock.runUntil(node.destroy())
            self.clock.runFor(1)
            left = self.clock.getDelayedCalls()
            if left:
                raise BrokenInvariant(f"{len(left)} timers are left, first: {left[0]}")
            self._checkLog()
            if self.answered < ANSWERED * self.pings:
                raise BrokenInvariant(f"{self.answered} of {self.pings} pings were answered")
        finally:
            globalLogPublisher.removeObserver(self._log)


class KeyedSubject(Subject):
    """
    A node of a network by key.

    No member is restarted.  Each node of this process would remember the streams of a restarted
    member, up to its bound, and the growth of the memory would say little about strangers.
    """

    def __init__(self, seed: int) -> None:
        self._network = KeyedNetwork(newNetworkKey())
        super().__init__(seed)

    def makeSecurity(self) -> NetworkSecurity:
        """The same for all."""
        return self._network

    def attack(self) -> int:
        """Require that nothing is sent or heard, and that each datagram is counted once."""
        before = self.network.sent, self.heard() + self.node.counters.rateLimited, self._refused()
        for _ in range(BATCH):
            self.node.datagramReceived(*self.strangers.next())
        after = self.network.sent, self.heard() + self.node.counters.rateLimited, self._refused()
        if after[0] != before[0]:
            raise BrokenInvariant("the node has sent something")
        if after[1] != before[1]:
            raise BrokenInvariant("a datagram of a stranger got beyond the layer")
        if after[2] != before[2] + BATCH:
            raise BrokenInvariant("a datagram wasn't counted")
        return BATCH

    def _refused(self) -> int:
        return self.node.counters.strangersRefused + self.node.counters.replaysRefused


class CertifiedSubject(Subject):
    """
    A node of a network by certificate.

    :ivar cookies: the number of hellos that were answered by a cookie
    """

    restarts = True
    strangers: RecordStrangers

    def __init__(self, seed: int) -> None:
        self._authority = CertifiedMembers()
        self.cookies = 0
        # What the node sends while strangers send to it; None at other times.
        self._answers: list[tuple[HostPort, bytes]] | None = None
        super().__init__(seed)

    def makeSecurity(self) -> NetworkSecurity:
        """A further member."""
        return self._authority.make()

    def makeStrangers(self) -> RecordStrangers:
        """Strangers that know DTLS."""
        return RecordStrangers(self.random, self.addresses, asked=ASKED)

    def note(self, datagram: bytes, source: HostPort) -> None:
        """Record a datagram by its kind."""
        self.strangers.note(datagram, source)

    def sent(self, source: HostPort, destination: HostPort, data: bytes) -> None:
        """Record what the node sends, too."""
        super().sent(source, destination, data)
        if source == ADDRESS:
            if self._answers is not None:
                self._answers.append((destination, data))
            else:
                self.strangers.answers.append(data)

    def attack(self) -> int:
        """
        Require that nothing is heard, and that strangers without a cookie get one and nothing else.
        """
        heard = self.heard()
        answers = self._answers = []
        for _ in range(BATCH):
            datagram, source = self.strangers.next()
            self.node.datagramReceived(datagram, source)
            if answers:
                for destination, answer in answers:
                    self._checkAnswer(datagram, source, destination, answer)
                isKnown = source in self.addresses or source in ASKED
                if len(answers) > 1 and not isKnown and not self.strangers.isGuest(source):
                    raise BrokenInvariant(f"{source} got several answers to {datagram.hex()}")
                answers.clear()
        self._answers = None
        if self.heard() != heard:
            raise BrokenInvariant("a datagram of a stranger got beyond the layer")
        return BATCH

    def _checkAnswer(
        self, datagram: bytes, source: HostPort, destination: HostPort, answer: bytes
    ) -> None:
        """Check a datagram that the node sent when it got one of a stranger."""
        if destination in self.addresses or destination in ASKED:
            return
        if messageType(answer) == HELLO_VERIFY_REQUEST:
            if destination != source or readClientHello(datagram) is None:
                raise BrokenInvariant(f"a cookie was sent to {destination} for {datagram.hex()}")
            if len(answer) > len(datagram):
                raise BrokenInvariant(f"{len(answer)} bytes were sent for {datagram.hex()}")
            self.cookies += 1
            self.strangers.asksForCookie(datagram, answer, source)
        elif not self.strangers.isGuest(destination):
            raise BrokenInvariant(
                f"{destination}, which has no cookie, was sent {answer.hex()} for "
                f"{datagram.hex()} of {source}"
            )
