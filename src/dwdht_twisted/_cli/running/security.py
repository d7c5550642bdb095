"""
The options by which a node takes part in a private network.
"""

from __future__ import annotations

from os.path import abspath
from typing import TYPE_CHECKING

from twisted.logger import Logger
from twisted.python import usage

from ..._bootstrap import KEY_FILE_VARIABLE, keyFilesInEnvironment
from ...errors import CannotUseKey
from .hangup import ReloadFailed

if TYPE_CHECKING:
    from ...private import KeyedNetwork, NetworkSecurity, SecurityContext

#: The most network keys of a node: the one in use, and the one that replaces it.
MAXIMUM_KEYS = 2

_log = Logger()

_CERTIFIED = ("certificate", "private-key", "authority")


class PrivateOptions(usage.Options):
    """
    A command line with the options of private networks, which are read by the command after it.
    """

    optParameters = [
        [
            "certificate",
            None,
            None,
            "The certificate of this node, on a network by certificate: a PEM file of `dwdht "
            "network certify`. Give --private-key and --authority, too.",
        ],
        ["private-key", None, None, "The private key of the certificate, a PEM file."],
        ["authority", None, None, "The certificate of the network's authority, a PEM file."],
        [
            "revocations",
            None,
            None,
            "The authority's list of revoked certificates, a PEM file. This file and the others "
            "are read again while the node runs.",
        ],
    ]

    def __init__(self) -> None:
        super().__init__()
        self["network-key-file"] = []

    def opt_network_key_file(self, path: str) -> None:
        """
        The file of the key of a private network, made by dwdht network key. Given twice while the
        key is replaced: the first one is used to send.
        """
        self["network-key-file"].append(path)


class SecurityOptions(PrivateOptions):
    """
    The command line of a command that starts a node, which may be one of a private network.
    """

    def __init__(self) -> None:
        super().__init__()
        self._keyed: KeyedNetwork | None = None
        self._certified: SecurityContext | None = None

    def postOptions(self) -> None:
        """Require the options of one kind of network, and all of them.  Read the network keys."""
        super().postOptions()
        if self.parent is not None:
            for name in (*_CERTIFIED, "revocations"):
                if self[name] is None:
                    self[name] = self.parent.get(name)
        given = [name for name in (*_CERTIFIED, "revocations") if self[name] is not None]
        missing = [f"--{name}" for name in _CERTIFIED if name not in given]
        if given and missing:
            raise usage.UsageError(f"--{given[0]} needs {' and '.join(missing)}, too")
        files = self._files()
        if given and files:
            if self._givenFiles():
                raise usage.UsageError(f"give --{given[0]} or --network-key-file, not both")
            # The options of the command line count, and not the environment.
            files = []
        source = "--network-key-file" if self._givenFiles() else KEY_FILE_VARIABLE
        if files:
            self._keyed = self._network(files, source)
        # The files may be read again when the process is in another folder.
        self["network-key-file"] = [abspath(file) for file in files]

    @property
    def security(self) -> NetworkSecurity | None:
        """
        The security of the node; None on an open network.

        :raises DHTError: when a file can't be read or used
        """
        if self["certificate"] is None:
            return self._keyed
        # Imported here, because it takes longer than a short command.
        from ...private import SecurityContext

        self._certified = SecurityContext(
            self["certificate"],
            self["private-key"],
            self["authority"],
            revocations=self["revocations"],
        )
        return self._certified

    @property
    def reasonOfSilence(self) -> str:
        """What it may mean that no node answers, beside that none is there; may be empty."""
        security = self._certified or self._keyed
        return "" if security is None else security.reasonOfSilence

    def readKeysAgain(self) -> None:
        """
        Read the files of the network keys again, and use the keys that are in them now.

        :raises ReloadFailed: when a file can't be read or used; the former keys stay in use
        """
        if self._keyed is None:
            return
        try:
            self._keyed.replaceKeys(*_keys(self["network-key-file"]))
        except (CannotUseKey, ValueError) as error:
            raise ReloadFailed(f"{error}; the former keys stay in use") from None
        fingerprints = self._keyed.fingerprints
        _log.info(
            "network keys in use: {count}; fingerprints: {fingerprints}",
            count=len(fingerprints),
            fingerprints=", ".join(fingerprints),
        )

    def _network(self, files: list[str], source: str) -> KeyedNetwork:
        if len(files) > MAXIMUM_KEYS:
            raise usage.UsageError(
                f"{source} names {len(files)} files; give one, or two while the key is replaced"
            )
        # Imported here, because it takes longer than a short command.
        from ...private import KeyedNetwork

        try:
            return KeyedNetwork(*_keys(files))
        except (CannotUseKey, ValueError) as error:
            raise usage.UsageError(f"{source}: {error}") from None

    def _files(self) -> list[str]:
        """
        The files of the network keys: those of the command line, or else those of the environment.
        """
        return self._givenFiles() or keyFilesInEnvironment()

    def _givenFiles(self) -> list[str]:
        """The files that stand after the name of the command, or else those before it."""
        given: list[str] = self["network-key-file"]
        if not given and self.parent is not None:
            given = self.parent.get("network-key-file", [])
        return given


def _keys(files: list[str]) -> list[bytes]:
    from ...private.keyed.files import loadNetworkKeys

    return loadNetworkKeys(files)
