"""
The node: a datagram protocol that connects the parts of a node.

The protocol passes requests to the `Responder` and responses to the `Caller`.  `Queries` makes the
query streams, `Membership` joins the network, and `Upkeep` does the periodic work.  `assemble`
shows how these parts are wired.
"""

from __future__ import annotations

import socket as sockets
from collections.abc import Iterable, Sequence
from random import Random
from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.interfaces import IListeningPort
from twisted.internet.protocol import DatagramProtocol
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from ._addresses import parseAddresses
from ._awaitable import awaitable
from ._clock import clockOf
from ._core import wire
from ._core.counters import Counters
from ._core.identity import Identity
from ._core.limits import RateLimit
from ._core.limits.bounds import CONTACTS_PER_HOST
from ._core.standing import RecentHosts
from ._core.statistics import Measurements
from ._core.wire import ANY_HOST, ID_BYTES, LOCAL_HOST, Address, Contact, HostPort, checkId
from ._net import arguments
from ._net.asker import Asker
from ._net.environment import Environment
from ._net.handlers import HandlerHost
from ._net.observed import Observed
from ._net.port import DatagramPort
from ._net.randomness import PooledRandom
from ._net.reporting import Reports
from ._net.traffic import counting
from ._net.watching import LookupWatchers
from .errors import CannotListen, MalformedDatagram, NodeDestroyed
from .interfaces import AddressLike, ICommandHandler, IDHTNode
from .private.seam import DatagramLayer, NetworkSecurity, Transport, requiredId, securityOf

#: The rate limit of a node whose ``rateLimit`` is not given.
DEFAULT_RATE_LIMIT = RateLimit()


@implementer(IDHTNode, ICommandHandler)
class DHTNode(Asker, HandlerHost, Observed, DatagramProtocol):
    """
    A node of the network.

    A node is used in the thread of its reactor; other threads call it by
    ``reactor.callFromThread``, or by ``twisted.internet.threads.blockingCallFromThread``.

    :param reactor: provides time, UDP and name resolution
    :param bootstrap: nodes to join the network through: ``"host:port"``, ``("host", port)``,
        ``"host"`` for its port 6620, or a port number of this machine.  A host name is resolved
        anew for each lookup, to all of its addresses.  ``"_dht._udp.NAME"`` stands for the hosts
        and ports in the SRV records.
    :param id: 32 bytes; random by default
    :param ephemeral: whether to send no id, so that no other node lists this node
    :param adaptive: whether the node is ephemeral until other nodes reach it, and a member then; on
        a private network, and as the first of its network, it is a member at once
    :param socket: a bound UDP socket to use, instead of opening a port.  The caller has to close
        it.  It is non-blocking while the node uses it.
    :param contacts: contacts of an earlier run; the first 128 of them are pinged at the start
    :param rateLimit: the most requests that are served for one host.  It is a `RateLimit`, None for
        no limit, or a number per second that also limits loopback addresses.  With a limit, the
        addresses that are not validated share another limit: 5,000 requests per second.
    :param contactsPerHost: the most contacts of one public address.  Raise it at all nodes of a
        network that has more nodes on one address; see "Many nodes on one address" in the manual.
    :param random: the source of ids, tokens and transaction ids: the operating system by default, a
        seeded generator in a simulation
    :param networkKey: makes the node a member of a private network: a key of 32 bytes, or several
        while it is replaced, see `dwdht_twisted.private`.  None for an open network.
    :param security: another security in place of ``networkKey``
    :ivar clock: an ``IReactorTime`` that goes on although the clock of the machine is set
    :ivar counters: counts events, for monitoring
    :raises InvalidTarget: when the id doesn't have 32 bytes
    :raises InvalidAddress: when a bootstrap address is not valid
    :raises ValueError: when the network key or another option is not valid, or the security
        requires another id
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
        adaptive: bool = False,
        socket: sockets.socket | None = None,
        contacts: Iterable[Contact] = (),
        rateLimit: RateLimit | float | None = DEFAULT_RATE_LIMIT,
        contactsPerHost: int = CONTACTS_PER_HOST,
        random: Random | None = None,
        networkKey: bytes | Sequence[bytes] | None = None,
        security: NetworkSecurity | None = None,
    ) -> None:
        super().__init__()
        random = arguments.checkRandom(random) or PooledRandom()
        ephemeral = arguments.checkFlag(ephemeral, "ephemeral")
        adaptive = arguments.checkFlag(adaptive, "adaptive")
        security = securityOf(networkKey, security)
        id = requiredId(security, id)
        id = random.randbytes(ID_BYTES) if id is None else checkId(id, "id")
        self._identity = Identity(id, isMember=not (ephemeral or adaptive))
        self.counters = Counters()
        self.clock = clockOf(reactor)
        recent = RecentHosts(self.clock.seconds) if adaptive and not ephemeral else None
        self._reports = Reports(self._log, self.clock.seconds)
        self._port = DatagramPort(
            reactor, arguments.checkSocket(socket), self.counters, seconds=self.clock.seconds
        )
        self._isDestroyed = False
        # While this is true, the node does nothing, even if its port is open; see `_hold`.
        self._isHeld = False
        self._waiting: list[Deferred[None]] = []
        # A program that only names this class, for options or annotations, doesn't wait for what a
        # node is made of.
        from ._net.assembly import Node, assemble

        send = self._port.send if recent is None else recent.recording(self._port.send)
        self._layer: DatagramLayer | None = None
        if security is not None:
            deliver, wallSeconds = self.datagramReceived, reactor.seconds
            self._layer = security.layer(
                Transport(send, deliver, self.clock, wallSeconds, random, self.counters)
            )
            send = self._layer.send
        self._environment = Environment(
            self.clock,
            counting(send, self.counters),
            random,
            self.counters,
            self._identity,
            Measurements(),
            LookupWatchers(self.clock.seconds),
            *((security.overhead, security.maximumBytes) if security else ()),
        )
        self._parts = assemble(
            self._environment,
            reactor=reactor,
            bootstrap=parseAddresses(bootstrap),
            contacts=arguments.checkContacts(contacts),
            rateLimit=arguments.checkRateLimit(rateLimit),
            contactsPerHost=arguments.checkContactsPerHost(contactsPerHost),
            recent=recent,
            node=Node(
                handler=self,
                hasHandler=self._hasHandler,
                takesUpdates=self._takesUpdates,
                relaysTo=self._relaysTo,
                use=self._use,
                boundAddress=self._boundAddress,
                localAddress=lambda host: self._port.localAddress(self.transport, host),
            ),
        )

    # Beginning and end.

    def listen(self, port: int = 0, interface: str = "") -> IListeningPort:
        """
        Open a UDP port.  A node that is used before it listens opens a free port by itself.

        :param port: the port number; 0 for any free port
        :param interface: the IPv4 address to bind; by default all addresses of this machine
        :return: the port; its ``stopListening`` destroys the node
        :raises CannotListen: when the port can't be opened, or the node listens already
        :raises InvalidAddress: when the port or the interface is not valid
        :raises NodeDestroyed: after `destroy`
        """
        if self._isDestroyed:
            raise NodeDestroyed("the node is destroyed")
        if self.transport is not None:
            raise CannotListen(f"the node listens already, on {self.address()}")
        return self._port.open(self, arguments.checkPort(port), arguments.checkInterface(interface))

    def startProtocol(self) -> None:
        """
        Start the node.  Twisted calls this when the port has been opened.

        :raises NodeDestroyed: after `destroy`, or after the port was closed
        """
        if self._isDestroyed:
            self.transport = None
            raise NodeDestroyed("the node is destroyed; make another")
        self._port.opened(self.transport)
        if not self._isHeld:
            self._start()

    def _start(self) -> None:
        if self._layer is not None:
            # Without a layer, the path of a datagram has no further call.
            setattr(self, "datagramReceived", self._layer.received)  # noqa: B010
            self._layer.start()
        self._parts.upkeep.start()
        (self._parts.adapting or self._parts.membership).start()
        self._parts.vitals.start()
        self._parts.queries.goOn()
        self._endWait(None)

    def _hold(self) -> None:
        """Have the node do nothing until `_resume`.  Meanwhile the user's requests wait."""
        self._isHeld = True
        self._parts.queries.hold()

    def _follow(self, former: DHTNode) -> None:
        """Have the handlers and the watchers of a node that has ended."""
        self._takeHandlers(former)
        self._parts.vitals.watchers = former._parts.vitals.watchers
        self._environment.watchers.follow(former._environment.watchers)

    def _recall(self, id: bytes, contacts: list[Contact]) -> None:
        """Give a node that is held the state of an earlier run."""
        self._identity.take(id)
        self._parts.recall(id, contacts)

    def _resume(self) -> None:
        """Start a node that was held and whose port is open."""
        if self._isDestroyed:
            raise NodeDestroyed("the node is destroyed")
        self._isHeld = False
        self._start()

    def stopProtocol(self) -> None:
        """Release everything.  Twisted calls this when the port has been closed."""
        self._release()
        self._port.stop()

    def destroy(self) -> Deferred[None]:
        """
        Release everything: timers, port, requests in flight.  This may be called more than once.

        All Deferreds and streams that have not ended fail with `NodeDestroyed`.

        :return: fires when everything is released
        """
        self._release()
        return self._port.close(self.transport)

    def _release(self) -> None:
        if self._isDestroyed:
            return
        self._isDestroyed = True
        reason = NodeDestroyed("the node was destroyed")
        # From now on, requests fail, and don't wait.
        self._isHeld = False
        self._endWait(reason)
        parts = self._parts
        parts.upkeep.stop()
        parts.responder.stop()
        # The end of a query may begin probes, which must not be sent any more.
        parts.caller.probing.stop(reason)
        parts.queries.stop(reason)
        parts.resolver.stop()
        parts.caller.stop(reason)
        parts.membership.settle(Failure(reason))
        parts.vitals.stop()
        if parts.adapting is not None:
            parts.adapting.stop()
        if self._layer is not None:
            self._layer.stop()

    def _use(self) -> None:
        """Open a port if none is open yet."""
        if self._isDestroyed:
            raise NodeDestroyed("the node is destroyed")
        if self.transport is None:
            if self._isHeld:
                raise CannotListen("the service of this node has not opened its port yet")
            self.listen()

    def _whenStarted(self) -> Deferred[None]:
        """Fire when the node may send.  A node that no service starts is started by this."""
        if self._isHeld:
            waiter: Deferred[None] = Deferred()
            self._waiting.append(waiter)
            return waiter
        return maybeDeferred(self._use)

    def _endWait(self, failure: NodeDestroyed | None) -> None:
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            if failure is None:
                waiter.callback(None)
            else:
                waiter.errback(failure)

    # Datagrams.

    def datagramReceived(self, datagram: bytes, addr: HostPort) -> None:
        """
        Take a datagram.  Its content never raises an exception.

        :param addr: the source address of the datagram; it may be forged
        """
        if self._isDestroyed or self._isHeld:
            return
        parts = self._parts
        try:
            # No answer can be sent to port 0.  A dht-rpc node that tries to send there crashes.
            if len(datagram) < wire.HEADER_BYTES or not addr[1]:
                self.counters.malformed += 1
            elif wire.isRequest(datagram):
                self.counters.requestBytesReceived += len(datagram)
                # Only requests have a rate limit.  An unexpected response costs little.  An
                # expected one must get through even if an attacker, by forging the sender's
                # address, would have used up that sender's rate.
                admission = parts.admission
                if admission is None or admission.admits(addr, self.clock.seconds()):
                    parts.responder.received(datagram, addr)
                else:
                    self.counters.rateLimited += 1
            else:
                self.counters.responseBytesReceived += len(datagram)
                if parts.caller.received(datagram, addr):
                    self.counters.responsesReceived += 1
                else:
                    self.counters.unexpected += 1
        except MalformedDatagram as error:
            self.counters.malformed += 1
            self._reports.note(
                "malformed datagram from {address}: {reason}", address=addr, reason=str(error)
            )
        except Exception:
            # This is an error in our own code.  Only this datagram is lost.
            self._reports.failed(
                "serving a datagram from {address} failed", Failure(), address=addr
            )

    def address(self) -> Address:
        """
        The address that the node is bound to.  If no port is open yet, this opens one.

        :raises CannotListen: when no port can be opened, and when the service of the node has not
            opened its port yet
        :raises NodeDestroyed: after `destroy`
        """
        self._use()
        assert self.transport is not None
        bound = self.transport.getHost()
        return Address(bound.host, bound.port)

    # Joining.

    def ready(self) -> Deferred[None]:
        """
        Wait until the node has joined its network.

        :return: fires when the first routing table is built.  If the node was given no bootstrap
            nodes and no contacts of an earlier run, it fires at once.  Fails with `NodeDestroyed`.
            There is no time-out: use ``addTimeout`` to bound the wait.
        """
        # A node that is held joins when its service starts it.
        used = succeed(None) if self._isHeld else maybeDeferred(self._use)
        return awaitable(used.addCallback(lambda _: self._parts.membership.ready()))

    def bootstrap(self) -> Deferred[None]:
        """
        Look up this node's own id, starting from its contacts and the bootstrap nodes.

        :return: fires at the end of the lookup; fails with `NoResponse` when no node answers
        """
        started = self._whenStarted()
        return awaitable(started.addCallback(lambda _: self._parts.membership.bootstrap()))

    def _boundAddress(self) -> Address:
        """The address at which this machine reaches the node, loopback if it is bound to all."""
        host, port = self.address()
        return Address(LOCAL_HOST if host == ANY_HOST else host, port)
