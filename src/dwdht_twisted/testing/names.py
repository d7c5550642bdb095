"""
Resolution of the names of the in-memory network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from twisted.internet.address import IPv4Address
from twisted.internet.interfaces import (
    IAddress,
    IDelayedCall,
    IHostnameResolver,
    IHostResolution,
    IReactorTime,
    IResolutionReceiver,
)
from zope.interface import implementer

from .addresses import LOOPBACK, isIPv4


@implementer(IHostResolution)
class _Resolution:
    """A resolution that has not ended."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.call: IDelayedCall | None = None

    def cancel(self) -> None:
        """Report nothing more to the receiver."""
        if self.call is not None and self.call.active():
            self.call.cancel()


@implementer(IHostnameResolver)
class MemoryResolver:
    """
    Resolves the names that were added to a network.

    ``localhost`` and IPv4 addresses are known from the beginning.

    :param clock: the clock of the network

    :ivar names: the IPv4 addresses of each name; the keys are in lower case
    :ivar latency: the seconds that a resolution takes; with 0 it ends at the next turn of the clock
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.names: dict[str, tuple[str, ...]] = {"localhost": (LOOPBACK,)}
        self.latency = 0.0
        self._clock = clock

    def resolveHostName(
        self,
        resolutionReceiver: IResolutionReceiver,
        hostName: str,
        portNumber: int = 0,
        addressTypes: Sequence[type[IAddress]] | None = None,
        transportSemantics: str = "TCP",
    ) -> IHostResolution:
        """
        Resolve a name.  A name that was never added has no addresses.
        """
        resolution = _Resolution(hostName)
        resolutionReceiver.resolutionBegan(resolution)
        protocol: Literal["TCP", "UDP"] = "UDP" if transportSemantics == "UDP" else "TCP"

        def answer() -> None:
            known = (hostName,) if isIPv4(hostName) else self.names.get(hostName.lower(), ())
            if addressTypes is None or IPv4Address in addressTypes:
                for host in known:
                    resolutionReceiver.addressResolved(IPv4Address(protocol, host, portNumber))
            resolutionReceiver.resolutionComplete()

        resolution.call = self._clock.callLater(self.latency, answer)
        return resolution


__all__ = ["MemoryResolver"]
