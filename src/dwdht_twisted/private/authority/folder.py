"""
An authority in a folder of files.

- ``authority.pem``: the certificate that all members know
- ``authority.key``: its private key, which only the owner may read
- ``revoked.pem``: the revocation list, for all members
- ``NAME.pem`` and ``NAME.key``: the newest certificate and the private key of a member
- ``issued/SERIAL.pem``: each certificate that was made, so that all of a member's can be revoked,
  and its keys are known as revoked
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timezone
from os import PathLike
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ..._files.keys import createKeyFile
from ...errors import CannotUseCertificate, CannotUseKey
from ..bounds import LONGEST_DAYS
from ..certified.credentials import (
    idOf,
    loadAuthorities,
    loadCertificate,
    loadKey,
    loadLists,
)
from .authority import (
    AUTHORITY_DAYS,
    CERTIFICATE_DAYS,
    REVOCATION_DAYS,
    Authority,
    newKey,
    pemOf,
    pemOfKey,
)

try:
    from fcntl import LOCK_EX, flock
except ImportError:
    # Windows has no such locks.
    HAS_LOCKS = False
else:
    HAS_LOCKS = True

#: The name of a member is the name of its files.
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)

#: The names of the authority's own files, which no member can have.
_RESERVED = ("authority", "revoked")

_CERTIFICATE, _KEY, _LIST, _ISSUED = "authority.pem", "authority.key", "revoked.pem", "issued"


def checkName(name: str) -> None:
    """
    Check the name of a member.

    :raises CannotUseCertificate: when it has other characters than letters, digits, dots, hyphens
        and underscores, more than 64 of them, or is the name of a file of the authority
    """
    if name in _RESERVED:
        raise CannotUseCertificate(
            f"{name!r} can't be the name of a member: {name}.pem is a file of the authority"
        )
    if not _isName(name):
        raise CannotUseCertificate(
            f"{name!r} can't be the name of a member; use up to 64 letters, digits, dots, hyphens "
            "and underscores"
        )


def _isName(text: str) -> bool:
    return _NAME.fullmatch(text) is not None and text not in _RESERVED


class AuthorityFolder:
    """
    A small authority, with a file for each thing that it makes.

    :param path: the folder
    :param now: the time, in UTC; by default the present
    :ivar certificateFile: the certificate that all members know
    :ivar revocationsFile: the revocation list
    :raises CannotUseKey: when the key of the authority can't be read
    :raises CannotUseCertificate: when the folder holds no authority
    """

    def __init__(self, path: str | PathLike[str], now: datetime | None = None) -> None:
        self.path = Path(path)
        self._now = now or datetime.now(timezone.utc)
        certificate = loadAuthorities(self.path / _CERTIFICATE)[0]
        key = loadKey(self.path / _KEY)
        if key.public_key() != certificate.public_key():
            raise CannotUseCertificate(f"the key in {str(self.path)!r} is not of its authority")
        self._authority = Authority(key, certificate)
        # The folder is used again later, and the process may be in another one then.
        self.path = self.path.absolute()
        self.certificateFile = self.path / _CERTIFICATE
        self.revocationsFile = self.path / _LIST

    @classmethod
    def make(
        cls,
        path: str | PathLike[str],
        *,
        name: str = "dwdht",
        days: int = AUTHORITY_DAYS,
        now: datetime | None = None,
    ) -> AuthorityFolder:
        """
        Make a new authority, and its folder if it is missing.

        :param name: the name in its certificate
        :param days: how long the certificate is valid
        :raises CannotUseKey: when the folder holds an authority already
        :raises CannotUseCertificate: when the folder can't be written
        :raises ValueError: when the days are not above 0, or more than `LONGEST_DAYS`
        """
        _checkDays(days)
        folder = Path(path)
        now = now or datetime.now(timezone.utc)
        authority = Authority.make(name, now, days)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / _ISSUED).mkdir(mode=0o700, exist_ok=True)
            with _locked(folder), ExitStack() as undoing:
                # The key is written first: its file is never overwritten.
                createKeyFile(folder / _KEY, pemOfKey(authority.key))
                # Without its certificate, the key would only be in the way of the next try.
                undoing.callback(os.unlink, folder / _KEY)
                _write(folder / _CERTIFICATE, pemOf(authority.certificate))
                undoing.callback(os.unlink, folder / _CERTIFICATE)
                _write(folder / _LIST, pemOf(authority.listRevoked((), now)))
                undoing.pop_all()
        except (OSError, ValueError) as error:
            raise _cannotWrite(folder, error) from None
        return cls(folder, now)

    def certify(self, name: str, *, days: float = CERTIFICATE_DAYS) -> tuple[Path, Path]:
        """
        Certify a member: make its key if it has none, and a certificate, which replaces the former.

        :param name: letters, digits, dots, hyphens and underscores
        :param days: how long the certificate is valid
        :return: the files of the certificate and of the key
        :raises CannotUseKey: when the key can't be read or written, or one of its certificates was
            revoked: whoever has stolen it would be a member again
        :raises CannotUseCertificate: when the name can't be used, or a file can't be written
        :raises ValueError: when the days are not above 0, or more than `LONGEST_DAYS`
        """
        checkName(name)
        _checkDays(days)
        certificateFile, keyFile = self.path / f"{name}.pem", self.path / f"{name}.key"
        try:
            with _locked(self.path):
                if keyFile.exists():
                    key = loadKey(keyFile)
                    if self._isRevoked(key.public_key(), certificateFile):
                        raise CannotUseKey(
                            f"the key of {name!r} was revoked; move {keyFile} away, and a new one "
                            "is made"
                        )
                else:
                    key = newKey()
                    createKeyFile(keyFile, pemOfKey(key))
                certificate = self._authority.certify(key.public_key(), name, self._now, days=days)
                self._keep(certificate)
                _replace(certificateFile, pemOf(certificate))
        except (OSError, ValueError) as error:
            raise _cannotWrite(self.path, error) from None
        return certificateFile, keyFile

    def revoke(
        self, members: Iterable[str | PathLike[str]] = (), *, days: float = REVOCATION_DAYS
    ) -> Path:
        """
        Make a new revocation list.  Without members, it has the entries of the former.

        All certificates that were made under a name are revoked, whatever key they have, and all
        others of these keys.

        :param members: the names of members, or files with certificates
        :param days: how long the list is valid
        :return: the file of the list
        :raises CannotUseCertificate: when a member is unknown, or a file can't be read or written
        :raises ValueError: when the members are no list, or the days are not above 0 or more than
            `LONGEST_DAYS`
        """
        if isinstance(members, str | bytes | PathLike):
            raise ValueError(
                f"members must be a list of names and files, not {members!r}; put it in a list"
            )
        _checkDays(days)
        listFile = self.revocationsFile
        try:
            with _locked(self.path):
                serials = self._revokedSerials()
                for member in members:
                    serials |= self._serialsOf(os.fspath(member))
                revoked = self._authority.listRevoked(sorted(serials), self._now, days)
                _replace(listFile, pemOf(revoked))
        except (OSError, ValueError) as error:
            raise _cannotWrite(self.path, error) from None
        return listFile

    def _revokedSerials(self) -> set[int]:
        return {each.serial_number for some in loadLists(self.revocationsFile) for each in some}

    def _issuedFile(self, serial: int) -> Path:
        return self.path / _ISSUED / f"{serial:x}.pem"

    def _isRevoked(self, key: ec.EllipticCurvePublicKey, certificateFile: Path) -> bool:
        """Whether a certificate of a key was revoked, of those made here and the one in a file."""
        serials = self._revokedSerials()
        issued = [self._issuedFile(each) for each in serials]
        certificates = [loadCertificate(each) for each in issued if each.exists()]
        # One that is missing or broken is replaced.
        with suppress(CannotUseCertificate):
            certificates.append(loadCertificate(certificateFile))
        return any(
            each.serial_number in serials and each.public_key() == key for each in certificates
        )

    def _serialsOf(self, member: str) -> set[int]:
        """
        The serial numbers of all certificates of a member.

        :param member: its name, or a file with one of its certificates
        """
        issued = [loadCertificate(each) for each in sorted((self.path / _ISSUED).glob("*.pem"))]
        found, file = [], Path(member)
        if _isName(member):
            found = [each for each in issued if _nameOf(each) == member]
            newest = self.path / f"{member}.pem"
            file = newest if found or newest.exists() else file
        try:
            certificate = loadCertificate(file)
            self._checkIssuer(certificate, file)
        except CannotUseCertificate:
            # The newest one may be missing or broken.
            if not found:
                raise
        else:
            found.append(certificate)
            self._keep(certificate)
        keys = {idOf(each) for each in found}
        return {each.serial_number for each in [*found, *issued] if idOf(each) in keys}

    def _keep(self, certificate: x509.Certificate) -> None:
        """Keep a certificate among those that were made, so that its key can be recognised."""
        file = self._issuedFile(certificate.serial_number)
        if not file.exists():
            file.parent.mkdir(mode=0o700, exist_ok=True)
            _write(file, pemOf(certificate))

    def _checkIssuer(self, certificate: x509.Certificate, file: Path) -> None:
        own = self._authority.certificate
        if certificate == own:
            raise CannotUseCertificate(
                f"the certificate {str(file)!r} is the authority's own, and not a member's"
            )
        try:
            # Names don't tell two authorities apart.
            certificate.verify_directly_issued_by(own)
        except (ValueError, TypeError, InvalidSignature):
            raise CannotUseCertificate(
                f"the certificate {str(file)!r} is of another authority"
            ) from None


def _nameOf(certificate: x509.Certificate) -> str | bytes | None:
    """The name under which a certificate was made."""
    names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return names[0].value if names else None


def _checkDays(days: float) -> None:
    if not 0 < days <= LONGEST_DAYS:
        raise ValueError(f"days must be above 0 and at most {LONGEST_DAYS:,}, not {days!r}")


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """
    Wait until no other process changes the folder, and keep others from it.

    Otherwise, of two members that are revoked at once, one might be missing in the list.
    """
    if not HAS_LOCKS:
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        flock(descriptor, LOCK_EX)
        yield
        # Bring the names of the files to the disk.
        os.fsync(descriptor)
    finally:
        # Closing the folder unlocks it.
        os.close(descriptor)


def _write(path: Path, content: bytes) -> None:
    """Write a new file, whole or not at all; an existing one is never overwritten."""
    with open(path, "xb") as file:
        try:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            with suppress(OSError):
                os.unlink(path)
            raise


def _replace(path: Path, content: bytes) -> None:
    """
    Write a file, or replace it, so that a reader finds the former content or the new one.

    A symbolic link stays, and the file that it names is replaced.
    """
    path = path.resolve()
    new = path.with_name(f"{path.name}.new")
    with suppress(FileNotFoundError):
        os.unlink(new)
    _write(new, content)
    os.replace(new, path)


def _cannotWrite(folder: Path, error: OSError | ValueError) -> CannotUseCertificate:
    reason = getattr(error, "strerror", None) or str(error)
    return CannotUseCertificate(f"cannot write to {str(folder)!r}: {reason}")
