"""
The life of associations in `dwdht_twisted.private.certified.layer`.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.wire import (
    PING,
    encodeResponse,
    frameRequest,
    packAddress,
    requestBody,
)
from dwdht_twisted.private.authority import newKey, pemOf, pemOfKey
from dwdht_twisted.private.bounds import (
    ASSOCIATION_IDLE,
    ASSOCIATIONS,
    ASSOCIATIONS_OF_MEMBER,
    LIAR_REFUSED_FOR,
    OPENING,
    WAITING_DATAGRAMS,
)
from dwdht_twisted.private.certified.layer import SWEEP_INTERVAL
from dwdht_twisted.private.certified.records import isProtected, readClientHello
from dwdht_twisted.private.certified.security import SecurityContext
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from simulation.certified_hosts import (
    LayerHost,
    areLinked,
    makeAuthority,
    makeHost,
    makeMember,
    utcNow,
)

#: A response and a request, which claim no id.
DATA = b"\0\1"
REQUEST = b"\x80\1"


class Pair(SynchronousTestCase):
    """
    Two members on a network with a latency of 0.04 s.
    """

    clock: SimulatedClock
    network: MemoryNetwork
    one: LayerHost
    two: LayerHost

    def setUp(self) -> None:
        """Make the network."""
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=1, latency=0.04)

    def host(self, host: str, security: SecurityContext) -> LayerHost:
        """Make a host."""
        made = makeHost(self.network, host, security)
        self.addCleanup(lambda: made.layer.stop())
        return made

    def exchange(self) -> None:
        """Send a datagram each way, and check that both arrive."""
        for source, other in ((self.one, self.two), (self.two, self.one)):
            other.delivered.clear()
            source.layer.send(DATA, other.address)
            self.clock.runUntil(lambda: other.delivered, limit=5)  # noqa: B023


class LinkTests(Pair):
    """
    Two associated members.
    """

    def setUp(self) -> None:
        """Associate two members."""
        super().setUp()
        self.sent: list[bytes] = []
        self.network.onDatagram = lambda source, destination, data: self.sent.append(data)
        self.one = self.host("10.0.0.1", makeMember(makeAuthority()))
        self.two = self.host("10.0.0.2", makeMember(makeAuthority()))
        self.exchange()

    def hellos(self) -> int:
        """The number of hellos that were sent since the last call."""
        found = sum(readClientHello(data) is not None for data in self.sent)
        self.sent.clear()
        return found

    def test_restartedMember(self) -> None:
        """
        A member that has lost its associations by a restart is reached by a datagram that is sent
        2 seconds later, after those before were left unanswered.
        """
        self.two.layer.stop = lambda: None  # type: ignore[method-assign]
        self.two.startProtocol()
        for _ in range(4):
            self.one.layer.send(REQUEST, self.two.address)
            self.clock.runFor(0.5)
        self.one.layer.send(REQUEST, self.two.address)
        self.clock.runFor(1)
        self.one.layer.send(REQUEST, self.two.address)
        self.clock.runUntil(lambda: self.two.delivered, limit=1)

    def test_restartedMemberBegins(self) -> None:
        """A member that was restarted and sends something is heard at once, and answered."""
        self.two.layer.stop = lambda: None  # type: ignore[method-assign]
        self.two.startProtocol()
        self.one.delivered.clear()
        self.two.layer.send(DATA, self.one.address)
        self.clock.runUntil(lambda: self.one.delivered, limit=0.5)
        self.exchange()
        self.assertTrue(areLinked(self.one, self.two))

    def test_datagramOfAnySizeMayBeGiven(self) -> None:
        """An empty datagram, or one that no record holds, is counted and dropped, at any time."""
        counters = self.one.layer._transport.counters
        for failures in (2, 4):
            for size in (0, 70_000):
                self.one.layer.send(bytes(size), self.two.address)
            self.assertEqual(counters.sendFailures, failures)
            self.exchange()

    def test_answersNeedNoNewHandshake(self) -> None:
        """A member that only answers makes no new handshake, however long it hears nothing."""
        self.hellos()
        for _ in range(3):
            self.one.layer.send(DATA, self.two.address)
            self.clock.runFor(60)
        self.one.layer.send(REQUEST, self.two.address)
        self.clock.runFor(1)
        self.assertEqual(self.hellos(), 0)

    def test_closedAssociation(self) -> None:
        """When one end closes an association, the other end forgets it at once."""
        self.two.layer.stop()
        self.clock.runFor(0.1)
        self.assertEqual(len(self.one.layer.links), 0)

    def test_idleAssociation(self) -> None:
        """An association is closed when nothing was received on it for 15 minutes."""
        self.clock.runFor(ASSOCIATION_IDLE - SWEEP_INTERVAL)
        self.assertTrue(areLinked(self.one, self.two))
        self.clock.runFor(3 * SWEEP_INTERVAL)
        self.assertEqual((len(self.one.layer.links), len(self.two.layer.links)), (0, 0))

    def test_associationInUseStays(self) -> None:
        """An association that is used every 10 minutes needs no second handshake for 2 hours."""
        self.hellos()
        for _ in range(12):
            self.clock.runFor(600)
            self.exchange()
        self.assertEqual(self.hellos(), 0)

    def test_lyingMember(self) -> None:
        """
        A member that answers under an id that isn't its own is cut off, and refused for 10 minutes.
        """
        lie = encodeResponse(1, b"\1" * 32)
        self.one.layer.send(lie, self.two.address)
        self.clock.runFor(1)
        self.assertEqual(len(self.two.layer.links), 0)
        self.two.delivered.clear()
        self.one.layer.send(DATA, self.two.address)
        self.clock.runFor(20)
        self.assertEqual((len(self.two.layer.links), self.two.delivered), (0, []))
        self.clock.runFor(LIAR_REFUSED_FOR)
        self.exchange()

    def test_nothingIsDeliveredAfterTheCutOff(self) -> None:
        """Data that follows a lie in the same datagram is not delivered."""
        self.two.delivered.clear()
        association = self.one.layer.links[self.two.address].current
        assert association is not None
        records: list[bytes] = []
        association._transmit = records.append
        association.write(encodeResponse(1, b"\1" * 32))
        association.write(DATA)
        self.two.layer.received(b"".join(records), self.one.address)
        self.assertEqual(self.two.delivered, [])

    def test_relayedPing(self) -> None:
        """
        A member that relays the ping of another one, with the id of that one, is heard and not cut
        off.
        """
        body = requestBody(PING, b"\1" * 32, forwardResponse=packAddress("10.0.0.3", 6620))
        relayed = frameRequest(1, body)
        self.two.delivered.clear()
        self.one.layer.send(relayed, self.two.address)
        self.clock.runFor(1)
        self.assertEqual(self.two.delivered, [(relayed, self.one.address)])
        self.assertTrue(areLinked(self.one, self.two))

    def test_ownId(self) -> None:
        """A member that answers under the id of its certificate is heard."""
        truth = encodeResponse(1, self.one.security.id)
        self.two.delivered.clear()
        self.one.layer.send(truth, self.two.address)
        self.clock.runFor(1)
        self.assertEqual(self.two.delivered, [(truth, self.one.address)])

    def test_noBytesMakeItRaise(self) -> None:
        """
        10,000 changed datagrams of a handshake and of an association raise nothing, deliver
        nothing, and leave the association in use.
        """
        random = Random(1)
        self.two.delivered.clear()
        seeds = list(self.sent)
        for _ in range(10_000):
            changed = bytearray(random.choice(seeds))
            for _ in range(random.randint(1, 3)):
                changed[random.randrange(len(changed))] ^= random.randrange(1, 256)
            self.two.layer.received(bytes(changed), self.one.address)
            self.two.layer.received(bytes(changed), ("10.0.0.3", 6620))
        self.assertEqual(self.two.delivered, [])
        self.assertLessEqual(len(self.two.layer.links), 1)
        self.exchange()

    def test_replayedDatagram(self) -> None:
        """A datagram of an association that arrives again is not delivered again."""
        sealed = [data for data in self.sent if isProtected(data)]
        self.two.delivered.clear()
        for data in sealed:
            self.two.layer.received(data, self.one.address)
        self.assertEqual(self.two.delivered, [])


class RenewalTests(Pair):
    """
    Changes of the files of associated members.
    """

    def setUp(self) -> None:
        """Associate two members, of which one has its certificate in files."""
        super().setUp()
        self.key = newKey()
        self.certificateFile, self.listFile = self.mktemp(), self.mktemp()
        self.certify()
        self.revoke()
        self.one = self.host("10.0.0.1", self.security())
        self.two = self.host("10.0.0.2", makeMember(makeAuthority(), name="two"))
        self.exchange()

    def certify(self, days: float = 1) -> None:
        """Write a certificate to the file."""
        certificate = makeAuthority().certify(self.key.public_key(), "one", utcNow(), days=days)
        with open(self.certificateFile, "wb") as file:
            file.write(pemOf(certificate))

    def revoke(self, *serials: int, days: float = 1) -> None:
        """Write a revocation list to the file."""
        with open(self.listFile, "wb") as file:
            file.write(pemOf(makeAuthority().listRevoked(serials, utcNow(), days=days)))

    def security(self) -> SecurityContext:
        """The security context of the files."""
        return SecurityContext(
            self.certificateFile,
            pemOfKey(self.key),
            pemOf(makeAuthority().certificate),
            revocations=self.listFile,
        )

    def serialOfTwo(self) -> int:
        """The serial number of the certificate that the second member shows."""
        certificate = self.one.layer.links[self.two.address].certificate
        assert certificate is not None
        return certificate.serial_number

    def test_renewedCertificate(self) -> None:
        """
        When a member's certificate is renewed, each of 100 datagrams that are sent meanwhile
        arrives after 0.04 s, and the other end soon sees the new certificate.
        """
        former = self.one.security.serial
        self.certify()
        self.two.delivered.clear()
        for number in range(100):
            self.one.layer.send(DATA, self.two.address)
            self.clock.runFor(0.2)
            self.assertEqual(len(self.two.delivered), number + 1)
        seen = self.two.layer.links[self.one.address].certificate
        assert seen is not None
        self.assertNotEqual(seen.serial_number, former)
        self.assertEqual(seen.serial_number, self.one.security.serial)

    def test_revokedMember(self) -> None:
        """A member whose certificate is revoked is cut off within 10 seconds of the new list."""
        self.revoke(self.serialOfTwo())
        self.clock.runFor(SWEEP_INTERVAL + 0.1)
        self.assertFalse(areLinked(self.one, self.two))
        self.one.delivered.clear()
        self.two.layer.send(DATA, self.one.address)
        self.clock.runFor(20)
        self.assertEqual(self.one.delivered, [])

    def test_revokedDuringTheHandshake(self) -> None:
        """
        A handshake that began before the revocation ends in no association: nothing of the member
        is delivered.
        """
        serial = self.serialOfTwo()
        self.two.layer.stop()
        self.clock.runFor(1)
        self.two.startProtocol()
        self.one.delivered.clear()
        self.two.layer.send(DATA, self.one.address)
        # The node has taken part in the handshake since the hello with the cookie.
        self.clock.runFor(3.5 * 0.04)
        self.revoke(serial)
        self.assertTrue(self.one.security.refresh())
        self.clock.runFor(1)
        self.assertEqual(self.one.delivered, [])

    def test_expiredList(self) -> None:
        """
        When the revocation list has expired, an error is logged once, and no new member is
        accepted until there is a newer list.
        """
        self.one.layer.stop()
        self.clock.runFor(1)
        self.revoke(days=-1 / 48)
        expired = self.security()
        self.one.security = expired
        self.one.startProtocol()
        self.one.delivered.clear()
        self.two.layer.send(DATA, self.one.address)
        self.clock.runFor(40)
        self.assertEqual(self.one.delivered, [])
        self.revoke()
        self.clock.runFor(SWEEP_INTERVAL + 1)
        self.exchange()


class BoundsTests(Pair):
    """
    The bounds on associations, handshakes, and datagrams that wait.
    """

    def setUp(self) -> None:
        """Make a member."""
        super().setUp()
        self.one = self.host("10.0.0.1", makeMember(makeAuthority()))

    def test_waitingDatagrams(self) -> None:
        """Of 20 datagrams that wait for a handshake, 16 arrive, in their order; equal ones once."""
        two = self.host("10.0.0.2", makeMember(makeAuthority()))
        for number in range(20):
            for _ in range(2):
                self.one.layer.send(bytes((0, number)), two.address)
        self.clock.runFor(1)
        self.assertEqual([data[1] for data, _ in two.delivered], list(range(WAITING_DATAGRAMS)))

    def test_handshakesAtOnce(self) -> None:
        """
        Of 200 silent addresses, 64 are sent hellos at once, and the others when these have been
        given up.
        """
        asked: set[str] = set()
        self.network.onDatagram = lambda source, destination, data: asked.add(destination[0])
        for number in range(200):
            self.one.layer.send(REQUEST, (f"10.0.1.{number}", 6620))
        self.clock.runFor(1)
        self.assertEqual(len(asked), OPENING)
        self.clock.runFor(60)
        self.assertEqual(len(asked), 200)
        self.assertEqual(len(self.one.layer.links), 0)

    def test_associationsAreBounded(self) -> None:
        """
        With 520 addresses, a node keeps the 512 that it has heard or begun last.
        """
        for number in range(ASSOCIATIONS + 8):
            self.one.layer.send(REQUEST, (f"10.0.{1 + number // 256}.{number % 256}", 6620))
        self.assertEqual(len(self.one.layer.links), ASSOCIATIONS)
        self.assertNotIn(("10.0.1.7", 6620), self.one.layer.links)
        self.assertIn(("10.0.1.8", 6620), self.one.layer.links)

    def test_memberWithManyAddresses(self) -> None:
        """
        A member that talks from 20 addresses has the 8 associations that were made last, and
        another member keeps its own.
        """
        other = self.host("10.0.0.2", makeMember(makeAuthority()))
        other.layer.send(DATA, self.one.address)
        self.clock.runFor(1)
        many = makeMember(makeAuthority())
        hosts = [self.host(f"10.0.1.{number}", many) for number in range(20)]
        for host in hosts:
            host.layer.send(DATA, self.one.address)
            self.clock.runFor(1)
        left = [host for host in hosts if self.one.isLinked(host)]
        self.assertEqual(left, hosts[-ASSOCIATIONS_OF_MEMBER:])
        self.assertTrue(self.one.isLinked(other))
