"""
The options by which a node takes part in a private network.
"""

from __future__ import annotations

from twisted.python import usage

from ...private import NetworkSecurity

_CERTIFIED = ("certificate", "private-key", "authority")


class SecurityOptions(usage.Options):
    """
    A command line with the options of private networks.

    They may also stand before the name of a command.
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

    def postOptions(self) -> None:
        """Require the options of one kind of network, and all of them."""
        super().postOptions()
        if self.parent is not None:
            for name in (*_CERTIFIED, "revocations"):
                if self[name] is None:
                    self[name] = self.parent.get(name)
        given = [name for name in (*_CERTIFIED, "revocations") if self[name] is not None]
        missing = [f"--{name}" for name in _CERTIFIED if name not in given]
        if given and missing:
            raise usage.UsageError(f"--{given[0]} needs {' and '.join(missing)}, too")

    @property
    def security(self) -> NetworkSecurity | None:
        """
        The security of the node; None on an open network.

        :raises DHTError: when a file can't be read or used
        """
        if self["certificate"] is None:
            return None
        # Imported here, because it takes longer than a short command.
        from ...private import SecurityContext

        return SecurityContext(
            self["certificate"],
            self["private-key"],
            self["authority"],
            revocations=self["revocations"],
        )
