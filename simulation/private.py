"""
Private networks in the simulation: what a network is told, and liars that are members.
"""

from __future__ import annotations

from random import Random
from typing import Any, cast

from twisted.internet.interfaces import IUDPTransport
from twisted.internet.protocol import DatagramProtocol

from dwdht_twisted._core.counters import Counters
from dwdht_twisted.private import KeyedNetwork, NetworkSecurity, Transport
from dwdht_twisted.private.bounds import CLOCK_TOLERANCE

#: The kinds of private networks that ``--private`` names.
KINDS = ("key",)

#: The key of a network by key.  It is the same in all runs, and opens nothing else.
NETWORK_KEY = b"the key of a simulated network.."


def makeSecurity(kind: str | None) -> NetworkSecurity | None:
    """
    The security of the nodes of a network; None for an open one.

    :param kind: one of `KINDS`, or None
    """
    return None if kind is None else KeyedNetwork(NETWORK_KEY)


def refusesClock(security: NetworkSecurity | None, seconds: float) -> bool:
    """Whether members don't hear a node whose clock is wrong by some seconds, and aren't heard."""
    return isinstance(security, KeyedNetwork) and abs(seconds) > CLOCK_TOLERANCE


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
        """Seal a datagram, and send it."""
        self._layer.send(datagram, address)

    def stopListening(self) -> None:
        """Close the port."""
        self._layer.stop()
        self._port.stopListening()


__all__ = ["KINDS", "SealedPort", "makeSecurity", "refusesClock"]
