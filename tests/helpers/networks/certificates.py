"""
Certificates that are made for a test: authorities, servers and clients.
"""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from twisted.internet.ssl import Certificate, PrivateCertificate


class Authority:
    """
    An authority that signs certificates.

    :param name: its name
    """

    def __init__(self, name: str = "authority") -> None:
        self._name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        self._key = generate_private_key(SECP256R1())
        self._certificate = self._sign(self._name, self._key, isAuthority=True)

    @property
    def pem(self) -> bytes:
        """Its own certificate, in PEM."""
        return self._certificate.public_bytes(Encoding.PEM)

    @property
    def certificate(self) -> Certificate:
        """Its own certificate."""
        return Certificate.loadPEM(self.pem)

    def issue(self, name: str, *, isExpired: bool = False) -> bytes:
        """Make a key and a certificate for 127.0.0.1, and return both in PEM."""
        key = generate_private_key(SECP256R1())
        subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
        certificate = self._sign(subject, key, isExpired=isExpired)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return private + certificate.public_bytes(Encoding.PEM)

    def client(self, name: str = "client", *, isExpired: bool = False) -> PrivateCertificate:
        """Make the certificate of a client."""
        made: PrivateCertificate = PrivateCertificate.loadPEM(self.issue(name, isExpired=isExpired))
        return made

    def _sign(
        self,
        subject: x509.Name,
        key: EllipticCurvePrivateKey,
        *,
        isAuthority: bool = False,
        isExpired: bool = False,
    ) -> x509.Certificate:
        now = datetime.now(timezone.utc)
        end = now - timedelta(days=1) if isExpired else now + timedelta(days=1)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=2))
            .not_valid_after(end)
            .add_extension(x509.BasicConstraints(isAuthority, None), critical=True)
            .add_extension(
                x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]),
                critical=False,
            )
            .sign(self._key, SHA256())
        )


def write(path: str, content: bytes) -> str:
    """Write a file, and return its path."""
    Path(path).write_bytes(content)
    return path
