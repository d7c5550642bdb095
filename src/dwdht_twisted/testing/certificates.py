"""
Members of networks by certificate, for tests.
"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..private import SecurityContext


class CertifiedMembers:
    """
    Makes the members of a network by certificate, without files.

    Each node of such a network is given a member of its own::

        members = CertifiedMembers()
        first = DHTNode(network.reactor("10.0.0.1"), security=members.make())
        second = DHTNode(
            network.reactor("10.0.0.2"), security=members.make(), bootstrap=["10.0.0.1:6620"]
        )

    Two objects of this class make the members of two networks that refuse each other.  Certificates
    expire by the clock of the machine, not by that of a simulation.

    :param name: the name of the authority
    """

    def __init__(self, name: str = "test") -> None:
        # Imported here, because most tests need no cryptography.
        from ..private.authority import Authority

        self._authority = Authority.make(name, datetime.now(timezone.utc))

    def make(self, name: str = "member", *, days: float = 1.0) -> SecurityContext:
        """
        Make a member, with a new key.

        :param name: the name in its certificate
        :param days: how long its certificate is valid
        """
        from ..private import SecurityContext
        from ..private.authority import newKey, pemOf, pemOfKey

        key = newKey()
        now = datetime.now(timezone.utc)
        certificate = self._authority.certify(key.public_key(), name, now, days=days)
        return SecurityContext(
            pemOf(certificate), pemOfKey(key), pemOf(self._authority.certificate)
        )


__all__ = ["CertifiedMembers"]
