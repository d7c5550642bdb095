"""
The node: a datagram protocol that wires the parts together.

It holds no algorithm of its own.  Requests go to its `Responder`, responses to its `Caller`.
`Queries` makes query streams, `Membership` knows whether the node has joined its network, and
`Upkeep` does what happens by itself.  `assemble` shows how these are wired.
"""

from __future__ import annotations

import socket as sockets
from collections.abc import Iterable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, FirstError, gatherResults, maybeDeferred, succeed
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ._awaitable import AwaitableDeferred, awaitable
from ._core import wire
from ._core.counters import Counters
from ._core.limits import RateLimit
from ._core.wire import (
    ANY_HOST,
    ID_BYTES,
    LOCAL_HOST,
    Address,
    Contact,
    HostPort,
    checkId,
)
from ._net.answering import HandlerHost
from ._net.arguments import (
    checkCommand,
    checkContact,
    checkRateLimit,
    checkSocket,
    checkValue,
    parseAddress,
    parseAddresses,
)
from ._net.asking import QueryStream, Question
from ._net.assembly import Node, assemble
from ._net.environment import Environment
from ._net.port import DatagramPort
from ._net.randomness import PooledRandom
from .errors import CannotListen, MalformedDatagram, NodeDestroyed
from .interfaces import (
    AddressLike,
    ICommandHandler,
    IDHTNode,
    Pong,
)

#: The rate limit of a node that is given none.  A lookup asks a node once.
DEFAULT_RATE_LIMIT = RateLimit()


@implementer(IDHTNode, ICommandHandler)
class DHTNode(HandlerHost, DatagramProtocol):
    """
    A node of the network.

    :param reactor: provides time, UDP and name resolution
    :param bootstrap: nodes to join the network through: ``"host:port"``, ``("host", port)``, or a
        port number of this machine.  Names are resolved each time that they are used.
    :param id: 32 bytes; random by default
    :param ephemeral: keep the id to itself, so that no other node lists this one
    :param socket: a bound UDP socket to use instead of a port of its own.  It stays the caller's
        own, and doesn't block while the node uses it.
    :param contacts: contacts of an earlier run; the first 128 of them are pinged at the start
    :param rateLimit: the rate at which requests of one host are served: a `RateLimit`; or a number
        of requests a second, which holds for this machine's own addresses too; or None for no
        limit.  With a limit, 5,000 requests a second are served of all addresses together that have
        not shown that they receive.
    :param random: the source of ids, tokens and transaction ids: the operating system by default, a
        seeded generator in a simulation
    :ivar id: 32 bytes
    :ivar ephemeral: whether the node keeps its id to itself
    :ivar counters: counts events, for monitoring
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
        super().__init__()
        random = random or PooledRandom()
        self.id = random.randbytes(ID_BYTES) if id is None else checkId(id, "id")
        self.ephemeral = bool(ephemeral)
        self.counters = Counters()
        self._clock = reactor
        self._port = DatagramPort(reactor, checkSocket(socket), self.counters)
        self._isDestroyed = False
        self._closing: list[Deferred[None]] = []
        ownId = None if self.ephemeral else self.id
        self._parts = assemble(
            Environment(reactor, self._port.send, random, self.counters, ownId),
            self.id,
            reactor,
            bootstrap=parseAddresses(bootstrap),
            contacts=[checkContact(contact) for contact in contacts],
            rateLimit=checkRateLimit(rateLimit),
            node=Node(
                handler=self,
                hasHandler=self._hasHandler,
                takesUpdates=self._takesUpdates,
                use=self._use,
                boundAddress=self._boundAddress,
            ),
        )

    # Beginning and end.

    def listen(self, port: int = 0, interface: str = "") -> IListeningPort:
        """
        Open a UDP port.  A node that is used before it listens opens a free port by itself.

        :param port: 0 for a free one
        :param interface: the IPv4 address to bind, all by default
        :return: the port, whose ``stopListening`` destroys the node
        :raises CannotListen: when the port can't be opened, or the node listens already
        :raises InvalidAddress: when the port or the interface is not valid
        :raises NodeDestroyed: after `destroy`
        """
        if self._isDestroyed:
            raise NodeDestroyed("the node is destroyed")
        if self.transport is not None:
            raise CannotListen(f"the node listens already, on {self.address()}")
        return self._port.open(self, port, interface)

    def startProtocol(self) -> None:
        """
        Begin, because the port is open.

        :raises NodeDestroyed: when the node has ended, as it does when its port is closed
        """
        if self._isDestroyed:
            self.transport = None
            raise NodeDestroyed("the node is destroyed; make another")
        self._port.opened(self.transport)
        self._parts.upkeep.start()
        self._parts.membership.start()

    def stopProtocol(self) -> None:
        """Release everything, because the port is closed."""
        self._release()
        self._port.stop()

    def destroy(self) -> Deferred[None]:
        """
        Release everything: timers, port, requests in flight.

        What waits fails with `NodeDestroyed`.

        :return: fires when all is released; may be called again
        """
        self._release()
        closed: AwaitableDeferred[None] = AwaitableDeferred()
        self._closing.append(closed)
        if len(self._closing) == 1:
            # A port of Twisted must not be stopped twice.
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
        parts = self._parts
        parts.upkeep.stop()
        parts.responder.stop()
        parts.queries.stop(reason)
        parts.resolver.stop()
        parts.caller.stop(reason)
        parts.membership.settle(Failure(reason))

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
        parts = self._parts
        try:
            # Nothing can be sent to port 0, and the original ends when it is told to.
            if len(datagram) < wire.HEADER_BYTES or not addr[1]:
                self.counters.malformed += 1
            elif wire.isRequest(datagram):
                # Responses are not limited.  They cost little when no request waits for them, and
                # must not be lost because another sends in their host's name.
                admission = parts.admission
                if admission is None or admission.admits(addr, self._clock.seconds()):
                    parts.responder.received(datagram, addr)
                else:
                    self.counters.rateLimited += 1
            elif parts.caller.received(datagram, addr):
                self.counters.responsesReceived += 1
            else:
                self.counters.unexpected += 1
        except MalformedDatagram as error:
            self.counters.malformed += 1
            self._log.debug(
                "malformed datagram from {address}: {reason}", address=addr, reason=str(error)
            )
        except Exception:
            # A fault of ours.  It costs one datagram, and no more.
            self._log.failure("serving a datagram from {address} failed", address=addr)

    # Asking.

    def address(self) -> Address:
        """
        The address that the node is bound to; the node listens first, if it doesn't yet.

        :raises CannotListen: when no port can be opened
        :raises NodeDestroyed: after `destroy`
        """
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
        local: bool = True,
    ) -> QueryStream:
        """
        Ask nodes closer and closer to a target to run a command.

        :param command: any but the protocol's own ``_ping`` and ``_find_node``
        :param target: 32 bytes
        :param value: a payload for the handlers
        :param nodes: ask just these addresses, instead of looking for the closest nodes
        :param holepunching: whether to reach a silent node through the node that named it
        :param local: whether to ask this node's own handler, when this node is a member and among
            the closest
        :return: the replies; nothing is sent before they are read
        :raises InvalidCommand: when the command is empty, isn't text or is the protocol's own
        :raises InvalidTarget: when the target isn't 32 bytes
        :raises InvalidAddress: when one of ``nodes`` isn't an address
        :raises ValueTooLarge: when the value doesn't fit a datagram
        """
        question = Question(
            checkCommand(command),
            checkId(target, "target"),
            checkValue(value),
            holepunching=holepunching,
            local=local,
        )
        addresses = None if nodes is None else parseAddresses(nodes)
        return self._parts.queries.stream(question, addresses)

    def update(
        self,
        command: str,
        target: bytes,
        value: bytes | None = None,
        *,
        nodes: Iterable[AddressLike] | None = None,
        holepunching: bool = True,
        query: bool = False,
        local: bool = True,
    ) -> QueryStream:
        """
        Run a `query`, then send the command to the 20 closest nodes that answered.

        Each node is sent the round-trip token that it gave.  With ``nodes``, all of these that
        answered are sent the command.  The other parameters and the errors are those of `query`.

        :param query: whether the stream holds the replies of the first phase too
        :param local: whether this node itself takes the update, when it is a member and among the
            closest
        """
        question = Question(
            checkCommand(command),
            checkId(target, "target"),
            checkValue(value),
            holepunching=holepunching,
            isUpdate=True,
            withQuery=query,
            local=local,
        )
        addresses = None if nodes is None else parseAddresses(nodes)
        return self._parts.queries.stream(question, addresses)

    def ping(self, address: AddressLike) -> Deferred[Pong]:
        """
        Ask a node whether it is there.

        :return: fires with a `Pong`; fails with `RequestTimeout`, `UnresolvableHost` or
            `UnexpectedAnswer`
        :raises InvalidAddress: when the address isn't one
        """
        given = parseAddress(address)
        parts = self._parts
        found = maybeDeferred(self._use).addCallback(lambda _: parts.resolver.resolve(given))
        return parts.queries.track(found.addCallback(parts.pings.ping))

    def holepunch(self, peer: AddressLike, referrer: AddressLike) -> Deferred[Pong]:
        """
        Open a path to a peer behind a NAT, with the help of a node that both know.

        :param peer: the node to reach
        :param referrer: the node that relays a ping to the peer
        :return: fires with the peer's `Pong`; fails as `ping` does
        :raises InvalidAddress: when one of the addresses isn't one
        """
        given = [parseAddress(peer), parseAddress(referrer)]
        parts = self._parts

        def find(_: object) -> Deferred[list[Address]]:
            found = [parts.resolver.resolve(each) for each in given]
            return gatherResults(found, consumeErrors=True).addErrback(_firstFailure)

        found = maybeDeferred(self._use).addCallback(find)
        return parts.queries.track(found.addCallback(lambda both: parts.pings.holepunch(*both)))

    def contacts(self) -> list[Contact]:
        """The contacts of the routing table; each of them has answered this node."""
        return self._parts.table.contacts()

    # Joining.

    def ready(self) -> Deferred[None]:
        """
        Wait until the node has joined its network.

        :return: fires when the first table is built, however long that takes, and at once when
            there is no bootstrap node and no contact to ask; ``addTimeout`` bounds it.  It fails
            with `NodeDestroyed`.
        """
        used = maybeDeferred(self._use)
        return awaitable(used.addCallback(lambda _: self._parts.membership.ready()))

    def bootstrap(self) -> Deferred[None]:
        """
        Build the table anew: look up this node's own id, starting from the bootstrap nodes too.

        :return: fires at the end of the lookup; fails with `NoResponse` when no node answers
        """
        used = maybeDeferred(self._use)
        return awaitable(used.addCallback(lambda _: self._parts.membership.bootstrap()))

    def _boundAddress(self) -> Address:
        """Our address for ourselves: the loopback address when the node is bound to all."""
        host, port = self.address()
        return Address(LOCAL_HOST if host == ANY_HOST else host, port)


def _firstFailure(reason: Failure) -> Failure:
    if isinstance(reason.value, FirstError):
        return reason.value.subFailure
    return reason
