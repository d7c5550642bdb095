"""
Fuzzing of nodes of private networks, on a smaller scale than ``python -m fuzz.private``.
"""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.wire import HostPort
from dwdht_twisted.private.certified.gate import Gate
from dwdht_twisted.private.certified.layer import CertifiedLayer
from dwdht_twisted.private.certified.records import (
    COOKIE_BYTES,
    helloVerifyRequest,
    readClientHello,
    readRecords,
)
from dwdht_twisted.private.keyed.layer import KeyedLayer
from fuzz.members import ADDRESS, CertifiedSubject
from fuzz.private import run
from fuzz.records import COOKIES_REMEMBERED, RecordStrangers, withCookie
from fuzz.strangers import Strangers
from fuzz.subject import BrokenInvariant


class KeyedFuzzTests(SynchronousTestCase):
    """
    Datagrams of strangers on a network by key.
    """

    def test_everyStrangerIsRefused(self) -> None:
        """
        Of 20,000 mutated and replayed datagrams, none raises an exception, is answered, or gets
        beyond the layer, and each is counted once.
        """
        outcome = run(1, 20_000)
        self.assertEqual(outcome.failure, "")
        self.assertEqual(outcome.strangers + outcome.replays, 20_000)
        self.assertGreater(min(outcome.strangers, outcome.replays), 5000)
        self.assertEqual(outcome.answered, outcome.pings)

    def test_answerIsNoticed(self) -> None:
        """A layer that sends something when it gets a datagram breaks an invariant."""

        def received(self: KeyedLayer, datagram: bytes, address: HostPort) -> None:
            self._transport.write(b"hello", address)

        self.patch(KeyedLayer, "received", received)
        self.assertIn("has sent something", run(1, 1000).failure)

    def test_openDoorIsNoticed(self) -> None:
        """A layer that hands over a datagram as it is breaks an invariant."""

        def received(self: KeyedLayer, datagram: bytes, address: HostPort) -> None:
            self._transport.deliver(datagram, address)

        self.patch(KeyedLayer, "received", received)
        self.assertNotEqual(run(1, 1000).failure, "")


class CertifiedFuzzTests(SynchronousTestCase):
    """
    Datagrams of strangers on a network by certificate.
    """

    def test_strangersGetCookiesAlone(self) -> None:
        """
        Of 20,000 mutated, replayed and forged datagrams, none raises an exception or gets beyond
        the layer, addresses without a cookie are sent cookies alone, and members are served.
        """
        outcome = run(1, 20_000, "certificate")
        self.assertEqual(outcome.failure, "")
        self.assertGreater(outcome.strangers, 2000)
        self.assertGreater(outcome.cookies, 500)
        self.assertEqual(outcome.answered, outcome.pings)


class AnswerTests(SynchronousTestCase):
    """
    What a node of a network by certificate may send to strangers.
    """

    def setUp(self) -> None:
        self.subject = CertifiedSubject(1)
        self.addCleanup(self.subject.finish)

    def assertBroken(self, text: str) -> None:
        """Require that strangers find a broken invariant, whose message has this text."""
        broken = self.assertRaises(BrokenInvariant, self.subject.attack)
        self.assertIn(text, str(broken))

    def test_handshakeWithoutCookieIsNoticed(self) -> None:
        """A node that begins handshakes without a cookie breaks an invariant."""
        self.patch(Gate, "hasCookie", lambda self, hello, address: True)
        self.assertBroken("which has no cookie")

    def test_longAnswerIsNoticed(self) -> None:
        """A node that answers a hello by more bytes than it has breaks an invariant."""
        layer = self.subject.node._layer
        assert isinstance(layer, CertifiedLayer)

        def received(datagram: bytes, address: HostPort) -> None:
            hello = readClientHello(datagram)
            if hello is not None:
                layer._transport.write(layer._gate.askFor(hello, address) + bytes(200), address)

        self.patch(self.subject.node, "datagramReceived", received)
        self.assertBroken("bytes were sent for")

    def test_cookieForOtherDatagramIsNoticed(self) -> None:
        """A node that sends a cookie to an address that sent no hello breaks an invariant."""
        layer = self.subject.node._layer
        assert isinstance(layer, CertifiedLayer)

        def received(datagram: bytes, address: HostPort) -> None:
            hello = readClientHello(datagram)
            if hello is not None:
                layer._transport.write(layer._gate.askFor(hello, address), ("7.7.7.7", 7))

        self.patch(self.subject.node, "datagramReceived", received)
        self.assertBroken("a cookie was sent to ('7.7.7.7', 7)")

    def test_deliveredDatagramIsNoticed(self) -> None:
        """A layer that hands over a datagram as it is breaks an invariant."""
        layer = self.subject.node._layer
        assert isinstance(layer, CertifiedLayer)
        self.patch(self.subject.node, "datagramReceived", layer._transport.deliver)
        self.assertRaises(BrokenInvariant, self.subject.attack)


class MutationTests(SynchronousTestCase):
    """
    The kinds of datagrams that strangers make.
    """

    def setUp(self) -> None:
        """Let a node talk to its members, so that strangers have recorded them."""
        self.subject = CertifiedSubject(1)
        self.addCleanup(self.subject.finish)
        self.subject.live()
        self.strangers = self.subject.strangers

    def kind(self, name: str) -> list[bytes]:
        """Datagrams of a kind."""
        make = getattr(self.strangers, name)
        return [make(self.strangers.choose()[0]) for _ in range(200)]

    def test_everyKindMakesDatagrams(self) -> None:
        """Each kind makes different datagrams, of any that was recorded."""
        for kind in self.strangers.kinds:
            made = {kind(self.strangers.choose()[0]) for _ in range(200)}
            self.assertGreater(len(made), 20, kind)

    def test_recordsAreReordered(self) -> None:
        """Whole records of several datagrams are put into one."""
        self.assertGreater(max(len(list(readRecords(each))) for each in self.kind("reordered")), 3)

    def test_hellosAreSound(self) -> None:
        """A hello with another cookie is one that a node reads."""
        for made in self.kind("helloWithWrongCookie"):
            hello = readClientHello(made)
            assert hello is not None
            self.assertNotEqual(hello.cookie, b"")
            again = readClientHello(withCookie(made, b"cookie"))
            assert again is not None
            self.assertEqual((again.random, again.cookie), (hello.random, b"cookie"))

    def test_strangersGetHandshakes(self) -> None:
        """Strangers with a cookie of their own address are sent the first flight of a handshake."""
        sent: list[bytes] = []
        record = self.subject.network.onDatagram

        def note(source: HostPort, destination: HostPort, data: bytes) -> None:
            assert record is not None
            record(source, destination, data)
            if source == ADDRESS and self.strangers.isGuest(destination):
                sent.append(data)

        self.subject.network.onDatagram = note
        for _ in range(3):
            self.subject.attack()
            self.subject.live()
        self.assertGreater(sum(len(data) > 500 for data in sent), 20)

    def test_sourcesAreMixed(self) -> None:
        """Datagrams come from strangers, from members, and from addresses that the node asks."""
        self.subject.attack()
        sources = [self.strangers.next()[1][0] for _ in range(2000)]
        for first in ("4.", "5.", "9."):
            self.assertGreater(sum(host.startswith(first) for host in sources), 100)

    def test_furtherCookieIsRemembered(self) -> None:
        """
        A stranger that has got two cookies is remembered until as many others have got one after
        its second.
        """
        self.subject.live()
        hello = next(each for each, _ in self.strangers.handshakes if readClientHello(each))
        parsed = readClientHello(hello)
        assert parsed is not None
        answer = helloVerifyRequest(parsed, bytes(COOKIE_BYTES))
        guest = ("5.6.0.7", 0)

        def ask(network: int) -> None:
            for number in range(COOKIES_REMEMBERED - 1):
                self.strangers.asksForCookie(hello, answer, (f"5.{network}.0.7", number))

        for network in (7, 8):
            self.strangers.asksForCookie(hello, answer, guest)
            ask(network)
        self.assertTrue(self.strangers.isGuest(guest))
        self.strangers.asksForCookie(hello, answer, ("5.9.0.7", 0))
        self.assertFalse(self.strangers.isGuest(guest))

    def test_plainStrangersMakeTheirKinds(self) -> None:
        """Strangers on a network by key have the kinds that need no records."""
        plain = Strangers(Random(1), [("1.2.3.4", 5)])
        self.assertGreaterEqual(len(plain.kinds), 11)
        self.assertIsInstance(self.strangers, RecordStrangers)
