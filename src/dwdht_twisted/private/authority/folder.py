"""
An authority in a folder of files.

- ``authority.pem``: the certificate that all members know
- ``authority.key``: its private key, which only the owner may read
- ``revoked.pem``: the revocation list, for all members
- ``NAME.pem`` and ``NAME.key``: the newest certificate and the private key of a member
- ``issued/SERIAL.pem``: each certificate that was made, so that all of a member's can be revoked
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime, timezone
from hashlib import sha256
from os import PathLike
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ..._keyfiles import createKeyFile
from ...errors import CannotUseCertificate
from ..certified.credentials import loadAuthorities, loadCertificate, loadKey, loadLists
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

_CERTIFICATE, _KEY, _LIST = "authority.pem", "authority.key", "revoked.pem"


def checkName(name: str) -> None:
    """
    Check the name of a member.

    :raises CannotUseCertificate: when it has other characters than letters, digits, dots, hyphens
        and underscores, more than 64 of them, or is the name of a file of the authority
    """
    if not _NAME.fullmatch(name) or name in ("authority", "revoked"):
        raise CannotUseCertificate(
            f"{name!r} can't be the name of a member; use up to 64 letters, digits, dots, hyphens "
            "and underscores"
        )


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
        """
        folder = Path(path)
        now = now or datetime.now(timezone.utc)
        authority = Authority.make(name, now, days)
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            (folder / "issued").mkdir(mode=0o700, exist_ok=True)
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
        :raises CannotUseKey: when the key can't be read or written
        :raises CannotUseCertificate: when the name can't be used, or a file can't be written
        """
        checkName(name)
        certificateFile, keyFile = self.path / f"{name}.pem", self.path / f"{name}.key"
        try:
            with _locked(self.path):
                if keyFile.exists():
                    key = loadKey(keyFile)
                else:
                    key = newKey()
                    createKeyFile(keyFile, pemOfKey(key))
                certificate = self._authority.certify(key.public_key(), name, self._now, days=days)
                issued = self.path / "issued" / f"{certificate.serial_number:x}.pem"
                _write(issued, pemOf(certificate))
                _replace(certificateFile, pemOf(certificate))
        except (OSError, ValueError) as error:
            raise _cannotWrite(self.path, error) from None
        return certificateFile, keyFile

    def revoke(
        self, members: Iterable[str | PathLike[str]] = (), *, days: float = REVOCATION_DAYS
    ) -> Path:
        """
        Make a new revocation list.  Without members, it has the entries of the former.

        All certificates of the key of a member are revoked, also those that were renewed.

        :param members: the names of members, or files with certificates
        :param days: how long the list is valid
        :return: the file of the list
        :raises CannotUseCertificate: when a member is unknown, or a file can't be read or written
        """
        listFile = self.revocationsFile
        try:
            with _locked(self.path):
                serials = {each.serial_number for some in loadLists(listFile) for each in some}
                for member in members:
                    serials |= self._serialsOf(member)
                revoked = self._authority.listRevoked(sorted(serials), self._now, days)
                _replace(listFile, pemOf(revoked))
        except (OSError, ValueError) as error:
            raise _cannotWrite(self.path, error) from None
        return listFile

    def _serialsOf(self, member: str | PathLike[str]) -> set[int]:
        named = self.path / f"{os.fspath(member)}.pem"
        certificate = loadCertificate(named if named.exists() else Path(member))
        if certificate.issuer != self._authority.certificate.subject:
            raise CannotUseCertificate(
                f"the certificate {os.fspath(member)!r} is of another authority"
            )
        wanted = _keyOf(certificate)
        issued = [loadCertificate(each) for each in sorted((self.path / "issued").glob("*.pem"))]
        return {certificate.serial_number} | {
            each.serial_number for each in issued if _keyOf(each) == wanted
        }


def _keyOf(certificate: x509.Certificate) -> bytes:
    key = certificate.public_key()
    assert isinstance(key, ec.EllipticCurvePublicKey)
    return sha256(
        key.public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    ).digest()


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
    """Write a file, or replace it, so that a reader finds the former content or the new one."""
    new = path.with_name(f"{path.name}.new")
    with suppress(FileNotFoundError):
        os.unlink(new)
    _write(new, content)
    os.replace(new, path)


def _cannotWrite(folder: Path, error: OSError | ValueError) -> CannotUseCertificate:
    reason = getattr(error, "strerror", None) or str(error)
    return CannotUseCertificate(f"cannot write to {str(folder)!r}: {reason}")
