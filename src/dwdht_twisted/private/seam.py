"""
What a node and the layer between it and its UDP port are to each other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import NamedTuple, Protocol

from twisted.internet.interfaces import IReactorTime

from .._core.counters import Counters
from .._core.wire import HostPort


class Transport(NamedTuple):
    """
    What a layer uses of its node.

    :ivar write: sends a datagram by the UDP port; it never raises
    :ivar deliver: hands an opened datagram to the node; it never raises
    :ivar clock: the clock of the node, for timers and ages.  It goes on although the clock of the
        machine is set.
    :ivar wallSeconds: tells the time by the clock of the machine, in seconds since 1970.  It jumps
        when this clock is set.
    :ivar random: the source of all random numbers of the node: that of the operating system, or a
        seeded one in a simulation
    :ivar counters: the counters of the node; what a layer drops is counted there
    """

    write: Callable[[bytes, HostPort], None]
    deliver: Callable[[bytes, HostPort], None]
    clock: IReactorTime
    wallSeconds: Callable[[], float]
    random: Random
    counters: Counters


class DatagramLayer(Protocol):
    """
    Stands between a node and its UDP port.

    A node calls `start` when it starts on an open port, and `stop` when it is destroyed.  It calls
    the two other methods only between these calls.
    """

    def start(self) -> None:
        """Begin.  The port is open, and `Transport.write` sends."""

    def stop(self) -> None:
        """Release everything.  Nothing may be sent or delivered afterwards.  It may be repeated."""

    def received(self, datagram: bytes, address: HostPort) -> None:
        """
        Take a datagram from the port, and deliver what it holds if it comes from a member.

        It must not raise, whatever the datagram is, and must not cost much more than to drop it.

        :param address: the source of the datagram, which may be forged
        """

    def send(self, datagram: bytes, address: HostPort) -> None:
        """
        Send a datagram of the node, sealed, at once or later.  It must not raise.

        A datagram may be lost, as on any network.
        """


class NetworkSecurity(Protocol):
    """
    Makes the layers of the nodes of a private network.

    Several nodes of a process may share one, for example all nodes that a service makes.
    """

    @property
    def id(self) -> bytes | None:
        """The id that each node has to have, 32 bytes; None if a node may have any."""

    @property
    def overhead(self) -> int:
        """The most bytes by which a sealed datagram is longer than an opened one."""

    @property
    def maximumBytes(self) -> int:
        """The most bytes of a sealed datagram.  A request that would have more is refused."""

    def layer(self, transport: Transport) -> DatagramLayer:
        """Make the layer of a node, which uses this transport."""


def securityOf(
    networkKey: bytes | Sequence[bytes] | None, security: NetworkSecurity | None
) -> NetworkSecurity | None:
    """
    The security that a caller has chosen; None for an open network.

    :param networkKey: a network key, or several, see `KeyedNetwork`
    :param security: any other security
    :raises ValueError: when both are given, or a network key isn't valid
    """
    if security is not None and not callable(getattr(security, "layer", None)):
        raise ValueError(f"security is a NetworkSecurity or None, not {security!r}")
    if networkKey is None:
        return security
    if not isinstance(networkKey, (bytes, list, tuple)):
        raise ValueError(
            f"a network key is bytes, or a list of bytes, not {type(networkKey).__name__}"
        )
    if security is not None:
        raise ValueError("give networkKey or security, not both")
    # Imported here, because a node of an open network needs no cryptography.
    from .keyed.network import KeyedNetwork

    return KeyedNetwork(*([networkKey] if isinstance(networkKey, bytes) else networkKey))


def describeNetwork(security: NetworkSecurity | None) -> str:
    """
    The kind of network that a security belongs to, in words.

    A security may say it by the attribute ``network``, which is no part of `NetworkSecurity`.
    """
    if security is None:
        return "an open network"
    return str(getattr(security, "network", "a private network"))


def requiredId(security: NetworkSecurity | None, given: bytes | None) -> bytes | None:
    """
    The id that a node has to have: the given one, or that of its security; None if it may have any.

    :raises ValueError: when the two differ
    """
    required = None if security is None else security.id
    if required is not None and given not in (None, required):
        raise ValueError("the id of this node is fixed by the security of its network; pass no id")
    return given if required is None else required


__all__ = [
    "DatagramLayer",
    "NetworkSecurity",
    "Transport",
    "describeNetwork",
    "requiredId",
    "securityOf",
]
