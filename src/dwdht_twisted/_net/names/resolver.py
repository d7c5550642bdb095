"""
The resolution of host names to IPv4 addresses, without blocking.
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

#: The longest time to wait for the resolution of a host name, in seconds.  Twisted itself waits
#: without a bound.  Smaller: if the first of two name servers is silent, the second may have no
#: time to answer.
RESOLUTION_TIMEOUT = 10.0


@implementer(IResolutionReceiver)
class _Resolution:
    """
    Takes the first IPv4 address of a host.

    :ivar result: fires with the address
    :ivar waiting: the Deferreds of all `Resolver.resolve` calls for this host
    """

    def __init__(self, host: str, waiter: Deferred[str]) -> None:
        self._host = host
        self._found: str | None = None
        self.result: Deferred[str] = Deferred()
        self.waiting = [waiter]

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """Do nothing, because Twisted can't cancel a resolution."""

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
        """Fail because `RESOLUTION_TIMEOUT` is over."""
        raise UnresolvableHost(f"{self._host} could not be resolved in {seconds:g} seconds")


class Resolver:
    """
    Finds the IPv4 addresses of hosts.

    Calls that wait for the same host name share one resolution.  Each resolution takes one of the
    few threads for names of the whole process, so more resolutions would delay other names.

    :param reactor: resolves host names and tells the time
    """

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._running: dict[str, _Resolution] = {}

    def resolve(self, address: Address) -> Deferred[Address]:
        """
        Find the IPv4 address of a host.

        The host 0.0.0.0 stands for this machine.  It is replaced by the loopback address, because
        answers come from the loopback address.

        :return: fires with the address to send to, at once when the host is an IPv4 address.  Fails
            with `UnresolvableHost`, at the latest after 10 seconds.
        """
        host = address.host
        if host == ANY_HOST:
            return succeed(Address(LOCAL_HOST, address.port))
        if isIPv4(host):
            return succeed(address)
        try:
            host.encode("idna")
        except UnicodeError as error:
            # Fail here, because Twisted's resolver never answers for such a name.
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

        :param found: called with each address as soon as it is resolved
        :param unresolved: called with an error message for each host that can't be resolved
        :return: fires when all hosts are done
        """

        def failed(reason: Failure) -> None:
            if not reason.check(CancelledError):
                unresolved(reason.getErrorMessage())

        each = [self.resolve(address).addCallbacks(found, failed) for address in addresses]
        return DeferredList(each).addCallback(lambda _: None)

    def stop(self) -> None:
        """Give up all resolutions.  Their Deferreds fail with ``CancelledError``."""
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

        # These imports are not at the top of the module, because they take longer than importing
        # all of this package.  A node that is given only IPv4 addresses does not need them.
        from twisted.internet.address import IPv4Address

        from .threads import nameResolverOf

        nameResolver = nameResolverOf(self._reactor)
        nameResolver.resolveHostName(resolution, host, 0, [IPv4Address], "UDP")
        self._running[host] = resolution
        resolution.result.addTimeout(RESOLUTION_TIMEOUT, self._reactor, resolution.tooLate)
        resolution.result.addBoth(ended)
