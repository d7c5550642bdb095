"""
`dwdht_twisted.private.certified.gate`
"""

from __future__ import annotations

from itertools import accumulate
from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.private.bounds import (
    HANDSHAKE_DEADLINE,
    HELLO_NETWORKS,
    HELLO_RATE,
    HELLO_RATE_OF_NETWORK,
)
from dwdht_twisted.private.certified.gate import COOKIE_ROTATION, CookieRate, Gate
from dwdht_twisted.private.certified.records import COOKIE_BYTES, ClientHello
from dwdht_twisted.private.certified.retransmission import FIRST_WAIT, LONGEST_WAIT
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from simulation.certified_hosts import makeAuthority, makeHost, makeMember

#: The hellos of a flood per second.
FLOOD = 20_000

NEWCOMER = ("5.5.5.5", 6620)


def makeHello(random: Random) -> ClientHello:
    """A hello without a cookie."""
    return ClientHello(random.randbytes(32), b"", bytes(6))


def cookieOf(gate: Gate, hello: ClientHello, address: HostPort) -> bytes:
    """The cookie that a gate asks for."""
    return gate.askFor(hello, address)[-COOKIE_BYTES:]


def forgedHost(random: Random) -> str:
    """A random public host."""
    return f"{random.choice((4, 8, 23, 45, 93))}." + ".".join(map(str, random.randbytes(3)))


class RateTests(SynchronousTestCase):
    """
    The rate at which addresses are asked for a cookie, during a flood of hellos without one.
    """

    def setUp(self) -> None:
        """Make a gate."""
        self.random = Random(1)
        self.gate = Gate(self.random, 0.0)

    def asks(self, address: HostPort, now: float) -> bool:
        """Whether the gate asks an address for a cookie."""
        return self.gate.mayAsk(address, now)

    def test_floodOfOneNetwork(self) -> None:
        """
        A /24 network that sends 20,000 hellos a second from all of its hosts gets 50 cookies a
        second after a burst of 50, and the first hello of any other host is answered.
        """
        answered = sum(
            self.asks((f"4.4.4.{number % 256}", 1024), number / FLOOD)
            for number in range(2 * FLOOD)
        )
        self.assertLessEqual(abs(answered - 3 * HELLO_RATE_OF_NETWORK), 2)
        self.assertTrue(self.asks(NEWCOMER, 2.0))

    def test_floodOfForgedAddresses(self) -> None:
        """All forged addresses together get 2,000 cookies a second after a burst of 2,000."""
        answered = sum(
            self.asks((forgedHost(self.random), 1024), number / FLOOD)
            for number in range(2 * FLOOD)
        )
        self.assertLessEqual(abs(answered - 3 * HELLO_RATE), 2)

    def test_newcomersDuringAForgedFlood(self) -> None:
        """
        Of 100 members that begin handshakes during a flood of 20,000 hellos a second from forged
        addresses, 75 or more get a cookie before their deadline.
        """
        waits = [0.0, FIRST_WAIT] + [LONGEST_WAIT] * 17
        times = [each for each in accumulate(waits) if each < HANDSHAKE_DEADLINE]
        duration = 2.0 + HANDSHAKE_DEADLINE
        hellos = [
            (1.0 + self.random.random() + time, f"5.5.{number}.5")
            for number in range(100)
            for time in times
        ]
        hellos += [
            (self.random.uniform(0.0, duration), forgedHost(self.random))
            for _ in range(int(FLOOD * duration))
        ]
        answered = {host for now, host in sorted(hellos) if self.asks((host, 1024), now)}
        served = sum(f"5.5.{number}.5" in answered for number in range(100))
        self.assertGreaterEqual(served, 75)

    def test_privateAddressesAreCountedApart(self) -> None:
        """
        A flood from private addresses leaves public ones their cookies, and the reverse.  Private
        addresses have no rate for each network.
        """
        hosts = ("10.9.9.9", "127.0.0.1", "169.254.1.1", "172.16.0.1", "172.31.9.9", "192.168.0.1")
        asked = [self.asks((hosts[number % 6], 1024), 0.0) for number in range(FLOOD)]
        self.assertEqual(sum(asked), HELLO_RATE)
        self.assertTrue(self.asks(NEWCOMER, 0.0))
        for _ in range(FLOOD):
            self.asks((forgedHost(self.random), 1024), 10.0)
        self.assertFalse(self.asks(NEWCOMER, 10.0))
        for host in hosts:
            self.assertTrue(self.asks((host, 1024), 10.0))
        for host in ("172.15.0.1", "172.32.0.1", "11.0.0.1", "192.169.0.1"):
            self.assertFalse(self.asks((host, 1024), 10.0))

    def test_clockIsSetBack(self) -> None:
        """A rate that was exhausted is not so for longer when the clock is set back by an hour."""
        for _ in range(FLOOD):
            self.asks((forgedHost(self.random), 1024), 10_000.0)
        self.assertFalse(self.asks(NEWCOMER, 10_000.0))
        self.assertTrue(any(self.asks(NEWCOMER, 6_400.0 + number) for number in range(3)))

    def test_networksAreBounded(self) -> None:
        """A flood from forged addresses makes a node remember a bounded number of networks."""
        rate = CookieRate(isShared=True)
        for number in range(100_000):
            rate.take(forgedHost(self.random), number / 1000)
        assert rate._networks is not None
        self.assertLessEqual(len(rate._networks), 2 * HELLO_NETWORKS)


class CookieTests(SynchronousTestCase):
    """
    Cookies.
    """

    def setUp(self) -> None:
        """Make a gate, and a hello with its cookie."""
        self.random = Random(1)
        self.gate = Gate(self.random, 0.0)
        hello = makeHello(self.random)
        self.hello = hello._replace(cookie=cookieOf(self.gate, hello, NEWCOMER))

    def test_validForOneToTwoIntervals(self) -> None:
        """
        A cookie is valid until its secret was replaced twice, also when the number of the secret
        begins anew, and it isn't valid again after 256 replacements.
        """
        now = 0.0
        for _ in range(260):
            hello = makeHello(self.random)
            hello = hello._replace(cookie=cookieOf(self.gate, hello, NEWCOMER))
            valid = []
            for _ in range(3):
                valid.append(self.gate.hasCookie(hello, NEWCOMER))
                now += COOKIE_ROTATION
                self.gate.rotate(now)
            self.assertEqual(valid, [True, True, False])
        for _ in range(256):
            now += COOKIE_ROTATION
            self.gate.rotate(now)
            self.assertFalse(self.gate.hasCookie(self.hello, NEWCOMER))

    def test_forgedCookies(self) -> None:
        """
        A cookie with any byte changed, cut off or extended is not valid, and neither is a random
        one.
        """
        cookie = self.hello.cookie
        forged = [cookie[:end] for end in range(len(cookie))] + [cookie + b"\0"]
        forged += [self.random.randbytes(COOKIE_BYTES) for _ in range(1000)]
        for position in range(COOKIE_BYTES):
            changed = bytearray(cookie)
            changed[position] ^= self.random.randrange(1, 256)
            forged.append(bytes(changed))
        for each in forged:
            self.assertFalse(self.gate.hasCookie(self.hello._replace(cookie=each), NEWCOMER))
        self.assertTrue(self.gate.hasCookie(self.hello, NEWCOMER))


class FloodedMemberTests(SynchronousTestCase):
    """
    A member that is flooded with hellos.
    """

    def test_handshakeDuringTheFlood(self) -> None:
        """
        While a public host sends 20,000 hellos a second without a cookie, the datagram of a new
        member arrives as soon as without the flood.
        """
        clock = SimulatedClock()
        network = MemoryNetwork(clock, seed=1, latency=0.04)
        sent: list[bytes] = []
        network.onDatagram = lambda source, destination, data: sent.append(data)
        one, two = (
            makeHost(network, host, makeMember(makeAuthority())) for host in ("5.5.5.5", "6.6.6.6")
        )
        for host in (one, two):
            self.addCleanup(host.layer.stop)
        two.layer.send(b"\0\1", ("7.7.7.7", 6620))
        hello = sent[0]
        two.layer.stop()
        two.layer.start()
        for number in range(FLOOD // 2):
            if number == FLOOD // 5:
                one.layer.send(b"\0\1", two.address)
            two.layer.received(hello, ("4.4.4.4", 1024 + number % 64))
            clock.runFor(1 / FLOOD)
        self.assertEqual(two.delivered, [(b"\0\1", one.address)])
