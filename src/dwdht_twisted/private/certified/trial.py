"""
A handshake of a member with itself, in memory, when its files are read.

OpenSSL has many rules for certificates, and some depend on the end: a certificate may be good for a
server and not for a client.  A member that breaks one would run, and all of its handshakes would
fail, or half of them.  So OpenSSL itself is asked at once.
"""

from __future__ import annotations

from contextlib import suppress

from OpenSSL import SSL, crypto

from ..bounds import FLIGHT_DATAGRAM_BYTES
from .records import splitFlight

# The errors of a verification that time or a new revocation list mends: a certificate or a list is
# not valid yet or has expired, the list is missing, or the certificate is revoked.  A node starts
# in spite of them.  The numbers are those of OpenSSL (X509_V_ERR_*).
_PASSING = (3, 9, 10, 11, 12, 23)

# The error of an authority whose revocation list doesn't count.  It comes with the certificate
# that the list is for.
_NO_LISTS = 35

# What is wrong with the certificate of which a verification has this error.
_REASONS = {
    20: "its issuer is missing",
    25: "the path length of its authority does not allow it",
    26: "its key usage or its extended key usage forbids that",
    32: "its key usage does not allow to sign certificates",
    _NO_LISTS: "its key usage does not allow to sign revocation lists",
    79: "it is not the certificate of an authority",
}

# The turns of an end in a handshake without a cookie, and one to spare.
_TURNS = 3


class TrialFailed(Exception):
    """
    One end has refused the other.

    :ivar isOfAuthority: whether a certificate of an authority is to blame, or the node's own
    """

    def __init__(self, reason: str, isOfAuthority: bool) -> None:
        super().__init__(reason)
        self.isOfAuthority = isOfAuthority


def tryHandshake(context: SSL.Context) -> None:
    """
    Make a handshake of a member with itself.

    :param context: the context of the member
    :raises TrialFailed: when it fails, for a reason that neither time nor a new list mends
    """
    faults: list[TrialFailed] = []
    client, server = _makeEnd(context, "server", faults), _makeEnd(context, "client", faults)
    client.set_connect_state()
    server.set_accept_state()
    try:
        isOver = False
        for _ in range(_TURNS):
            isOver = _takeTurn(client, server) & _takeTurn(server, client)
        if not isOver:
            raise SSL.Error("the handshake does not end")
    except SSL.Error as error:
        # The error that OpenSSL raises doesn't tell what is wrong with the certificate.
        raise (
            faults[0] if faults else TrialFailed(f"can't be used: OpenSSL says {error}", False)
        ) from None


def _makeEnd(context: SSL.Context, other: str, faults: list[TrialFailed]) -> SSL.Connection:
    """Make an end that adds to the faults what it finds wrong with the other one."""

    def verify(
        _: SSL.Connection, certificate: crypto.X509, error: int, depth: int, ok: int
    ) -> bool:
        if ok or error in _PASSING:
            return True
        reason = _REASONS.get(error, f"error {error} of OpenSSL")
        isOfAuthority = depth > 0 or error == _NO_LISTS
        faults.append(TrialFailed(f"can't be used by a {other}: {reason}", isOfAuthority))
        return False

    end = SSL.Connection(context)
    end.set_ciphertext_mtu(FLIGHT_DATAGRAM_BYTES)
    end.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT, verify)
    return end


def _takeTurn(end: SSL.Connection, other: SSL.Connection) -> bool:
    """
    Let an end read what was written to it, and give the other end what it writes.

    :return: whether the handshake of this end is over
    """
    isOver = True
    try:
        end.do_handshake()
    except SSL.WantReadError:
        isOver = False
    with suppress(SSL.WantReadError):
        for datagram in splitFlight(end.bio_read(65536)):
            other.bio_write(datagram)
    return isOver
