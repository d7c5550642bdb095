"""
TLS of `DHTClientEndpoint`, on networks in memory and in simulated time.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import NoProtocol, TimeoutError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.ssl import PrivateCertificate, optionsForClientTLS
from twisted.protocols.tls import TLSMemoryBIOFactory

from dwdht_twisted import NoServerReached
from tests.helpers.networks.endpoints import EndpointTestCase, NamedFactory

NAME = "site.example"
GOOD, WRONG, SILENT = "10.1.0.1", "10.1.0.2", "10.1.0.3"


def certificateFor(name: str) -> PrivateCertificate:
    """Return a new certificate for a host name, signed by its own key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(timezone.utc)
    signed = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = signed.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    certificate: PrivateCertificate = PrivateCertificate.loadPEM(pem)
    return certificate


class Broken(Factory):
    """
    A factory of a client that fails.

    :param how: what fails: ``buildProtocol``, ``connectionMade``, ``none`` for a factory that makes
        no protocol, or ``exit`` for a ``connectionMade`` that raises SystemExit
    :ivar events: the calls of ``doStart`` and ``doStop``
    """

    noisy = False

    def __init__(self, how: str) -> None:
        self.how = how
        self.events: list[str] = []

    def startFactory(self) -> None:
        self.events.append("start")

    def stopFactory(self) -> None:
        self.events.append("stop")

    def buildProtocol(self, addr: IAddress | None) -> Any:
        if self.how == "buildProtocol":
            raise OwnError()
        if self.how == "none":
            return None
        return BrokenProtocol(SystemExit() if self.how == "exit" else OwnError())


class OwnError(Exception):
    """The error of a client's own code."""


class BrokenProtocol(Protocol):
    """
    A protocol that fails at once.

    :param error: what it raises
    """

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def connectionMade(self) -> None:
        raise self._error


class Silent(NamedFactory):
    """Makes protocols that say nothing."""

    def buildProtocol(self, addr: IAddress | None) -> Protocol:
        return Protocol()


class TLSTests(EndpointTestCase):
    """
    Servers that prove their name, and servers that don't.
    """

    def setUp(self) -> None:
        super().setUp()
        self.certificate = certificateFor(NAME)
        self.tls = optionsForClientTLS(NAME, trustRoot=self.certificate)

    def serveTLS(self, host: str, certificate: PrivateCertificate) -> NamedFactory:
        """Start a server with a certificate."""
        named = NamedFactory(host)
        reactor = self.network.reactor(host)
        factory = TLSMemoryBIOFactory(certificate.options(), False, named, clock=reactor)
        self._opened.append(self.clock.runUntil(self.serverEndpoint(reactor).listen(factory)))
        self.clock.runFor(3)
        return named

    def test_wrongServersAreNotUsed(self) -> None:
        """Of three servers, a client by TLS uses only the one whose certificate is right."""
        self.serveTLS(GOOD, self.certificate)
        self.serveTLS(WRONG, certificateFor(NAME))
        self._opened.append(
            self.clock.runUntil(
                self.serverEndpoint(self.network.reactor(SILENT)).listen(Silent(SILENT))
            )
        )
        self.clock.runFor(3)
        shares = self.shares(self.client(tls=self.tls), 20)
        self.assertEqual(shares, {GOOD: 20})

    def test_errorNamesTheCertificate(self) -> None:
        """
        The error of a connection names the servers whose certificates are wrong: one of another
        name, and one that nobody trusted has signed.
        """
        self.serveTLS(WRONG, certificateFor("other.example"))
        self.serveTLS(SILENT, certificateFor(NAME))
        error = self.failure(self.begin(self.client(tls=self.tls)), NoServerReached)
        reasons = {address.host: reason for address, reason in error.attempts}
        # Older versions of Twisted say what OpenSSL says.
        self.assertIsInstance(reasons[WRONG], (VerificationError, SSL.Error))
        self.assertIsInstance(reasons[SILENT], SSL.Error)

    def test_silentHandshakeTimesOut(self) -> None:
        """A server that doesn't answer the handshake is given up after 10 seconds."""

        reactor = self.network.reactor(SILENT)
        self._opened.append(
            self.clock.runUntil(self.serverEndpoint(reactor).listen(Silent(SILENT)))
        )
        self.clock.runFor(3)
        began = self.clock.seconds()
        error = self.failure(self.begin(self.client(tls=self.tls)), NoServerReached)
        self.assertIsInstance(error.attempts[0][1], TimeoutError)
        self.assertLess(self.clock.seconds() - began, 11)

    def test_errorOfTheClientEndsItsAttempt(self) -> None:
        """
        What the client's factory or protocol raises is the error of the attempt, which ends at once
        and logs nothing.
        """
        self.serveTLS(GOOD, self.certificate)
        for how, expected in (
            ("buildProtocol", OwnError),
            ("connectionMade", OwnError),
            ("none", NoProtocol),
        ):
            began = self.clock.seconds()
            connecting: Any = self.client(tls=self.tls).connect(Broken(how))
            error = self.failure(connecting, NoServerReached)
            self.assertIsInstance(error.attempts[0][1], expected, how)
            self.assertLess(self.clock.seconds() - began, 5)

    def test_exitOfTheClientEndsItsAttempt(self) -> None:
        """A protocol that raises SystemExit, which the reactor logs, ends the attempt, too."""
        self.serveTLS(GOOD, self.certificate)
        began = self.clock.seconds()
        connecting: Any = self.client(tls=self.tls).connect(Broken("exit"))
        self.failure(connecting, NoServerReached)
        self.assertLess(self.clock.seconds() - began, 5)
        self.assertEqual(len(self.flushLoggedErrors(SystemExit)), 1)

    def test_factoryIsStartedAndStopped(self) -> None:
        """The client's factory is started with its first connection, and stopped with its last."""
        self.serveTLS(GOOD, self.certificate)
        factory = Broken("none")
        connecting: Any = self.client(tls=self.tls).connect(factory)
        self.failure(connecting, NoServerReached)
        self.clock.runFor(1)
        self.assertEqual(factory.events, ["start", "stop"])

    def test_raisingConnectIsAFailedAttempt(self) -> None:
        """An endpoint that raises for every server fails, and doesn't wait for ever."""

        class Unusable:
            def clientConnectionForTLS(self) -> None:
                """Lack the interface, and ``getContext``."""

        self.serveTLS(GOOD, self.certificate)
        unusable: Any = Unusable()
        error = self.failure(self.begin(self.client(tls=unusable)), NoServerReached)
        self.assertIsInstance(error.attempts[0][1], (TypeError, AttributeError))
        # Twisted warns of such an object.
        self.flushWarnings()
