"""
``dwdht network``: the keys and the certificates of private networks.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.python import usage

from ...errors import CannotUseCertificate
from ...private.bounds import LONGEST_DAYS
from ..command import Command
from ..console import Console
from ..options import readNumber


class Network(Command):
    """Make the keys and certificates of a private network."""

    synopsis = "[options] key FILE | new FOLDER | certify FOLDER NAME... | revoke FOLDER [NAME...]"
    longdesc = (
        "`key` writes a new network key to FILE, for --network-key-file of all members. `new` "
        "makes an authority in FOLDER: authority.pem and revoked.pem are for --authority and "
        "--revocations of all members, and authority.key certifies them. `certify` makes NAME.pem "
        "and NAME.key in FOLDER, for --certificate and --private-key of one member; it keeps a key "
        "that is there, and so renews the certificate, unless the key was revoked. `revoke` writes "
        "a new revocation list, with all certificates that were made for each NAME, or of the key "
        "of the certificate in the file NAME; without any, it only renews the list. All "
        "keys are readable by their owner alone, and are not overwritten."
    )
    optParameters = [
        [
            "days",
            None,
            None,
            "How long the certificates or the revocation list are valid; 365 days for "
            "certificates, 3650 for an authority and 30 for a list by default.",
        ],
    ]

    def parseArgs(self, action: str, path: str, *names: str) -> None:  # type: ignore[override]
        """Read what to do, the file or folder, and the names of members."""
        actions = {"key": self._key, "new": self._new, "certify": self._certify}
        actions["revoke"] = self._revoke
        if action not in actions:
            raise usage.UsageError(f"{action!r} is not one of key, new, certify and revoke")
        if names and action in ("key", "new"):
            raise usage.UsageError(f"unexpected argument: {names[0]}")
        if not names and action == "certify":
            raise usage.UsageError("give the NAME of the member to certify")
        if action == "certify":
            from ...private.authority.folder import checkName

            try:
                for name in names:
                    checkName(name)
            except CannotUseCertificate as error:
                raise usage.UsageError(str(error)) from None
        self["action"], self["path"], self["names"] = actions[action], path, names
        self._name = action

    def postOptions(self) -> None:
        """Read the number of days."""
        super().postOptions()
        if self["days"] is not None:
            if self._name == "key":
                raise usage.UsageError("a network key is valid without an end; give no --days")
            self["days"] = readNumber(self["days"], "--days", 1, LONGEST_DAYS)

    async def run(self, reactor: Any, console: Console) -> None:
        """Make the files, and print their names."""
        given: dict[str, Any] = {} if self["days"] is None else {"days": self["days"]}
        for line in self["action"](**given):
            console.line(str(line))

    def _key(self) -> list[object]:
        from ...private import createNetworkKey

        createNetworkKey(self["path"])
        return [self["path"]]

    def _new(self, **given: Any) -> list[object]:
        from ...private import AuthorityFolder

        folder = AuthorityFolder.make(self["path"], **given)
        return self._named(folder.certificateFile, folder.revocationsFile)

    def _certify(self, **given: Any) -> Iterator[object]:
        """Certify one member after the other, so the files before a failure are printed."""
        from ...private import AuthorityFolder

        folder = AuthorityFolder(self["path"])
        for name in self["names"]:
            yield from self._named(*folder.certify(name, **given))

    def _revoke(self, **given: Any) -> list[object]:
        from ...private import AuthorityFolder

        return self._named(AuthorityFolder(self["path"]).revoke(self["names"], **given))

    def _named(self, *files: Path) -> list[object]:
        """Files of the folder, by the name that the user has given to it."""
        return [Path(self["path"]) / file.name for file in files]
