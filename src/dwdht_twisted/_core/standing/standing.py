"""
Where a node stands, in words.
"""

from __future__ import annotations

from typing import NamedTuple

from ..wire import Address, HostPort


class Standing(NamedTuple):
    """
    What a node knows of itself.

    :ivar address: the address at which most others see it; None when it isn't known.  Its port is
        that of the node's own socket when each peer sees another port.
    :ivar isPortStable: whether most others see the same port; None when it isn't known
    :ivar isReachable: whether a node reached it that it had not sent to; None when it wasn't tested
    :ivar kind: the kind of the NAT or firewall in front of it, in words
    """

    address: Address | None
    isPortStable: bool | None
    isReachable: bool | None
    kind: str


def describe(
    seen: HostPort, local: HostPort | None, *, isPortStable: bool, isReachable: bool | None
) -> str:
    """
    The kind of a NAT or firewall in words.

    :param seen: the address at which others see this node
    :param local: the address of this node's own socket; None when it isn't known
    """
    isTranslated = local is not None and local != seen
    if not isPortStable:
        return "a NAT with another port for each peer: only nodes that this node asks reach it"
    if isReachable is None:
        return "a NAT with a stable port" if isTranslated else "no NAT"
    if isReachable:
        return "a NAT that lets everybody in" if isTranslated else "no NAT: everybody reaches it"
    what = "a NAT with a stable port" if isTranslated else "a firewall"
    return f"{what} that lets only those in to whom this node has sent"
