"""
The hosts of a service, from its SRV records (RFC 2782).
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from typing import Any, TypeAlias

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ClientEndpoint, connectProtocol
from twisted.internet.error import (
    ConnectError,
    ConnectingCancelledError,
    ConnectionDone,
    ConnectionLost,
)
from twisted.internet.protocol import DatagramProtocol, connectionDone
from twisted.names import dns
from twisted.names.common import ResolverBase
from twisted.names.error import DNSQueryTimeoutError
from twisted.protocols.basic import Int16StringReceiver
from twisted.python.failure import Failure

from ..._core.limits.bounds import ADDRESSES_PER_NAME
from ..._core.wire import ANY_HOST, LOCAL_HOST, Address, checkAddress
from ...errors import InvalidAddress, UnresolvableHost
from ..port import DatagramReader, canReadOtherwise
from .resolver import isService

#: The file with the name servers of this machine; see resolv.conf(5).
RESOLV_CONF = "/etc/resolv.conf"

#: The seconds after which a query is sent again.  Each name server is asked once in each of these
#: times.  The resolution ends after 10 seconds in any case.
RETRIES = (1, 3, 6)

#: The most bytes of a message over UDP (RFC 1035, section 4.2.1).  A name server says that a longer
#: answer is truncated, and sends it over TCP.
UDP_MESSAGE_BYTES = 512

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
        self._reactor = reactor
        self._servers = servers or _nameServers()

    def lookupService(self, name: str) -> Deferred[Records]:
        """
        Ask the name servers one by one.

        :return: fires with the records; fails with an exception of ``twisted.names``.  Then, and
            when it is cancelled, the ports and connections are closed and no timer is left.
        """
        return Deferred.fromCoroutine(self._lookUp(name))

    async def _lookUp(self, name: str) -> Records:
        failure: Exception = DNSQueryTimeoutError(name)
        for seconds in RETRIES:
            for server in self._servers:
                query = dns.Message(dns.randomSource(), recDes=1)
                query.queries = [dns.Query(name.encode("idna"), dns.SRV, dns.IN)]
                answer = await self._ask(server, query, seconds)
                if answer is None:
                    continue
                if answer.rCode == dns.OK:
                    return answer.answers, answer.authority, answer.additional
                failure = ResolverBase().exceptionForCode(answer.rCode)(answer)
                if answer.rCode == dns.ENAME:
                    # The others would say the same.  Any other error is one of this server.
                    raise failure
        raise failure

    async def _ask(
        self, server: tuple[str, int], query: dns.Message, seconds: float
    ) -> dns.Message | None:
        """Ask a server; return its answer, or None if there is none in time."""
        try:
            answer = await self._askByUDP(server, query, seconds)
            if answer is not None and answer.trunc:
                answer = await self._askByTCP(server, query)
        except (OSError, ConnectError, ConnectionDone, ConnectionLost):
            # There is no way to this server, or it has closed the connection.
            return None
        return answer

    async def _askByUDP(
        self, server: tuple[str, int], query: dns.Message, seconds: float
    ) -> dns.Message | None:
        asking = _Datagrams(server, query)
        interface = "::" if ":" in server[0] else ""
        port = self._reactor.listenUDP(0, asking, interface=interface)
        try:
            port.write(query.toStr(), server)
            return await asking.answered.addTimeout(seconds, self._reactor, lambda *_: None)
        finally:
            port.stopListening()

    async def _askByTCP(self, server: tuple[str, int], query: dns.Message) -> dns.Message | None:
        kind = TCP6ClientEndpoint if ":" in server[0] else TCP4ClientEndpoint
        asking = _Connection(query)
        try:
            await connectProtocol(kind(self._reactor, *server), asking)
        except ConnectingCancelledError as error:
            raise CancelledError from error
        try:
            return await asking.answered
        finally:
            asking.transport.abortConnection()


class _Datagrams(DatagramProtocol):
    """
    Waits for the answer of a name server.

    Anyone can send to the port.  Whatever isn't the answer is dropped: it is neither read nor
    logged, and it doesn't keep the reactor from its other work.

    :ivar answered: fires with the answer, or with None if it is malformed
    """

    noisy = False

    def __init__(self, server: tuple[str, int], query: dns.Message) -> None:
        self._server = server
        self._query = query
        self.answered: Deferred[dns.Message | None] = Deferred()

    def startProtocol(self) -> None:
        """Read as a node does."""
        port: Any = self.transport
        if canReadOtherwise(port):
            port.doRead = DatagramReader(port, port.socket).read

    def datagramReceived(self, datagram: bytes, addr: tuple[Any, ...]) -> None:
        """Take the answer."""
        isExpected = addr[:2] == self._server and _answers(datagram, self._query)
        if isExpected and len(datagram) <= UDP_MESSAGE_BYTES and not self.answered.called:
            self.answered.callback(_read(datagram))


class _Connection(Int16StringReceiver):
    """
    Sends a query over TCP, and waits for the answer.

    :ivar answered: fires with the answer, or with None if something else has come; fails when the
        connection is lost
    """

    transport: Any

    def __init__(self, query: dns.Message) -> None:
        self._query = query
        self.answered: Deferred[dns.Message | None] = Deferred()

    def connectionMade(self) -> None:
        """Ask."""
        self.sendString(self._query.toStr())

    def stringReceived(self, string: bytes) -> None:
        """Take the answer."""
        if not self.answered.called:
            self.answered.callback(_read(string) if _answers(string, self._query) else None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Wait no longer."""
        if not self.answered.called:
            self.answered.errback(reason)


def _answers(message: bytes, query: dns.Message) -> bool:
    """Whether a message has the number of a query, and is an answer (RFC 1035, section 4.1.1)."""
    return message[:2] == query.id.to_bytes(2, "big") and message[2:3] >= b"\x80"


def _read(message: bytes) -> dns.Message | None:
    """Read a message; None if it is malformed."""
    answer = dns.Message()
    try:
        answer.fromStr(message)
    except Exception:
        # Twisted raises errors of many classes here.
        return None
    return answer


def _nameServers() -> list[tuple[str, int]]:
    servers: list[tuple[str, int]] = []
    with suppress(OSError), open(RESOLV_CONF, encoding="ascii", errors="replace") as lines:
        for line in lines:
            words = line.split()
            if len(words) > 1 and words[0] == "nameserver":
                # The form in which an address is told as the source of an answer.
                with suppress(ValueError):
                    host = str(ip_address(words[1]))
                    servers.append((LOCAL_HOST if host == ANY_HOST else host, dns.PORT))
    return servers or [(LOCAL_HOST, dns.PORT)]
