"""
A small certificate authority: it certifies the keys of members, and lists the revoked ones.

Keys are on the curve P-256, because Ed25519 has no certificates in DTLS 1.2 of OpenSSL.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

#: How long the certificate of an authority is valid, in days.
AUTHORITY_DAYS = 3650

#: How long the certificate of a member is valid, in days.
CERTIFICATE_DAYS = 365

#: How long a revocation list is valid, in days.  When it has expired, nobody is accepted any more.
#: Larger: an attacker who keeps a node from getting a newer list profits from it for longer.
#: Smaller: the list has to be made anew more often.
REVOCATION_DAYS = 30

# A certificate is valid from an hour before it was made, because clocks differ.
_BEFORE = timedelta(hours=1)


def newKey() -> ec.EllipticCurvePrivateKey:
    """Make a private key."""
    return ec.generate_private_key(ec.SECP256R1())


def pemOfKey(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A private key as PEM and PKCS #8, without a password."""
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def pemOf(signed: x509.Certificate | x509.CertificateRevocationList) -> bytes:
    """A certificate or a revocation list as PEM."""
    return signed.public_bytes(serialization.Encoding.PEM)


class Authority:
    """
    An authority, with its private key.

    :param key: the private key
    :param certificate: the certificate that all members know
    """

    def __init__(self, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> None:
        self.key = key
        self.certificate = certificate

    @classmethod
    def make(cls, name: str, now: datetime, days: int = AUTHORITY_DAYS) -> Authority:
        """
        Make an authority with a new key.

        :param name: the name in its certificate
        :param now: the time, in UTC
        """
        key = newKey()
        subject = _named(name)
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BEFORE)
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_keyUsage(isAuthority=True), critical=True)
            .add_extension(
                x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False
            )
        )
        return cls(key, builder.sign(key, hashes.SHA256()))

    def certify(
        self,
        publicKey: ec.EllipticCurvePublicKey,
        name: str,
        now: datetime,
        *,
        days: float = CERTIFICATE_DAYS,
    ) -> x509.Certificate:
        """
        Certify the key of a member.

        :param name: the name in the certificate, which nothing depends on
        :param now: the time, in UTC
        :param days: how long the certificate is valid
        """
        return (
            x509.CertificateBuilder()
            .subject_name(_named(name))
            .issuer_name(self.certificate.subject)
            .public_key(publicKey)
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - _BEFORE)
            .not_valid_after(now + timedelta(days=days))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_keyUsage(isAuthority=False), critical=True)
            # Each node answers as a server, and asks as a client.
            .add_extension(
                x509.ExtendedKeyUsage(
                    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
                ),
                critical=False,
            )
            .add_extension(self._keyIdentifier(), critical=False)
            .sign(self.key, hashes.SHA256())
        )

    def listRevoked(
        self, serials: Iterable[int], now: datetime, days: float = REVOCATION_DAYS
    ) -> x509.CertificateRevocationList:
        """
        Make a revocation list.

        :param serials: the serial numbers of the certificates that are not accepted any more
        :param now: the time, in UTC
        :param days: how long the list is valid
        """
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(self.certificate.subject)
            .last_update(now - _BEFORE)
            .next_update(now + timedelta(days=days))
            .add_extension(self._keyIdentifier(), critical=False)
        )
        for serial in serials:
            builder = builder.add_revoked_certificate(
                x509.RevokedCertificateBuilder()
                .serial_number(serial)
                .revocation_date(now - _BEFORE)
                .build()
            )
        return builder.sign(self.key, hashes.SHA256())

    def _keyIdentifier(self) -> x509.AuthorityKeyIdentifier:
        return x509.AuthorityKeyIdentifier.from_issuer_public_key(self.key.public_key())


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _keyUsage(*, isAuthority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not isAuthority,
        key_cert_sign=isAuthority,
        crl_sign=isAuthority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
