"""
The resolving of host names to IPv4 addresses, without blocking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from twisted.internet.defer import CancelledError, Deferred, DeferredList, fail, succeed
from twisted.internet.interfaces import IAddress, IHostResolution, IResolutionReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from ..._core.wire import ANY_HOST, LOCAL_HOST, Address, isIPv4
from ...errors import UnresolvableHost

#: Seconds that a name may take to be resolved: time for the second of two name servers when the
#: first is silent.  Twisted itself waits without a bound.
RESOLUTION_TIMEOUT = 10.0


@implementer(IResolutionReceiver)
class _Resolution:
    """
    Takes the first IPv4 address of a host.

    :ivar result: fires with that address
    :ivar waiting: the Deferreds of all `Resolver.resolve` calls for this host
    """

    def __init__(self, host: str, waiter: Deferred[str]) -> None:
        self._host = host
        self._found: str | None = None
        self.result: Deferred[str] = Deferred()
        self.waiting = [waiter]

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """Do nothing: a resolution can't be cancelled in Twisted."""

    def addressResolved(self, address: IAddress) -> None:
        """Keep the first IPv4 address."""
        host: str = getattr(address, "host", "")
        if self._found is None and isIPv4(host):
            self._found = host

    def resolutionComplete(self) -> None:
        """Fire ``result``."""
        if self._found is None:
            self.result.errback(UnresolvableHost(f"{self._host} has no IPv4 address"))
        else:
            self.result.callback(self._found)

    def tooLate(self, _: object, seconds: float) -> NoReturn:
        """Fail because the time is up."""
        raise UnresolvableHost(f"{self._host} could not be resolved in {seconds:g} seconds")


class Resolver:
    """
    Finds the IPv4 addresses of hosts.

    A name that several calls wait for is resolved once.  A slow resolver works in threads that the
    whole process shares, and each resolution takes one of them.

    :param reactor: resolves names and tells the time
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._running: dict[str, _Resolution] = {}

    def resolve(self, address: Address) -> Deferred[Address]:
        """
        Find the IPv4 address of a host.

        The address 0.0.0.0 stands for this machine, and is replaced by its loopback address, from
        which a server there answers.

        :return: fires with the address to send to, at once when the host is an IPv4 address; fails
            with `UnresolvableHost`, after 10 seconds at the latest
        """
        host = address.host
        if host == ANY_HOST:
            return succeed(Address(LOCAL_HOST, address.port))
        if isIPv4(host):
            return succeed(address)
        try:
            host.encode("idna")
        except UnicodeError as error:
            # Twisted's resolver would never answer.
            return fail(UnresolvableHost(f"{host} is not a host name: {error}"))
        waiter: Deferred[str] = Deferred()
        if host in self._running:
            self._running[host].waiting.append(waiter)
        else:
            self._begin(host, waiter)
        return waiter.addCallback(lambda found: Address(found, address.port))

    def resolveEach(
        self,
        addresses: Iterable[Address],
        found: Callable[[Address], None],
        unresolved: Callable[[str], None],
    ) -> Deferred[None]:
        """
        Find the IPv4 addresses of several hosts.

        :param found: called with each address as soon as it is known
        :param unresolved: called with the reason for each host that has no address
        :return: fires after the last of these calls
        """

        def failed(reason: Failure) -> None:
            if not reason.check(CancelledError):
                unresolved(reason.getErrorMessage())

        each = [self.resolve(address).addCallbacks(found, failed) for address in addresses]
        return DeferredList(each).addCallback(lambda _: None)

    def stop(self) -> None:
        """Give up all resolutions; their Deferreds fail with `CancelledError`."""
        for resolution in list(self._running.values()):
            resolution.result.cancel()

    def _begin(self, host: str, waiter: Deferred[str]) -> None:
        resolution = _Resolution(host, waiter)

        def ended(result: str | Failure) -> None:
            del self._running[host]
            for each in resolution.waiting:
                if isinstance(result, Failure):
                    each.errback(result)
                else:
                    each.callback(result)

        # Not at the top: most nodes are given addresses, and this import takes longer than all of
        # ours.
        from twisted.internet.address import IPv4Address

        self._reactor.nameResolver.resolveHostName(resolution, host, 0, [IPv4Address], "UDP")
        self._running[host] = resolution
        resolution.result.addTimeout(RESOLUTION_TIMEOUT, self._reactor, resolution.tooLate)
        resolution.result.addBoth(ended)
