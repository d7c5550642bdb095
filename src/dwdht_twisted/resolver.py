"""
From names to IPv4 addresses, without blocking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, DeferredList, fail, succeed
from twisted.internet.interfaces import (
    IAddress,
    IHostResolution,
    IReactorPluggableNameResolver,
    IResolutionReceiver,
)
from zope.interface import implementer

from .contact import ANY_HOST, LOCAL_HOST, Address, isIPv4
from .errors import UnresolvableHost


@implementer(IResolutionReceiver)
class _FirstAddress:
    """Takes the first IPv4 address of a resolution."""

    def __init__(self, host: str) -> None:
        self._host = host
        self._found: str | None = None
        self.result: Deferred[str] = Deferred()

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """The resolution can't be cancelled in Twisted, so there is nothing to keep."""

    def addressResolved(self, address: IAddress) -> None:
        """Take an address."""
        if self._found is None and isinstance(address, IPv4Address):
            self._found = address.host

    def resolutionComplete(self) -> None:
        """Give what was found."""
        if self._found is None:
            self.result.errback(UnresolvableHost(f"{self._host} has no IPv4 address"))
        else:
            self.result.callback(self._found)


def resolve(reactor: IReactorPluggableNameResolver, address: Address) -> Deferred[Address]:
    """
    Find the IPv4 address of a host.

    :return: fires with the address to send to, at once when the host is one already; fails with
        L{UnresolvableHost}.  What listens on all interfaces of this machine is sent to by way of
        loopback, from where it will answer.
    """
    if address.host == ANY_HOST:
        return succeed(Address(LOCAL_HOST, address.port))
    if isIPv4(address.host):
        return succeed(address)
    try:
        address.host.encode("idna")
    except UnicodeError as error:
        # Twisted's resolver would never answer.
        return fail(UnresolvableHost(f"{address.host} is no host name: {error}"))
    receiver = _FirstAddress(address.host)
    reactor.nameResolver.resolveHostName(receiver, address.host, address.port, [IPv4Address], "UDP")
    return receiver.result.addCallback(lambda host: Address(host, address.port))


def resolveAll(
    reactor: IReactorPluggableNameResolver,
    addresses: Iterable[Address],
    unresolved: Callable[[str], None],
) -> Deferred[list[Address]]:
    """
    Find as many as can be found.

    :param unresolved: told of each name that has no address
    :return: fires with the addresses
    """
    found = DeferredList([resolve(reactor, address) for address in addresses], consumeErrors=True)

    def choose(results: Sequence[tuple[bool, Any]]) -> list[Address]:
        for isFound, result in results:
            if not isFound:
                unresolved(result.getErrorMessage())
        return [result for isFound, result in results if isFound]

    return found.addCallback(choose)
