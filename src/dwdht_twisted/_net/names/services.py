"""
The hosts of a service, from its SRV records (RFC 2782).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeAlias

from twisted.internet.defer import CancelledError, Deferred
from twisted.names import client, dns
from twisted.python.failure import Failure

from ..._core.limits.bounds import ADDRESSES_PER_NAME
from ..._core.wire import Address, checkAddress
from ...errors import InvalidAddress, UnresolvableHost
from .resolver import isService

#: The file with the name servers of this machine; see resolv.conf(5).
RESOLV_CONF = "/etc/resolv.conf"

#: The seconds after which a query is sent again.  Each name server is asked once in each of these
#: times.  The resolution ends after 10 seconds in any case.
RETRIES = (1, 3, 6)

#: An answer of ``IResolver.lookupService``: answers, authority and additional records.
Records: TypeAlias = tuple[list[dns.RRHeader], list[dns.RRHeader], list[dns.RRHeader]]


def hostsOf(reactor: Any, name: str) -> Deferred[list[Address]]:
    """
    Find the hosts and ports of a service.

    :param reactor: opens a port for the query.  A simulated reactor has a method ``lookupService``,
        which answers instead.
    :return: fires with the first `ADDRESSES_PER_NAME` of them, in the order of their priority.
        Fails with `UnresolvableHost` when there is none.
    """
    lookUp: Callable[[str], Deferred[Records]]
    lookUp = getattr(reactor, "lookupService", None) or DNSQuery(reactor).lookupService

    def failed(reason: Failure) -> Failure:
        if reason.check(CancelledError):
            return reason
        kind = reason.type.__name__ if reason.type is not None else ""
        return Failure(UnresolvableHost(f"the SRV records of {name} can't be found: {kind}"))

    return lookUp(name).addErrback(failed).addCallback(_hosts, name)


def _hosts(records: Records, name: str) -> list[Address]:
    answers: list[Any] = [record.payload for record in records[0] if record.type == dns.SRV]
    answers.sort(key=lambda answer: answer.priority)
    hosts: list[Address] = []
    for answer in answers[:ADDRESSES_PER_NAME]:
        # A host named "." says that there is no such service.  The name of another service would
        # have to be resolved in the same way, perhaps for ever.
        host = answer.target.name.decode("ascii", "replace").rstrip(".")
        with suppress(InvalidAddress):
            if not isService(host):
                hosts.append(checkAddress(host, answer.port, host))
    if not hosts:
        raise UnresolvableHost(f"{name} has no SRV records of hosts")
    return hosts


class DNSQuery:
    """
    A query for SRV records to the name servers of this machine.

    :param servers: addresses of name servers; by default those of `RESOLV_CONF`
    """

    def __init__(self, reactor: Any, servers: list[tuple[str, int]] | None = None) -> None:
        self._reactor = _Timers(reactor)
        self._servers = servers or _nameServers()

    def lookupService(self, name: str) -> Deferred[Records]:
        """
        Ask the name servers one by one.

        :return: fires with the records; fails with an exception of ``twisted.names``.  Then, and
            when it is cancelled, the ports are closed and no timer is left.
        """
        resolver = client.Resolver(servers=self._servers, timeout=RETRIES, reactor=self._reactor)

        def ended(result: Records | Failure) -> Records | Failure:
            self._reactor.cancelAll()
            # A long answer comes over a connection of TCP, which would stay open.
            for connection in resolver.connections:
                connection.transport.loseConnection()
            return result

        found: Deferred[Records] = resolver.lookupService(name)
        return found.addBoth(ended)


class _Timers:
    """A reactor for one query.  ``twisted.names`` leaves timers, which are cancelled at the end."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._calls: list[Any] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._reactor, name)

    def callLater(self, delay: float, function: Callable[..., object], *arguments: object) -> Any:
        """Schedule a call."""
        call = self._reactor.callLater(delay, function, *arguments)
        self._calls.append(call)
        return call

    def cancelAll(self) -> None:
        """Cancel all calls that are pending."""
        for call in self._calls:
            if call.active():
                call.cancel()


def _nameServers() -> list[tuple[str, int]]:
    servers: list[tuple[str, int]] = []
    with suppress(OSError), open(RESOLV_CONF, encoding="ascii", errors="replace") as lines:
        for line in lines:
            words = line.split()
            if len(words) > 1 and words[0] == "nameserver":
                servers.append((words[1], dns.PORT))
    return servers or [("127.0.0.1", dns.PORT)]
