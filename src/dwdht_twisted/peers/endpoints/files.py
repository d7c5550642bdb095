"""
The files by which an endpoint takes part in a private network.
"""

from __future__ import annotations

from os import PathLike
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ..._bootstrap import keyFilesInEnvironment

if TYPE_CHECKING:
    from ...private import NetworkSecurity


#: The path of a file.
Path: TypeAlias = "str | PathLike[str]"

#: The file of a network key, or the files of several.
KeyFiles: TypeAlias = "Path | list[Path] | tuple[Path, ...]"


class NetworkFiles(NamedTuple):
    """
    The names of the files of a private network: of its key, or of a certificate; on an open network
    each is None.

    :ivar networkKeyFile: the network key, or a list of both while the key is replaced; by default
        the files in the environment variable ``DWDHT_NETWORK_KEY_FILE``, if any and if there is no
        certificate
    :ivar certificate: the certificate of the node
    :ivar privateKey: its private key
    :ivar authority: the certificate of the authority
    :ivar revocations: the revocation list; None if none is used
    """

    networkKeyFile: KeyFiles | None = None
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
        :raises ValueError: when ``networkKeyFile`` is no path, and no list of paths
        """
        if self.certificate is not None:
            return ()
        given = self.networkKeyFile
        files = keyFilesInEnvironment() if given is None else _paths(given)
        if not files:
            return ()
        # Imported here, because it imports the package ``cryptography``.
        from ...private.keyed.files import loadNetworkKeys

        return tuple(loadNetworkKeys(files))

    def security(self, keys: tuple[bytes, ...]) -> NetworkSecurity | None:
        """
        The security of the network; None on an open one.  The files of a certificate are read.

        :param keys: the network keys that were read
        :raises CannotUseKey: when the private key can't be read or used
        :raises CannotUseCertificate: when another file can't be used, or they don't belong together
        """
        if keys:
            from ...private import KeyedNetwork

            return KeyedNetwork(*keys)
        if self.certificate is None or self.privateKey is None or self.authority is None:
            return None
        from ...private import SecurityContext

        return SecurityContext(
            self.certificate, self.privateKey, self.authority, revocations=self.revocations
        )


def _paths(given: Any) -> list[Path]:
    paths: list[Any] = list(given) if isinstance(given, (list, tuple)) else [given]
    if not paths or not all(isinstance(each, (str, PathLike)) for each in paths):
        raise ValueError(
            f"networkKeyFile is the path of a file, or a list of both paths while the key is "
            f"replaced, not {given!r}"
        )
    return paths


__all__ = ["KeyFiles", "NetworkFiles"]
