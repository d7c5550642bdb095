"""
Handshakes between two layers of `dwdht_twisted.private.certified.layer`.
"""

from __future__ import annotations

from collections import Counter
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.private.authority import Authority
from dwdht_twisted.private.bounds import HALF_OPEN, HANDSHAKE_DEADLINE
from dwdht_twisted.private.certified.gate import Gate
from dwdht_twisted.private.certified.records import (
    messageType,
    readClientHello,
    readRecords,
)
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from simulation.certified_hosts import LayerHost, areLinked, makeAuthority, makeHost, makeMember

#: A datagram that claims no id: the framing of a response, and an empty message.
DATA = b"\0\1"


class HandshakeTests(SynchronousTestCase):
    """
    Two members that talk to each other for the first time.
    """

    def setUp(self) -> None:
        """Make two members with a latency of 0.04 s."""
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=1, latency=0.04)
        self.sent: list[tuple[HostPort, bytes]] = []
        self.network.onDatagram = lambda source, _, data: self.sent.append((source, data))
        self.one = self.host("10.0.0.1")
        self.two = self.host("10.0.0.2")

    def host(self, host: str, authority: Authority | None = None) -> LayerHost:
        """Make another host, of the same authority by default."""
        made = makeHost(self.network, host, makeMember(authority or makeAuthority()))
        self.addCleanup(made.layer.stop)
        return made

    def test_datagramArrivesAfterTheHandshake(self) -> None:
        """
        A datagram to a new address is delivered after a handshake of three round trips, and the
        handshake takes six datagrams.
        """
        self.one.layer.send(DATA, self.two.address)
        self.clock.runUntil(lambda: self.two.delivered, limit=1)
        self.assertEqual(self.two.delivered, [(DATA, self.one.address)])
        self.assertAlmostEqual(self.clock.seconds(), 7 * 0.04)
        self.assertEqual(len(self.sent), 7)

    def test_answerNeedsNoFurtherHandshake(self) -> None:
        """The other end answers on the same association, within one datagram."""
        self.one.layer.send(DATA, self.two.address)
        self.clock.runFor(1)
        self.sent.clear()
        self.two.layer.send(DATA, self.one.address)
        self.clock.runFor(1)
        self.assertEqual(self.one.delivered, [(DATA, self.two.address)])
        self.assertEqual(len(self.sent), 1)

    def test_largestDatagram(self) -> None:
        """A datagram of 16,384 bytes is delivered whole, and a longer one is not sent."""
        for size in (16384, 16385):
            self.one.layer.send(DATA + bytes(size - 2), self.two.address)
        self.clock.runFor(1)
        self.assertEqual([len(data) for data, _ in self.two.delivered], [16384])

    def test_bothBeginAtOnce(self) -> None:
        """
        Of 50 pairs that begin handshakes at the same moment, each ends with one association, and
        both datagrams are delivered within the time of two handshakes.
        """
        for number in range(50):
            clock = SimulatedClock()
            network = MemoryNetwork(clock, seed=number, latency=0.04)
            one = makeHost(network, "10.0.0.1", self.one.security)
            two = makeHost(network, "10.0.0.2", self.two.security)
            one.layer.send(DATA, two.address)
            two.layer.send(DATA, one.address)
            clock.runUntil(lambda: one.delivered and two.delivered, limit=0.6)  # noqa: B023
            self.assertTrue(areLinked(one, two))
            for host in (one, two):
                (link,) = host.layer.links.values()
                self.assertIsNone(link.opening)
                self.assertIsNone(link.accepting)
                host.layer.stop()

    def test_strangerGetsOnlyACookie(self) -> None:
        """
        A hello without a cookie is answered by one datagram that is shorter than the hello, and
        nothing is remembered of it.
        """
        self.one.layer.send(DATA, self.two.address)
        hello = self.sent[0][1]
        self.sent.clear()
        for number in range(1000):
            self.two.layer.received(hello, (f"4.{number // 256}.{number % 256}.1", 6620))
        self.assertEqual(len(self.sent), 1000)
        self.assertTrue(all(len(data) <= 45 < len(hello) for _, data in self.sent))
        self.assertEqual(len(self.two.layer.links), 0)

    def test_cookieOfAnotherAddress(self) -> None:
        """A cookie is of no use from another address, another port, or with another hello."""
        self.one.layer.send(DATA, self.two.address)
        self.clock.runFor(0.1)
        second = [data for source, data in self.sent if source == self.one.address][1]
        read = readClientHello(second)
        assert read is not None and read.cookie
        self.two.layer.stop()
        self.two.layer.start()
        changed = bytearray(second)
        changed[30] ^= 1
        for data, address in (
            (second, ("10.0.0.1", 6621)),
            (second, ("10.0.0.3", 6620)),
            (bytes(changed), self.one.address),
        ):
            self.two.layer.received(data, address)
            self.assertEqual(len(self.two.layer.links), 0)
        self.two.layer.received(second, self.one.address)
        self.assertEqual(len(self.two.layer.links), 1)

    def test_cookieExpires(self) -> None:
        """A cookie that is two minutes old is asked for anew."""
        self.one.layer.send(DATA, self.two.address)
        self.clock.runFor(0.1)
        second = [data for source, data in self.sent if source == self.one.address][1]
        self.one.layer.stop()
        self.clock.runFor(140)
        self.assertEqual(len(self.two.layer.links), 0)
        self.two.layer.received(second, self.one.address)
        self.assertEqual(len(self.two.layer.links), 0)

    def test_forgedAlertEndsNoHandshake(self) -> None:
        """A fatal alert in the clear, forged at each datagram, doesn't keep two members apart."""
        alert = b"\x15\xfe\xfd" + bytes(8) + b"\0\2\2\x2a"
        observe = self.network.onDatagram
        assert observe is not None

        def forge(source: HostPort, destination: HostPort, data: bytes) -> None:
            observe(source, destination, data)
            for host, other in ((self.one, self.two), (self.two, self.one)):
                self.clock.callLater(0.01, host.layer.received, alert, other.address)

        self.network.onDatagram = forge
        self.one.layer.send(DATA, self.two.address)
        self.clock.runUntil(lambda: self.two.delivered, limit=1)

    def test_forgedFlightIsSurvived(self) -> None:
        """
        A member that gets a forged message of the server in the clear begins anew, and succeeds
        within its deadline.
        """
        forged = b"\x16\xfe\xfd" + bytes(7) + b"\7" + b"\0\x10\2" + bytes(2) + b"\4" + bytes(12)
        self.one.layer.send(DATA, self.two.address)
        self.clock.runFor(0.09)
        self.one.layer.received(forged, self.two.address)
        self.clock.runUntil(lambda: self.two.delivered, limit=HANDSHAKE_DEADLINE)

    def test_silentAddressIsGivenUp(self) -> None:
        """
        A handshake with a silent address ends after 15 seconds.  Nothing is kept of it, and it has
        sent fewer than 25 datagrams.
        """
        self.one.layer.send(DATA, ("10.0.0.9", 6620))
        self.clock.runFor(HANDSHAKE_DEADLINE - 0.1)
        self.assertEqual(len(self.one.layer.links), 1)
        self.clock.runFor(0.2)
        self.assertEqual(len(self.one.layer.links), 0)
        self.assertLess(len(self.sent), 25)

    def test_halfOpenHandshakesAreBounded(self) -> None:
        """
        Of 100 addresses that answer with a cookie and then stay silent, 64 are remembered, and
        after 15 seconds none.
        """
        for number in range(100):
            silent = self.host(f"10.0.1.{number + 1}")
            silent.layer.send(DATA, self.two.address)
            self.clock.runUntil(lambda: silent.address in self.two.layer.links, limit=1)  # noqa: B023
            silent.layer.stop()
        self.assertEqual(len(self.two.layer.links), HALF_OPEN)
        self.clock.runFor(HANDSHAKE_DEADLINE)
        self.assertEqual(len(self.two.layer.links), 0)

    def test_halfOpenHandshakesAreShared(self) -> None:
        """
        Of random numbers of addresses in eight networks, 80 in all, that stay silent in the middle
        of a handshake, those of a network with at most 8 are all remembered, and 64 in all.
        """
        self.patch(Gate, "admits", lambda gate, address, now: True)
        security = makeMember(makeAuthority())
        for seed in range(4):
            random = Random(seed)
            node = self.host(f"7.7.{seed}.7")
            few = [random.randint(1, 8) for _ in range(random.randint(1, 7))]
            sizes = few + [(80 - sum(few)) // (8 - len(few)) + 1] * (8 - len(few))
            hosts = [
                f"{20 + seed}.0.{network}.{number + 1}"
                for network, size in enumerate(sizes)
                for number in range(size)
            ]
            random.shuffle(hosts)
            for host in hosts:
                silent = makeHost(self.network, host, security)
                silent.layer.send(DATA, node.address)
                self.clock.runUntil(lambda: silent.address in node.layer.links, limit=1)  # noqa: B023
                silent.layer.stop()
            left = Counter(host.rpartition(".")[0] for host, _ in node.layer.links)
            self.assertEqual(left.total(), HALF_OPEN)
            for network, size in enumerate(sizes):
                if size <= 8:
                    self.assertEqual(left[f"{20 + seed}.0.{network}"], size)

    def test_otherAuthority(self) -> None:
        """A member of another authority is not associated with, whoever begins."""
        stranger = self.host("10.0.0.3", makeAuthority("other"))
        self.one.layer.send(DATA, stranger.address)
        stranger.layer.send(DATA, self.two.address)
        self.clock.runFor(HANDSHAKE_DEADLINE + 1)
        self.assertEqual(self.one.delivered + self.two.delivered + stranger.delivered, [])
        self.assertEqual(len(self.one.layer.links), 0)

    def test_refusedWithoutAnAssociation(self) -> None:
        """Data that is sent without a handshake, and parts of a handshake, are dropped."""
        self.two.layer.received(b"\x17\xfe\xfd\0\1" + bytes(6) + b"\0\2xx", self.one.address)
        self.two.layer.received(b"\x16\xfe\xfd\0\0" + bytes(6) + b"\0\2xx", self.one.address)
        self.two.layer.received(DATA, self.one.address)
        self.two.layer.received(b"", self.one.address)
        self.assertEqual((self.sent, self.two.delivered, len(self.two.layer.links)), ([], [], 0))

    def test_lastFlightIsLost(self) -> None:
        """A handshake whose last datagram is lost twice goes on when it is sent again."""
        lost: list[bytes] = []
        deliver = self.one.datagramReceived

        def lose(datagram: bytes, addr: HostPort) -> None:
            isLast = any(each.type == 20 for each in readRecords(datagram))
            if isLast and messageType(datagram) is None and len(lost) < 2:
                lost.append(datagram)
            else:
                deliver(datagram, addr)

        self.patch(self.one, "datagramReceived", lose)
        self.one.layer.send(DATA, self.two.address)
        self.clock.runUntil(lambda: self.two.delivered, limit=3)
        self.assertEqual(len(lost), 2)

    def test_sendingToOneself(self) -> None:
        """A node that sends to its own address makes no association with itself."""
        self.one.layer.send(DATA, self.one.address)
        self.clock.runFor(HANDSHAKE_DEADLINE + 1)
        self.assertEqual((len(self.one.layer.links), self.one.delivered), (0, []))
