"""
The node: a datagram protocol that wires the parts together.

It holds no algorithm of its own.  What arrives goes to the `Responder` when
it is a request, and to the `Caller` when it is a response; what the user asks
becomes a `QueryStream` of its `Queries`; whether it has joined its network
is known by its `Membership`; what happens by itself is `Upkeep`.
"""

from __future__ import annotations

import socket as sockets
from collections.abc import Callable, Iterable
from contextlib import suppress
from random import Random
from typing import Any, TypeVar, cast

from twisted.internet.defer import (
    Deferred,
    FirstError,
    gatherResults,
    maybeDeferred,
    succeed,
)
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ._core import wire
from ._core.counters import Counters
from ._core.limits import Admission, RateLimit
from ._core.routing import RoutingTable
from ._core.wire import ID_BYTES, Address, Contact, HostPort, TokenIssuer, checkId, isIPv4
from ._net.answering import CommandRegistry, Responder
from ._net.arguments import (
    checkCommand,
    checkContact,
    checkRateLimit,
    checkSocket,
    checkValue,
    parseAddress,
    parseAddresses,
)
from ._net.asking import Queries, QueryStream, Question, Resolver
from ._net.randomness import PooledRandom
from ._net.requests import Caller
from ._net.upkeep import Membership, Upkeep
from .errors import CannotListen, InvalidAddress, MalformedDatagram, NodeDestroyed
from .interfaces import AddressLike, HandlerResult, ICommandHandler, IDHTNode, Pong, Request

#: What `DHTNode` allows each host when it isn't told otherwise.  A lookup asks a node once.
DEFAULT_RATE_LIMIT = RateLimit()

Result = TypeVar("Result")

#: The largest datagram that is read, in bytes: any that UDP carries.
READ_BYTES = 65536

#: How many bytes may wait to be read, if the operating system allows it.  By default there is no
#: room for the answers that a dozen lookups draw in a moment, and the rest is lost.
RECEIVE_BUFFER_BYTES = 500_000


@implementer(IDHTNode, ICommandHandler)
class DHTNode(DatagramProtocol):
    """
    A node of the network.

    :param reactor: provides time, UDP and name resolution
    :param bootstrap: nodes to join the network through: ``"host:port"``, ``("host", port)``, or a
        port number of this machine.  Names are resolved each time that they are used.
    :param id: 32 bytes; random by default
    :param ephemeral: keep the id to itself, so that no other node lists this one
    :param socket: a bound UDP socket to use instead of a port of its own; it stays the caller's
        own, and doesn't block while the node uses it
    :param contacts: contacts known from an earlier run; the first 128 of them are pinged at the
        start
    :param rateLimit: how many requests of one host are served: a `RateLimit`; or a number of
        requests a second, for this machine's own addresses too; or None for no limit.  With a
        limit, 5,000 requests a second are served of all addresses together that are new.
    :param random: where ids, tokens and transaction ids come from: the operating system by
        default, a seeded generator in a simulation
    :raises InvalidTarget: when the id isn't 32 bytes
    :raises InvalidAddress: when a bootstrap address isn't one
    """

    noisy = False
    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        *,
        bootstrap: Iterable[AddressLike] | AddressLike = (),
        id: bytes | None = None,
        ephemeral: bool = False,
        socket: sockets.socket | None = None,
        contacts: Iterable[Contact] = (),
        rateLimit: RateLimit | float | None = DEFAULT_RATE_LIMIT,
        random: Random | None = None,
    ) -> None:
        self._random = random or PooledRandom()
        self.id = self._random.randbytes(ID_BYTES) if id is None else checkId(id, "id")
        self.ephemeral = bool(ephemeral)
        self.counters = Counters()
        self._reactor = reactor
        limit = checkRateLimit(rateLimit)
        self._socket = checkSocket(socket)
        self._socketTimeout: float | None = None
        self._send: Callable[[bytes, HostPort], object] | None = None
        self._isDestroyed = False
        self._closing: list[Deferred[None]] = []
        self._commands = CommandRegistry()
        self._table = RoutingTable(self.id, counters=self.counters)
        ownId = None if self.ephemeral else self.id
        self._caller = Caller(reactor, self._write, self._random, self._table, ownId)
        addresses = parseAddresses(bootstrap)
        self._resolver = Resolver(reactor)
        self._queries = Queries(
            reactor, self._table, self._caller, self._resolver, addresses, self._use
        )
        self._membership = Membership(
            self._table,
            self._caller,
            [checkContact(contact) for contact in contacts],
            bool(addresses),
            self._queries.lookUp,
        )
        tokens = TokenIssuer(self._random.randbytes)
        self._responder = Responder(
            reactor,
            self._write,
            self._table,
            tokens,
            self._caller,
            self,
            self._takesUpdates,
            self.counters,
        )
        self._admission = None if limit is None else Admission(limit, self._responder.isProven)
        self._upkeep = Upkeep(
            reactor,
            self._table,
            self._caller,
            tokens,
            self._queries.lookUp,
            self._queries.explore,
            self._membership,
            self._random,
        )

    # Life.

    def listen(self, port: int = 0, interface: str = "") -> IListeningPort:
        """See `IDHTNode`."""
        if self._isDestroyed:
            raise NodeDestroyed("the node is destroyed")
        if self.transport is not None:
            raise CannotListen(f"the node listens already, on {self.address()}")
        if not isinstance(port, int) or isinstance(port, bool) or not 0 <= port <= 65535:
            raise InvalidAddress(f"{port!r} is no port; a port is 0 (any free one) to 65535")
        if not isinstance(interface, str) or (interface and not isIPv4(interface)):
            raise InvalidAddress(f"{interface!r} is no IPv4 address to listen on")
        try:
            if self._socket is None:
                opened = self._reactor.listenUDP(port, self, interface, READ_BYTES)
            else:
                # Twisted works on a duplicate, so that the caller's own socket stays open; but a
                # read that blocks would block the reactor.
                self._socketTimeout = self._socket.gettimeout()
                self._socket.setblocking(False)
                opened = self._reactor.adoptDatagramPort(
                    self._socket.fileno(), sockets.AF_INET, self, READ_BYTES
                )
        except (CannotListenError, OSError) as error:
            raise CannotListen(str(error)) from error
        return cast(IListeningPort, opened)

    def startProtocol(self) -> None:
        """
        The port is open: begin.

        :raises NodeDestroyed: when the node has ended, as it does when its port is closed
        """
        if self._isDestroyed:
            self.transport = None
            raise NodeDestroyed("the node is destroyed; make another")
        if getattr(self.transport, "maxPacketSize", READ_BYTES) < READ_BYTES:
            # Whoever called listenUDP left it at what suits other protocols.
            self.transport.maxPacketSize = READ_BYTES  # type: ignore[union-attr]
        opened: sockets.socket | None = getattr(self.transport, "socket", None)
        if opened is not None and self._socket is None:
            _enlargeReceiveBuffer(opened)
        self._send = _sender(self.transport, opened)
        self._upkeep.start()
        self._membership.start()

    def stopProtocol(self) -> None:
        """The port is closed: release everything."""
        self._send = None
        self._release()
        if self._socket is not None:
            with suppress(OSError):
                self._socket.settimeout(self._socketTimeout)

    def destroy(self) -> Deferred[None]:
        """See `IDHTNode`."""
        self._release()
        closed: Deferred[None] = Deferred()
        self._closing.append(closed)
        if len(self._closing) == 1:
            # A port of Twisted can't be asked twice to stop.
            port = self.transport
            stopped = succeed(None) if port is None else maybeDeferred(port.stopListening)
            stopped.addBoth(self._portClosed)
        return closed

    def _portClosed(self, _: object) -> None:
        waiters, self._closing = self._closing, []
        for closed in waiters:
            closed.callback(None)

    def _release(self) -> None:
        if self._isDestroyed:
            return
        self._isDestroyed = True
        reason = NodeDestroyed("the node was destroyed")
        self._upkeep.stop()
        self._responder.stop()
        self._queries.stop(reason)
        self._resolver.stop()
        self._caller.stop(reason)
        self._membership.settle(Failure(reason))

    def _use(self) -> None:
        """Make sure that the node can send."""
        if self._isDestroyed:
            raise NodeDestroyed("the node is destroyed")
        if self.transport is None:
            self.listen()

    # Datagrams.

    def datagramReceived(self, datagram: bytes, addr: HostPort) -> None:
        """
        Take a datagram, whatever it is.

        :param addr: the host and port that it claims to come from
        """
        if self._isDestroyed:
            return
        try:
            # Nothing can be sent to port 0, and the original ends when it is told to.
            if len(datagram) < wire.HEADER_BYTES or not addr[1]:
                self.counters.malformed += 1
            elif wire.isRequest(datagram):
                # Answers are not limited: they cost little when nobody waits for them, and must not
                # be lost because someone else sends in their host's name.
                admission = self._admission
                if admission is None or admission.admits(addr, self._reactor.seconds()):
                    self._responder.received(datagram, addr)
                else:
                    self.counters.rateLimited += 1
            elif self._caller.received(datagram, addr):
                self.counters.responsesReceived += 1
            else:
                self.counters.unexpected += 1
        except MalformedDatagram as error:
            self.counters.malformed += 1
            self._log.debug(
                "a malformed datagram of {address}: {reason}", address=addr, reason=str(error)
            )
        except Exception:
            # A fault of ours.  It costs one datagram, and no more.
            self._log.failure("a datagram of {address} could not be served", address=addr)

    def _write(self, datagram: bytes, address: HostPort) -> None:
        send = self._send
        if send is None:
            # The port is closed, and what was at work with it is being told.
            return
        try:
            send(datagram, address)
        except ConnectionRefusedError:
            # What some systems say of an earlier datagram, to a port that is closed.
            return
        except Exception as error:
            # To the protocol it is a lost datagram: no route, a full buffer, an address that the
            # operating system refuses.
            self.counters.sendFailures += 1
            self._log.debug(
                "nothing can be sent to {address}: {reason}", address=address, reason=str(error)
            )

    # Asking.

    def address(self) -> Address:
        """See `IDHTNode`."""
        self._use()
        assert self.transport is not None
        bound = self.transport.getHost()
        return Address(bound.host, bound.port)

    def query(
        self,
        command: str,
        target: bytes,
        value: bytes | None = None,
        *,
        nodes: Iterable[AddressLike] | None = None,
        holepunching: bool = True,
    ) -> QueryStream:
        """See `IDHTNode`."""
        question = Question(
            checkCommand(command),
            checkId(target, "target"),
            checkValue(value),
            holepunching=holepunching,
        )
        addresses = None if nodes is None else parseAddresses(nodes)
        return self._queries.stream(question, addresses)

    def update(
        self,
        command: str,
        target: bytes,
        value: bytes | None = None,
        *,
        nodes: Iterable[AddressLike] | None = None,
        holepunching: bool = True,
        query: bool = False,
    ) -> QueryStream:
        """See `IDHTNode`."""
        question = Question(
            checkCommand(command),
            checkId(target, "target"),
            checkValue(value),
            holepunching=holepunching,
            isUpdate=True,
            withQuery=query,
        )
        addresses = None if nodes is None else parseAddresses(nodes)
        return self._queries.stream(question, addresses)

    def ping(self, address: AddressLike) -> Deferred[Pong]:
        """See `IDHTNode`."""
        given = parseAddress(address)
        used = maybeDeferred(self._use)
        found = used.addCallback(lambda _: self._resolver.resolve(given))
        return self._queries.track(found.addCallback(self._caller.ping))

    def holepunch(self, peer: AddressLike, referrer: AddressLike) -> Deferred[Pong]:
        """See `IDHTNode`."""
        given = [parseAddress(peer), parseAddress(referrer)]

        def find(_: object) -> Deferred[list[Address]]:
            found = [self._resolver.resolve(each) for each in given]
            return gatherResults(found, consumeErrors=True).addErrback(_firstFailure)

        found = maybeDeferred(self._use).addCallback(find)
        return self._queries.track(found.addCallback(lambda both: self._caller.holepunch(*both)))

    def contacts(self) -> list[Contact]:
        """See `IDHTNode`."""
        return self._table.contacts()

    # Joining.

    def ready(self) -> Deferred[None]:
        """See `IDHTNode`."""
        return maybeDeferred(self._use).addCallback(lambda _: self._membership.ready())

    def bootstrap(self) -> Deferred[None]:
        """See `IDHTNode`."""
        return maybeDeferred(self._use).addCallback(lambda _: self._membership.bootstrap())

    # Commands.

    def register(self, command: str | None, handler: ICommandHandler) -> None:
        """See `IDHTNode`."""
        if cast(object, handler) is self:
            raise ValueError("a node can't be its own handler; override queryReceived instead")
        self._commands.register(command, handler)

    def unregister(self, command: str | None) -> None:
        """See `IDHTNode`."""
        self._commands.unregister(command)

    def queryReceived(self, request: Request) -> HandlerResult:
        """Hand a query to the registered handler; a subclass may answer it itself."""
        return self._commands.queryReceived(request)

    def updateReceived(self, request: Request) -> HandlerResult:
        """Hand an update to the registered handler; a subclass may take it itself."""
        return self._commands.updateReceived(request)

    def _takesUpdates(self, command: str) -> bool:
        return (
            type(self).updateReceived is not DHTNode.updateReceived
            or self._commands.handlerOf(command) is not None
        )


def _sender(transport: Any, opened: sockets.socket | None) -> Callable[[bytes, HostPort], object]:
    """
    What sends a datagram.

    The write of Twisted's port looks at the address three times, which takes longer than to send.
    It is passed over where nobody has put another in its place.  A socket would resolve a name, and
    block meanwhile: all addresses of ours are numeric, which is checked where they are read.
    """
    if opened is not None:
        # Not at the top: a node on a network in memory needs no ports of the operating system.
        from twisted.internet.udp import Port

        if type(transport).write is Port.write:
            return opened.sendto
    return transport.write  # type: ignore[no-any-return]


def _enlargeReceiveBuffer(opened: sockets.socket) -> None:
    """Let more wait on a socket than by default."""
    option = (sockets.SOL_SOCKET, sockets.SO_RCVBUF)
    if opened.getsockopt(*option) < RECEIVE_BUFFER_BYTES:
        with suppress(OSError):
            opened.setsockopt(*option, RECEIVE_BUFFER_BYTES)


def _firstFailure(reason: Failure) -> Failure:
    if isinstance(reason.value, FirstError):
        return reason.value.subFailure
    return reason
