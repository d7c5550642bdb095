"""
Resolution of the names of the in-memory network.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

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

if TYPE_CHECKING:
    from twisted.names.dns import RRHeader


class ServiceRecord(NamedTuple):
    """
    An SRV record (RFC 2782).

    :ivar host: the name of a host; ``"."`` says that the service is not there
    :ivar port: 1 to 65535
    :ivar priority: 0 to 65535; hosts of a lower number are asked first
    :ivar weight: 0 to 65535; among hosts of one priority, a larger share of the users asks this one
    """

    host: str
    port: int
    priority: int = 0
    weight: int = 0


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
    :ivar services: the SRV records of each service; the keys are in lower case
    :ivar latency: the seconds that a resolution takes; with 0, a resolution ends at the next turn
        of the clock
    """

    def __init__(self, clock: IReactorTime) -> None:
        self.names: dict[str, tuple[str, ...]] = {"localhost": (LOOPBACK,)}
        self.services: dict[str, tuple[ServiceRecord, ...]] = {}
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

    def lookupService(
        self, name: str
    ) -> Deferred[tuple[list[RRHeader], list[RRHeader], list[RRHeader]]]:
        """
        Find the SRV records of a service, as ``twisted.names`` does.

        :return: fires with answers, authority and additional records; fails with ``DNSNameError``
            when the service was never added
        """
        # This import is not at the top of the module, because few simulations need it.
        from twisted.names import dns
        from twisted.names.error import DNSNameError

        found: Deferred[tuple[list[RRHeader], list[RRHeader], list[RRHeader]]]

        def answer() -> None:
            if name.lower() not in self.services:
                found.errback(DNSNameError(name))
                return
            payloads = [
                dns.Record_SRV(each.priority, each.weight, each.port, each.host.rstrip("."))
                for each in self.services[name.lower()]
            ]
            answers = [dns.RRHeader(name, dns.SRV, payload=payload) for payload in payloads]
            found.callback((answers, [], []))

        call = self._clock.callLater(self.latency, answer)
        found = Deferred(lambda _: call.cancel())
        return found


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


__all__ = ["MemoryResolver", "ServiceRecord", "resolveFirst"]
