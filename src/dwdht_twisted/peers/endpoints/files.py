"""
The files by which an endpoint takes part in a private network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from ..._bootstrap import keyFilesInEnvironment

if TYPE_CHECKING:
    from ...private import NetworkSecurity


class NetworkFiles(NamedTuple):
    """
    The names of the files of a private network: of its key, or of a certificate; on an open network
    each is None.

    :ivar networkKeyFile: the network key; by default the file in the environment variable
        ``DWDHT_NETWORK_KEY_FILE``, if any and if there is no certificate
    :ivar certificate: the certificate of the node
    :ivar privateKey: its private key
    :ivar authority: the certificate of the authority
    :ivar revocations: the revocation list; None if none is used
    """

    networkKeyFile: str | None = None
    certificate: str | None = None
    privateKey: str | None = None
    authority: str | None = None
    revocations: str | None = None

    def check(self) -> None:
        """
        Check that the files are those of one kind of network, and all of them.

        :raises ValueError: when they aren't
        """
        required = (self.certificate, self.privateKey, self.authority)
        if required == (None, None, None) and self.revocations is None:
            return
        if None in required:
            raise ValueError(
                "a network by certificate needs certificate=, privateKey= and authority=, and may "
                "have revocations="
            )
        if self.networkKeyFile is not None:
            raise ValueError("give certificate= or networkKeyFile=, not both")

    def keys(self) -> tuple[bytes, ...]:
        """
        Read the network keys; none if there is no key, or a certificate.

        :raises CannotUseKey: when a file can't be read, or holds no network key
        """
        if self.certificate is not None:
            return ()
        given = self.networkKeyFile
        files = keyFilesInEnvironment() if given is None else [given]
        if not files:
            return ()
        # Imported here, because it imports the package ``cryptography``.
        from ...private.keyed.files import loadNetworkKey

        return tuple(loadNetworkKey(path) for path in files)

    def security(self) -> NetworkSecurity | None:
        """
        Read the files of the certificate; None if there is none.

        :raises CannotUseKey: when the private key can't be read or used
        :raises CannotUseCertificate: when another file can't be used, or they don't belong together
        """
        if self.certificate is None or self.privateKey is None or self.authority is None:
            return None
        from ...private import SecurityContext

        return SecurityContext(
            self.certificate, self.privateKey, self.authority, revocations=self.revocations
        )


__all__ = ["NetworkFiles"]
