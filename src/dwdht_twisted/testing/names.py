"""
Resolution of the names of the in-memory network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.error import DNSLookupError
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
    :ivar latency: the seconds that a resolution takes; with 0, a resolution ends at the next turn
        of the clock
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


@implementer(IResolutionReceiver)
class _FirstAddress:
    """
    Waits for the first address of a name.

    :ivar found: fires with the address
    """

    def __init__(self) -> None:
        self.found: Deferred[str] = Deferred()
        self._name = ""

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        self._name = resolutionInProgress.name

    def addressResolved(self, address: IAddress) -> None:
        if not self.found.called:
            assert isinstance(address, IPv4Address)
            self.found.callback(address.host)

    def resolutionComplete(self) -> None:
        if not self.found.called:
            self.found.errback(DNSLookupError(f"{self._name!r} has no IPv4 address"))


def resolveFirst(resolver: IHostnameResolver, name: str) -> Deferred[str]:
    """
    Resolve a name to one IPv4 address.

    :return: fires with the first address, or fails with ``DNSLookupError`` when there is none
    """
    receiver = _FirstAddress()
    resolver.resolveHostName(receiver, name, 0, [IPv4Address])
    return receiver.found


__all__ = ["MemoryResolver", "resolveFirst"]
