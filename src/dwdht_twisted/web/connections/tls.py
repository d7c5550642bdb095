"""
The certificate of a server, which is read again while the server runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from OpenSSL import SSL, crypto
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.ssl import (
    Certificate,
    CertificateOptions,
    TLSVersion,
    trustRootFromCertificates,
)
from twisted.protocols.tls import TLSMemoryBIOProtocol
from zope.interface import implementer

from ..._files.regular import readRegularFile, reasonOf
from ...errors import CannotListen

#: The line that begins a certificate in PEM.
_BEGIN = b"-----BEGIN CERTIFICATE-----"


class CertificateFiles(NamedTuple):
    """
    The files of a server's certificate, in PEM.

    :ivar privateKey: the file of the private key
    :ivar certificate: the file of the certificate, and of those that have signed it
    :ivar chain: a file with more certificates that have signed it, or None
    :ivar clientCA: the file with the certificates that sign those of clients, or None
    """

    privateKey: str
    certificate: str
    chain: str | None = None
    clientCA: str | None = None

    def stamps(self) -> tuple[tuple[int, int], ...]:
        """The times of change and the sizes of the files, which tell whether one has changed."""
        found = []
        for path in filter(None, self):
            try:
                status = Path(path).stat()
                found.append((status.st_mtime_ns, status.st_size))
            except OSError:
                found.append((0, 0))
        return tuple(found)


@implementer(IOpenSSLServerConnectionCreator)
class Certificates:
    """
    Makes the TLS connections of a server, with the certificate that was read last.

    Connections that are open keep the certificate that they began with.

    :param files: the files
    :raises CannotListen: when a file can't be read, or has no certificate or key
    """

    def __init__(self, files: CertificateFiles) -> None:
        self._files = files
        self._stamps = files.stamps()
        self._context = _contextOf(files)

    def reload(self) -> None:
        """
        Read the files again.

        :raises CannotListen: when a file can't be read; the earlier certificate then stays
        """
        stamps = self._files.stamps()
        self._context = _contextOf(self._files)
        self._stamps = stamps

    @property
    def areOld(self) -> bool:
        """Whether a file has changed since the files were read."""
        return self._files.stamps() != self._stamps

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """Make the connection of a new client."""
        return SSL.Connection(self._context, None)


def _contextOf(files: CertificateFiles) -> SSL.Context:
    certificates = _read(files.certificate)
    if files.chain is not None:
        certificates += _read(files.chain)
    try:
        content = readRegularFile(files.privateKey).content
        key = crypto.load_privatekey(crypto.FILETYPE_PEM, content, _refusePassword)
        options = CertificateOptions(
            privateKey=key,
            certificate=certificates[0].original,
            extraCertChain=[each.original for each in certificates[1:]],
            trustRoot=None
            if files.clientCA is None
            else trustRootFromCertificates(_read(files.clientCA)),
            raiseMinimumTo=TLSVersion.TLSv1_2,
        )
        context: SSL.Context = options.getContext()
        context.check_privatekey()
    except (OSError, SSL.Error, crypto.Error, ValueError) as error:
        raise CannotListen(
            f"no certificate can be made of {files.privateKey!r} and "
            f"{files.certificate!r}: {reasonOf(error)}"
        ) from error
    # A session that was begun with an earlier trust root must not be taken up again.
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    return context


def _refusePassword(*_: object) -> bytes:
    """Refuse a key that has a password.  Without this, OpenSSL asks for it on the terminal."""
    raise ValueError("the key is protected by a password")


def _read(path: str) -> list[Certificate]:
    """
    Read the certificates of a file.

    :raises CannotListen: when there is none, or the file can't be read
    """
    try:
        _, *parts = readRegularFile(path).content.split(_BEGIN)
        found = [Certificate.loadPEM(_BEGIN + part) for part in parts]
    except (OSError, crypto.Error, ValueError) as error:
        raise CannotListen(f"{path!r} can't be read: {reasonOf(error)}") from error
    if not found:
        raise CannotListen(f"{path!r} has no certificate in PEM")
    return found
