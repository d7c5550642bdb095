"""
The security context of a member: its files, read again while it runs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timezone

from cryptography.x509 import Certificate
from OpenSSL import SSL
from twisted.logger import Logger

from ..seam import DatagramLayer, Transport
from .association import OVERHEAD_BYTES, RECORD_BYTES
from .credentials import DTLS_1_3, Credentials, Source, idOf
from .files import MemberFiles


class SecurityContext:
    """
    The certificate, the key and the authority of a member of a network by certificate.

    The files are looked at again every ten seconds while a node runs.  A renewed certificate of the
    same key, new authorities and new revocation lists are used from then on, each on its own.  A
    file that can't be used is logged, and its former content stays in use.

    :param certificate: the certificate of this node, of a key on the curve P-256: the name of a PEM
        file, or its content as bytes
    :param privateKey: the private key, in the same form.  Only the owner may read the file.
    :param authority: the certificate of the authority, in the same form.  With several, the members
        of each are accepted, so that an authority can be replaced.
    :param revocations: the revocation lists of all authorities, in the same form.  When a list has
        expired, no new member is accepted until there is a newer one.
    :param now: returns the wall time, in seconds since 1970; certificates expire by it
    :ivar id: the id of the node, 32 bytes: SHA-256 of its public key
    :ivar overhead: the bytes by which a datagram is longer than on an open network
    :ivar maximumBytes: the most bytes of a datagram, with these: a datagram is one record of DTLS
    :ivar refusal: why a handshake that a node of this context has begun failed last; None if none
        has.  The other end's reason may be forged.
    :ivar context: the present context of OpenSSL
    :raises CannotUseKey: when the private key can't be read or used
    :raises CannotUseCertificate: when another file can't be read, or they don't belong together
    """

    _log = Logger()

    def __init__(
        self,
        certificate: Source,
        privateKey: Source,
        authority: Source,
        *,
        revocations: Source | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._files = MemberFiles((certificate, privateKey), authority, revocations)
        self._listsExpire = list(self._credentials.listsExpire())
        self._now = now
        self._logged: set[str] = set()
        self.refusal: str | None = None
        self.id = idOf(self._own)
        self.overhead = OVERHEAD_BYTES
        self.maximumBytes = RECORD_BYTES + OVERHEAD_BYTES
        self.context = self._credentials.makeContext()
        self._warn()

    @property
    def network(self) -> str:
        """The kind of network, in words."""
        return "a network by certificate"

    @property
    def reasonOfSilence(self) -> str:
        """What it may mean that no node answers, beside that none is there."""
        return self.refusal or (
            "a node of another kind of network looks the same, because it makes no handshake"
        )

    def layer(self, transport: Transport) -> DatagramLayer:
        """Make the layer of a node with this certificate."""
        # The layer knows this class.
        from .layer import CertifiedLayer

        return CertifiedLayer(self, transport)

    @property
    def serial(self) -> int:
        """The serial number of the present certificate of this node."""
        return self._own.serial_number

    def refresh(self) -> bool:
        """
        Read the files again that have changed.

        :return: whether the content of one was replaced
        """
        isNew = self._files.refresh(self._log)
        if isNew:
            self.context = self._credentials.makeContext()
            self._listsExpire = list(self._credentials.listsExpire())
        self._warn()
        return isNew

    def refuses(self, certificate: Certificate) -> str | None:
        """
        Whether a member that was accepted before isn't accepted any more.

        :return: the reason; None if it is still accepted
        """
        if certificate.not_valid_after_utc <= self._time():
            return "the certificate has expired"
        if self._credentials.revokes(certificate):
            return "the certificate is revoked"
        if not self._credentials.accepts(certificate):
            return "the authority is not accepted any more"
        return None

    @property
    def _credentials(self) -> Credentials:
        return self._files.credentials

    @property
    def _own(self) -> Certificate:
        return self._files.credentials.identity.certificate

    def _time(self) -> datetime:
        return datetime.fromtimestamp(self._now(), timezone.utc)

    def _warn(self) -> None:
        """Log each fault of the files once, as long as it lasts."""
        faults = set(self._faults(self._time()))
        for fault in sorted(faults - self._logged):
            self._log.error("{reason}", reason=fault)
        self._logged = faults

    def _faults(self, now: datetime) -> Iterator[str]:
        """What has expired, is missing, or is not valid for another reason."""
        for authority, end in self._listsExpire:
            if end is None:
                yield (
                    f"there is no revocation list of the authority {authority}: none of its "
                    "members is accepted until there is one"
                )
            elif end <= now:
                yield (
                    f"the revocation list of the authority {authority} has expired at "
                    f"{end:%Y-%m-%d %H:%M} UTC: no member is accepted until there is a newer one "
                    "(dwdht network revoke FOLDER makes one)"
                )
        for certificate in self._credentials.authorities:
            end = certificate.not_valid_after_utc
            if end <= now:
                yield (
                    "the certificate of the authority "
                    f"{certificate.subject.rfc4514_string()} has expired at {end:%Y-%m-%d %H:%M} "
                    "UTC: none of its members is accepted"
                )
            elif now < certificate.not_valid_before_utc:
                yield (
                    "the certificate of the authority "
                    f"{certificate.subject.rfc4514_string()} is not valid before "
                    f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC: none of its members "
                    "is accepted until then (is the clock of this machine right?)"
                )
        yield from self._ownFaults(now)

    def _ownFaults(self, now: datetime) -> Iterator[str]:
        """Why no member accepts this node."""
        if not self._credentials.accepts(self._own):
            yield (
                "no authority in use has signed the certificate of this node: none of their "
                "members accepts it"
            )
        if self._credentials.revokes(self._own):
            yield (
                "the certificate of this node is revoked: no member with this list accepts it (a "
                "new key makes it a member again: see dwdht network certify)"
            )
        start, end = self._own.not_valid_before_utc, self._own.not_valid_after_utc
        if now < start:
            yield (
                f"the certificate of this node is not valid before {start:%Y-%m-%d %H:%M} UTC: no "
                "member accepts it until then (is the clock of this machine right?)"
            )
        if end <= now:
            yield (
                f"the certificate of this node has expired at {end:%Y-%m-%d %H:%M} UTC: no member "
                "accepts it (dwdht network certify FOLDER NAME renews it)"
            )


def hasDTLS13() -> bool:
    """
    Whether the OpenSSL of the ``cryptography`` package knows DTLS 1.3.

    Networks by certificate use DTLS 1.2, whatever this returns: the stateless cookie of version 1.3
    is in another message, which could not be tried yet.
    """
    try:
        SSL.Context(SSL.DTLS_METHOD).set_max_proto_version(DTLS_1_3)
    except SSL.Error:
        return False
    return True
