"""
TLS of `DHTClientEndpoint`, on networks in memory and in simulated time.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from service_identity import VerificationError
from twisted.internet.error import TimeoutError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Protocol
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
