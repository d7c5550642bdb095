"""
Private networks in the simulation: the securities of their nodes, and liars that are members.
"""

from __future__ import annotations

from random import Random
from typing import Any, Protocol, cast

from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.interfaces import IUDPTransport
from twisted.internet.protocol import DatagramProtocol

from dwdht_twisted._core.counters import Counters
from dwdht_twisted.private import KeyedNetwork, NetworkSecurity, Transport
from dwdht_twisted.private.bounds import CLOCK_TOLERANCE

from .certified_hosts import makeAuthority, makeMember

#: The kinds of private networks that ``--private`` names.
KINDS = ("key", "certificate")

#: The key of a network by key.  It is the same in all runs, and opens nothing else.
NETWORK_KEY = b"the key of a simulated network.."

#: The number of bits of a private key of a certificate, which is below the order of its curve.
_KEY_BITS = 255


class Admission(Protocol):
    """
    Makes the securities of the nodes of one network.

    An open network has no security: each of them is None.
    """

    def makeSecurity(self) -> NetworkSecurity | None:
        """The security of a further node.  It fixes the id of the node on some networks."""

    def refusesClock(self, seconds: float) -> bool:
        """
        Whether members don't hear a node whose clock is wrong by some seconds, and aren't heard.
        """


class OpenAdmission:
    """Admits everybody."""

    def makeSecurity(self) -> None:
        """None: the network is open."""

    def refusesClock(self, seconds: float) -> bool:
        """False: datagrams of the open wire have no time."""
        return False


class KeyAdmission:
    """Admits nodes by one key that all of them share."""

    def __init__(self) -> None:
        self._network = KeyedNetwork(NETWORK_KEY)

    def makeSecurity(self) -> NetworkSecurity:
        """The security that all nodes share."""
        return self._network

    def refusesClock(self, seconds: float) -> bool:
        """Whether datagrams of this clock are out of time."""
        return abs(seconds) > CLOCK_TOLERANCE


class CertificateAdmission:
    """
    Admits nodes by certificates, each of a key of its own.

    The keys, and so the ids, follow from the seed.  The handshakes don't: OpenSSL draws their
    random numbers itself.  So a run can't be repeated datagram by datagram.

    OpenSSL compares the dates of certificates with the clock of the machine, so the steps of
    simulated clocks don't change whether a certificate is valid.

    :param seed: the seed of the run
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(f"{seed} certificates")

    def makeSecurity(self) -> NetworkSecurity:
        """Certify another key."""
        key = ec.derive_private_key(1 + self._random.getrandbits(_KEY_BITS), ec.SECP256R1())
        return makeMember(makeAuthority("simulation"), key=key)

    def refusesClock(self, seconds: float) -> bool:
        """False: datagrams have no time."""
        return False


def makeAdmission(kind: str | None, seed: int) -> Admission:
    """
    Decide who is admitted to a network.

    :param kind: one of `KINDS`; None for an open network
    :param seed: the seed of the run
    """
    if kind is None:
        return OpenAdmission()
    return KeyAdmission() if kind == "key" else CertificateAdmission(seed)


class SealedPort(DatagramProtocol):
    """
    The port of a liar that is a member of a private network.

    The liar writes and receives datagrams of the open wire, as on an open network.

    :param protocol: the liar's protocol, whose transport this is
    :param random: the random numbers of the layer
    """

    noisy = False

    def __init__(
        self,
        reactor: Any,
        security: NetworkSecurity,
        protocol: DatagramProtocol,
        *,
        random: Random,
    ) -> None:
        self._protocol = protocol
        self._layer = security.layer(
            Transport(
                lambda datagram, address: self._port.write(datagram, address),
                protocol.datagramReceived,
                reactor,
                reactor.seconds,
                random,
                Counters(),
            )
        )
        self._port: Any = None

    def open(self, reactor: Any, port: int) -> None:
        """Open a port of a host."""
        self._port = reactor.listenUDP(port, self)
        self._layer.start()
        self._protocol.makeConnection(cast(IUDPTransport, self))

    def datagramReceived(self, datagram: bytes, addr: tuple[str, int]) -> None:
        """Open a datagram of the network."""
        self._layer.received(datagram, addr)

    def write(self, datagram: bytes, address: tuple[str, int]) -> None:
        """Seal a datagram, and send it, unless it is empty: a node has no such datagram to send."""
        if datagram:
            self._layer.send(datagram, address)

    def stopListening(self) -> None:
        """Close the port."""
        self._layer.stop()
        self._port.stopListening()


__all__ = ["KINDS", "NETWORK_KEY", "Admission", "SealedPort", "makeAdmission"]
