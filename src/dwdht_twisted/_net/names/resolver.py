"""
The resolution of host names and service names to IPv4 addresses, without blocking.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from twisted.internet.defer import (
    CancelledError,
    Deferred,
    DeferredList,
    FirstError,
    fail,
    gatherResults,
    succeed,
)
from twisted.internet.interfaces import IAddress, IHostResolution, IReactorTime, IResolutionReceiver
from twisted.python.failure import Failure
from zope.interface import implementer

from ..._core.limits.bounds import ADDRESSES_PER_NAME
from ..._core.wire import ANY_HOST, LOCAL_HOST, Address, isIPv4
from ...errors import UnresolvableHost

#: The longest time to wait for the resolution of a name, in seconds.  Twisted itself waits without
#: a bound.  Smaller: if the first of two name servers is silent, the second may have no time to
#: answer.
RESOLUTION_TIMEOUT = 10.0


def isService(host: str) -> bool:
    """
    Whether this is the name of a service, for example ``_dht._udp.example.org``.

    The labels of a service begin with an underscore (RFC 2782), and those of a host don't.
    """
    return host.startswith("_")


@implementer(IResolutionReceiver)
class _HostAddresses:
    """
    Takes the IPv4 addresses of a host.

    :ivar result: fires with the first `ADDRESSES_PER_NAME` of them; fails with `UnresolvableHost`
        when there is none
    """

    def __init__(self, host: str) -> None:
        self._host = host
        self._found: list[str] = []
        self.result: Deferred[list[str]] = Deferred()

    def resolutionBegan(self, resolutionInProgress: IHostResolution) -> None:
        """Do nothing, because Twisted can't cancel a resolution."""

    def addressResolved(self, address: IAddress) -> None:
        """Keep an IPv4 address."""
        host: str = getattr(address, "host", "")
        if len(self._found) < ADDRESSES_PER_NAME and host not in self._found and isIPv4(host):
            self._found.append(host)

    def resolutionComplete(self) -> None:
        """Fire ``result``."""
        if self._found:
            self.result.callback(self._found)
        else:
            self.result.errback(UnresolvableHost(f"{self._host} has no IPv4 address"))


class _Shared:
    """
    A resolution, and all calls that wait for it.

    :ivar result: fires with what is found
    :ivar waiting: the Deferreds of the calls
    """

    def __init__(self, result: Deferred[Any]) -> None:
        self.result = result
        self.waiting: list[Deferred[Any]] = []

    def ended(self, result: object) -> None:
        """Pass the result to all that wait."""
        for each in self.waiting:
            if isinstance(result, Failure):
                each.errback(result)
            else:
                each.callback(result)


class Resolver:
    """
    Finds the IPv4 addresses of hosts and services.

    A host has the first `ADDRESSES_PER_NAME` addresses of its name.  A service has those of the
    hosts in its SRV records (RFC 2782).  These records contain the ports, too.

    Calls that wait for the same name share one resolution.  Each resolution takes one of the few
    threads for names of the whole process, so more resolutions would delay other names.

    :param reactor: resolves names
    :param clock: measures the time of resolutions
    """

    def __init__(self, reactor: Any, clock: IReactorTime) -> None:
        self._reactor = reactor
        self._clock = clock
        self._running: dict[str, _Shared] = {}

    def resolve(self, address: Address) -> Deferred[Address]:
        """
        Find the first IPv4 address of a host or a service.

        The host 0.0.0.0 stands for this machine.  It is replaced by the loopback address, because
        answers come from the loopback address.

        :return: fires with the address to send to, at once when the host is an IPv4 address.  Fails
            with `UnresolvableHost`, at the latest after 10 seconds.
        """
        found: list[Address] = []
        return self._find(address, found.append).addCallback(lambda _: found[0])

    def resolveAll(self, addresses: Iterable[Address]) -> Deferred[list[Address]]:
        """
        Resolve addresses.

        :return: fires with them in their order; fails as `resolve` does when one has no address
        """
        resolving = [self.resolve(each) for each in addresses]
        return gatherResults(resolving, consumeErrors=True).addErrback(_firstFailure)

    def resolveEach(
        self,
        addresses: Iterable[Address],
        found: Callable[[Address], None],
        unresolved: Callable[[str], None],
    ) -> Deferred[None]:
        """
        Find all IPv4 addresses of several hosts and services.

        :param found: called with each address as soon as it is resolved
        :param unresolved: called with an error message for each name that can't be resolved
        :return: fires when all names are done, at the latest after 10 seconds
        """

        def failed(reason: Failure) -> None:
            if not reason.check(CancelledError):
                unresolved(reason.getErrorMessage())

        each = [self._find(address, found).addErrback(failed) for address in addresses]
        return DeferredList(each).addCallback(lambda _: None)

    def stop(self) -> None:
        """Give up all resolutions.  Their Deferreds fail with ``CancelledError``."""
        for shared in list(self._running.values()):
            shared.result.cancel()

    def _find(self, address: Address, found: Callable[[Address], None]) -> Deferred[None]:
        """
        Find the addresses of a host or a service.

        :return: fires when all of them are found; fails with `UnresolvableHost` when there is none
        """
        host, port = address
        if host == ANY_HOST or isIPv4(host):
            found(Address(LOCAL_HOST if host == ANY_HOST else host, port))
            return succeed(None)
        try:
            host.encode("idna")
        except UnicodeError as error:
            # Fail here, because Twisted's resolver never answers for such a name.
            return fail(UnresolvableHost(f"{host} is not a host name: {error}"))
        if isService(host):
            return self._findService(host, found)

        def add(hosts: list[str]) -> None:
            for each in hosts:
                found(Address(each, port))

        return self._share(host, self._resolveHost).addCallback(add)

    def _findService(self, name: str, found: Callable[[Address], None]) -> Deferred[None]:
        known: set[Address] = set()
        reasons: list[str] = []

        def add(address: Address) -> None:
            if len(known) < ADDRESSES_PER_NAME and address not in known:
                known.add(address)
                found(address)

        def findHosts(hosts: list[Address]) -> Deferred[None]:
            return self.resolveEach(hosts, add, reasons.append)

        def ended(result: Failure | None) -> Failure | None:
            if known:
                return None
            if result is None and not reasons:
                return Failure(CancelledError())
            return result or Failure(UnresolvableHost("; ".join([name, *reasons])))

        # The records and the addresses of their hosts have to be found in the same time.
        finding = self._share(name, self._resolveService).addCallback(findHosts)
        finding.addTimeout(RESOLUTION_TIMEOUT, self._clock, _tooLate(name))
        return finding.addBoth(ended)

    def _share(self, name: str, begin: Callable[[str], Deferred[Any]]) -> Deferred[Any]:
        """Wait for a resolution, which is begun unless it is running."""
        waiter: Deferred[Any] = Deferred()
        shared = self._running.get(name)
        if shared is not None:
            shared.waiting.append(waiter)
            return waiter
        shared = self._running[name] = _Shared(begin(name))
        shared.waiting.append(waiter)

        def ended(result: object) -> object:
            del self._running[name]
            return result

        shared.result.addTimeout(RESOLUTION_TIMEOUT, self._clock, _tooLate(name))
        shared.result.addBoth(ended).addBoth(shared.ended)
        return waiter

    def _resolveHost(self, host: str) -> Deferred[list[str]]:
        # These imports are not at the top of the module, because they take longer than importing
        # all of this package.  A node that is given only IPv4 addresses does not need them.
        from twisted.internet.address import IPv4Address

        from .threads import nameResolverOf

        addresses = _HostAddresses(host)
        nameResolver = nameResolverOf(self._reactor)
        nameResolver.resolveHostName(addresses, host, 0, [IPv4Address], "UDP")
        return addresses.result

    def _resolveService(self, name: str) -> Deferred[list[Address]]:
        # Imported here for the same reason.
        from .services import hostsOf

        return hostsOf(self._reactor, name)


def _firstFailure(reason: Failure) -> Failure:
    if isinstance(reason.value, FirstError):
        return reason.value.subFailure
    return reason


def _tooLate(name: str) -> Callable[[object, float], NoReturn]:
    """Return the function that fails a resolution when `RESOLUTION_TIMEOUT` is over."""

    def fail(_: object, seconds: float) -> NoReturn:
        raise UnresolvableHost(f"{name} could not be resolved in {seconds:g} seconds")

    return fail
