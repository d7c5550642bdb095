"""
The files of a member: its certificate, its private key, the authority, and the revocation list.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import lru_cache
from hashlib import sha256
from os import PathLike
from typing import NamedTuple, TypeAlias, TypeVar

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from OpenSSL import SSL, crypto

from ..._files.keys import readKeyFile
from ..._files.regular import readRegularFile, reasonOf
from ...errors import CannotUseCertificate, CannotUseKey
from ..bounds import ASSOCIATIONS, HANDSHAKE_MESSAGE_BYTES

#: The name of a file, or its content in PEM.
Source: TypeAlias = str | PathLike[str] | bytes

# The one suite of DTLS 1.2 that is used: for certificates of P-256, with forward secrecy.
_CIPHERS = b"ECDHE-ECDSA-AES128-GCM-SHA256"

#: The version number of DTLS 1.2 (RFC 6347, section 4.1).  The version 1.3 (RFC 9147) has no
#: constant in pyOpenSSL, and no OpenSSL that was there to try this package with has it.
DTLS_1_2 = 0xFEFD
DTLS_1_3 = 0xFEFC

# SSL_MODE_NO_AUTO_CHAIN of OpenSSL, which has no constant in pyOpenSSL.
_NO_AUTO_CHAIN = 8

#: The most bytes of a certificate, in DER.  Two lengths stand before it in its message.
MAXIMUM_CERTIFICATE_BYTES = HANDSHAKE_MESSAGE_BYTES - 6

_Parsed = TypeVar("_Parsed")


def idOf(certificate: x509.Certificate) -> bytes:
    """
    The id of the node with a certificate.

    :return: 32 bytes: SHA-256 of the public key in its DER form, SubjectPublicKeyInfo (RFC 5280)
    """
    return sha256(
        certificate.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).digest()


class Identity(NamedTuple):
    """
    What a node shows.

    :ivar certificate: the certificate of the node
    :ivar key: its private key
    """

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


class Credentials(NamedTuple):
    """
    What a node shows, and by which it judges what others show.

    :ivar identity: the certificate of the node, and its private key
    :ivar authorities: the certificates of those whose members are accepted
    :ivar revocations: the revocation lists, each of an authority; None if none are used
    """

    identity: Identity
    authorities: list[x509.Certificate]
    revocations: list[x509.CertificateRevocationList] | None

    def revokes(self, certificate: x509.Certificate) -> bool:
        """Whether a list of the certificate's authority has its serial number."""
        return any(
            each.issuer == certificate.issuer
            and each.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None
            for each in self.revocations or ()
        )

    def accepts(self, certificate: x509.Certificate) -> bool:
        """Whether one of the authorities has signed a certificate."""
        return any(_hasSigned(each, certificate) for each in self.authorities)

    def listsExpire(self) -> Iterator[tuple[str, datetime | None]]:
        """
        The authorities whose lists expire, with the times at which their last ones do, in UTC.

        An authority without a list comes with None.  Without any list, none is used, so nothing is
        returned.
        """
        for authority in self.authorities if self.revocations is not None else ():
            lists = [each for each in self.revocations or () if isListOf(each, authority)]
            times = [each.next_update_utc for each in lists]
            if None not in times:
                name = authority.subject.rfc4514_string()
                yield name, max((each for each in times if each is not None), default=None)

    def makeContext(self) -> SSL.Context:
        """The context of OpenSSL, for both roles."""
        context = SSL.Context(SSL.DTLS_METHOD)
        context.set_min_proto_version(DTLS_1_2)
        context.set_max_proto_version(DTLS_1_2)
        # NO_QUERY_MTU: OpenSSL would ask the socket, and there is none.
        context.set_options(SSL.OP_NO_QUERY_MTU | SSL.OP_NO_TICKET | SSL.OP_NO_RENEGOTIATION)
        # NO_AUTO_CHAIN: the other end has the certificate of the authority.
        context.set_mode(SSL.MODE_RELEASE_BUFFERS | _NO_AUTO_CHAIN)
        context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        context.set_cipher_list(_CIPHERS)
        context.use_certificate(self.identity.certificate)
        context.use_privatekey(self.identity.key)
        context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)
        # A hello reaches OpenSSL only after its cookie was checked.
        context.set_cookie_verify_callback(lambda connection, cookie: True)
        store = context.get_cert_store()
        assert store is not None
        for authority in self.authorities:
            store.add_cert(crypto.X509.from_cryptography(authority))
        if self.revocations is not None:
            for each in self.revocations:
                store.add_crl(each)
        # PARTIAL_CHAIN: the authority may be one whose own certificate another one has signed.
        store.set_flags(
            crypto.X509StoreFlags.PARTIAL_CHAIN
            | (0 if self.revocations is None else crypto.X509StoreFlags.CRL_CHECK)
        )
        return context


def loadIdentity(certificate: Source, privateKey: Source) -> Identity:
    """
    Read the certificate and the private key of a member, and check that they belong together.

    :raises CannotUseKey: when the private key can't be read or used
    :raises CannotUseCertificate: when the certificate can't be read or used, or is of another key;
        the message names the file
    """
    own = loadCertificate(certificate)
    key = loadKey(privateKey)
    if own.public_key() != key.public_key():
        raise CannotUseCertificate(
            f"{named('certificate', certificate)} is not of {named('private key', privateKey)}"
        )
    size = len(own.public_bytes(serialization.Encoding.DER))
    if size > MAXIMUM_CERTIFICATE_BYTES:
        raise CannotUseCertificate(
            f"{named('certificate', certificate)} has {size:,} bytes; at most "
            f"{MAXIMUM_CERTIFICATE_BYTES:,} can be used"
        )
    return Identity(own, key)


def loadCertificate(source: Source) -> x509.Certificate:
    """
    Read a certificate; of several, the first.

    :raises CannotUseCertificate: when it can't be read
    """
    return _load(source, "certificate", _parseCertificates)[0]


def loadKey(source: Source) -> ec.EllipticCurvePrivateKey:
    """
    Read a private key, from a file that only its owner may read.

    :raises CannotUseKey: when it can't be read, has a password, or is not on the curve P-256
    """
    content = source if isinstance(source, bytes) else readKeyFile(source)
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except TypeError:
        raise CannotUseKey(f"{named('private key', source)} is protected by a password") from None
    except (ValueError, UnsupportedAlgorithm):
        raise CannotUseKey(f"{named('private key', source)} holds no private key in PEM") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
        raise CannotUseKey(f"{named('private key', source)} is not on the curve P-256")
    return key


def loadAuthorities(source: Source) -> list[x509.Certificate]:
    """
    Read the certificates of authorities, one at least.

    :raises CannotUseCertificate: when they can't be read
    """
    return _load(source, "authority", _parseCertificates)


def loadLists(source: Source) -> list[x509.CertificateRevocationList]:
    """
    Read revocation lists, one at least.

    :raises CannotUseCertificate: when they can't be read
    """
    return _load(source, "revocation list", _parseLists)


def fingerprint(sources: tuple[Source | None, ...]) -> tuple[object, ...]:
    """A value that changes when one of the files is replaced or written."""
    found: list[object] = []
    for source in sources:
        if source is None or isinstance(source, bytes):
            found.append(None)
            continue
        try:
            status = os.stat(source)
        except OSError as error:
            found.append(error.errno)
        else:
            found.append((status.st_ino, status.st_size, status.st_mtime_ns))
    return tuple(found)


def _load(source: Source, kind: str, parse: Callable[[bytes], _Parsed]) -> _Parsed:
    content = source if isinstance(source, bytes) else _read(source, kind)
    try:
        return parse(content)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise CannotUseCertificate(f"{named(kind, source)} can't be used: {error}") from None


def _read(path: str | PathLike[str], kind: str) -> bytes:
    try:
        return readRegularFile(path).content
    except (OSError, ValueError) as error:
        raise CannotUseCertificate(f"cannot read {named(kind, path)}: {reasonOf(error)}") from None


def named(kind: str, source: Source | None) -> str:
    """What an error calls a source: its kind, and its file if it is one."""
    if source is None or isinstance(source, bytes):
        return f"the {kind}"
    return f"the {kind} {os.fspath(source)!r}"


def _parseCertificates(content: bytes) -> list[x509.Certificate]:
    if b"-----BEGIN CERTIFICATE-----" not in content:
        raise ValueError("it holds no certificate in PEM")
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError:
        raise ValueError("a certificate in it is damaged") from None


def _parseLists(content: bytes) -> list[x509.CertificateRevocationList]:
    marker = b"-----BEGIN X509 CRL-----"
    parts = [marker + part for part in content.split(marker)[1:]]
    if not parts:
        raise ValueError("it holds no revocation list in PEM")
    return [x509.load_pem_x509_crl(part) for part in parts]


# A node asks for each of its associations every ten seconds, and a signature takes some 0.1 ms.
@lru_cache(2 * ASSOCIATIONS)
def _hasSigned(authority: x509.Certificate, certificate: x509.Certificate) -> bool:
    # Names don't tell two authorities apart: `dwdht network new` gives all the same name.
    try:
        certificate.verify_directly_issued_by(authority)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def isListOf(revocations: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    """Whether an authority has signed a revocation list."""
    try:
        return revocations.issuer == authority.subject and revocations.is_signature_valid(
            authority.public_key()  # type: ignore[arg-type]
        )
    except (TypeError, InvalidSignature):
        return False


__all__ = [
    "DTLS_1_2",
    "DTLS_1_3",
    "Credentials",
    "Identity",
    "Source",
    "fingerprint",
    "idOf",
    "isListOf",
    "loadAuthorities",
    "loadCertificate",
    "loadIdentity",
    "loadKey",
    "loadLists",
    "named",
]
