"""
A node as a part of a Twisted application.
"""

from __future__ import annotations

# The codec of host names.  Without this line, Python would import it at its first use.  By then,
# twistd may have changed its root folder or its user, and could not import any module.  The module
# `_net.names.threads` is imported below for the same reason.
import encodings.idna  # noqa: F401
import socket as sockets
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from enum import Enum
from functools import partial
from os import PathLike
from os.path import join
from random import Random
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from ._addresses import parseAddresses
from ._awaitable import AwaitableDeferred
from ._clock import clockOf, reactorOf
from ._core.health import Health
from ._core.limits import RateLimit
from ._core.limits.bounds import CONTACTS_PER_HOST
from ._core.wire import Contact
from ._net.arguments import checkContacts
from ._net.names import isService, threads  # noqa: F401
from ._service.monitor import NodeMonitor
from ._service.run import Run, end
from ._service.serving import Where, makeServer, readSettings
from ._service.summary import Summary
from ._state import VALUES_FILE, NodeRecord, StateKeeper
from .interfaces import AddressLike, ISharedStore, IValueStore, ValueStore
from .node import DEFAULT_RATE_LIMIT, DHTNode
from .peers import COMMAND as PEERS
from .peers import PeerHandler
from .private.seam import NetworkSecurity, requiredId, securityOf
from .values import (
    COMMAND,
    RECORDS,
    HandOver,
    Keeper,
    RecordHandler,
    SQLiteStore,
    ValueHandler,
)

if TYPE_CHECKING:
    from .web.settings import HTTPSettings


class _Default(Enum):
    """The store of a service that is given none: a file in the folder of the state, if any."""

    STORE = "in the state"


class DHTService(Service):
    """
    Runs a `DHTNode` while the application runs.

    ``privilegedStartService`` opens the UDP port, so a port that needs privileges can be used.
    ``stopService`` releases everything.

    A service can be started again after a stop or a failed start.  Each start makes a new node,
    which takes over the handlers of the previous node.  Wait for the Deferred of ``stopService``
    before the next start: until it fires, the port is still in use.

    :param reactor: as for `DHTNode`
    :param port: the UDP port, 0 for a free one
    :param interface: the IPv4 address to bind, all by default
    :param store: where the node keeps values and records for others; None to keep none.  A store is
        used for every start, and the service never closes it.  A callable makes a store at each
        start, when the process has its final user and folder; the stop closes this store.  By
        default, values are kept in the file ``values.sqlite`` of the state, and without a state,
        none are kept.
    :param state: a folder in which the node's id, its contacts and the announcements of others are
        kept for the next start; None to keep nothing.  It is opened at each start, as a store is,
        and made if it is missing.
    :param peers: whether the node keeps the announcements of others, and names them to those that
        look their topics up; see `dwdht_twisted.peers`.  A handler of the command ``peers`` that
        is registered before the start serves it instead.
    :param http: where the node is served over HTTP: the description of a server endpoint of
        Twisted, or `HTTPSettings`.  It needs the extra ``dwdht_twisted[web]``.
    :param summary: the seconds between two lines of the log that sum up what the node has done;
        None for no such line
    :param bootstrap: nodes to join the network through, as for `DHTNode`
    :param id: as for `DHTNode`; by default the one in the state, or else random for each start
    :param ephemeral: as for `DHTNode`
    :param adaptive: as for `DHTNode`
    :param socket: as for `DHTNode`
    :param contacts: as for `DHTNode`, at each start; those of the state follow them
    :param rateLimit: as for `DHTNode`
    :param contactsPerHost: as for `DHTNode`
    :param random: as for `DHTNode`
    :param networkKey: as for `DHTNode`
    :param security: as for `DHTNode`; the nodes of all starts share it
    :ivar node: the `DHTNode` of the present run.  It exists before the first start, so that
        handlers can be registered.  With a state, its id is the one in the state from the start on.
        From a stop to the next start, this is the destroyed node.
        Handlers can be registered on the destroyed node, too; the next node takes them over.
    :ivar keeper: puts the values that it is given again and again, while the service runs.  With a
        state, its list of values survives a restart there.
    :raises InvalidTarget: when the id isn't 32 bytes
    :raises InvalidAddress: when an item of ``bootstrap`` isn't an address
    :raises ExtraMissing: when ``http`` is given, and the packages of the extra are missing
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        *,
        port: int = 0,
        interface: str = "",
        store: IValueStore
        | ValueStore
        | Callable[[], IValueStore | ValueStore]
        | _Default
        | None = _Default.STORE,
        state: str | PathLike[str] | None = None,
        peers: bool = True,
        http: str | HTTPSettings | None = None,
        summary: float | None = None,
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
        security = securityOf(networkKey, security)
        # An id that a certificate fixes also replaces the one in the state.
        id = requiredId(security, id)
        self._clock = clockOf(reactor)
        self._where = Where(port, interface, readSettings(http), summary)
        self._store = store
        # It outlives a run, so that a restart loses no announcement.
        self._peers = PeerHandler(reactor) if peers else None
        self._makeKeeper = (
            None
            if state is None
            else partial(
                StateKeeper,
                self._clock,
                state,
                random or Random(),
                peers=self._peers,
                givenId=id,
            )
        )
        self._contacts = checkContacts(contacts)
        self._bootstrap = parseAddresses(bootstrap)
        if any(isService(each.host) for each in self._bootstrap):
            from ._net.names import services  # noqa: F401
        # Without a state, the default is to keep nothing.
        if store is not None and (store is not _Default.STORE or state is not None):
            from .values.signed import signing

            signing.prepare()
        self._makeNode = partial(
            DHTNode,
            reactor,
            bootstrap=self._bootstrap,
            id=id,
            ephemeral=ephemeral,
            adaptive=adaptive,
            socket=socket,
            contacts=self._contacts,
            rateLimit=rateLimit,
            contactsPerHost=contactsPerHost,
            random=random,
            security=security,
        )
        self.node = self._newNode()
        self.keeper = Keeper(self.node, reactor, random=random)
        self._run: Run | None = Run(self.node)
        self._released: Deferred[None] = succeed(None)

    @property
    def health(self) -> Health:
        """The health of the node of the present run."""
        return self.node.health

    def privilegedStartService(self) -> None:
        """
        Open the port.  After an exception, everything is released.

        :raises CannotListen: when the port can't be opened
        """
        super().privilegedStartService()
        run = self._present()
        with self._releasingOnFailure():
            self._listen(run)

    def startService(self) -> None:
        """
        Start the node.  The port is opened first, unless ``privilegedStartService`` has done so.

        After an exception, everything is released, including the port.

        :raises CannotListen: when the port can't be opened
        :raises CannotOpenState: when the folder of the state can't be opened, or is in use
        :raises CannotOpenStore: when the store's file can't be opened
        :raises StateFailed: when the state can't be read or written
        """
        if self.running:
            return
        run = self._present()
        with self._releasingOnFailure():
            # Open the files first: if they can't be opened, no port is opened in vain.
            kept = self._recall(run)
            store = self._openStore(run)
            self._listen(run)
            if kept is not None:
                run.node._resume(kept.id, [*self._contacts, *kept.contacts])
                self._logStart(run.node)
            if store is not None:
                run.node.register(COMMAND, ValueHandler(store))
                run.kept.append(COMMAND)
            if store is not None and not run.node._commands.has(RECORDS):
                run.node.register(RECORDS, RecordHandler(store, seconds=self._clock.seconds))
                run.kept.append(RECORDS)
            if ISharedStore.providedBy(store):
                run.handOver = HandOver(run.node, ISharedStore(store), self._clock)
                run.handOver.startService()
            if self._peers is not None and not run.node._commands.has(PEERS):
                run.node.register(PEERS, self._peers)
                run.kept.append(PEERS)
            if run.web is not None:
                run.web.serve(run.node, store=store, peers=self._peers)
        super().startService()
        if run.keeper is not None:
            self.keeper.state = run.keeper.folder
        self.keeper.startService()
        run.monitor = NodeMonitor(self._clock, run.node, self._log)
        run.monitor.start()
        if self._where.summary is not None:
            run.summary = Summary(self._clock, run.node, self._log)
            run.summary.start(self._where.summary)
        if run.keeper is not None:
            run.keeper.start(run.node)
        run.startedAt = self._clock.seconds()

    def stopService(self) -> Deferred[None]:
        """
        Destroy the node, and then close the store if the service made it.

        :return: fires when everything is released.  It also waits for an earlier stop or failed
            start that is still releasing.
        """
        super().stopService()
        stopped: AwaitableDeferred[None] = AwaitableDeferred()
        self._release(stopped)
        return stopped

    def reload(self) -> None:
        """Read the certificate and the token of HTTP again.  Open connections stay."""
        if self._run is not None and self._run.web is not None:
            self._run.web.reload()

    def callBeforeStop(self, function: Callable[[], Awaitable[object]]) -> None:
        """
        Have a function called at the end of the present run, before its node is destroyed.

        The stop waits for what the function returns, so that should end by itself within seconds.
        A function is called once, however often this method was called with it.  Between a stop and
        the next start there is no run, and nothing is called.

        :param function: returns a Deferred, or another awaitable; it may use the node
        """
        run = self._run
        if run is not None and function not in run.beforeStop:
            run.beforeStop.append(function)

    def _present(self) -> Run:
        """Return the present run, or begin a new one if the last run has ended."""
        if self._run is None:
            node = self._newNode()
            # The service outlives its nodes, so the handlers pass from each node to the next.
            node._commands = self.node._commands
            self.node = self.keeper.node = node
            self._run = Run(node)
        return self._run

    def _newNode(self) -> DHTNode:
        node = self._makeNode()
        # The state is not known before the process has its final user and folder.
        node._isHeld = self._makeKeeper is not None
        return node

    def _recall(self, run: Run) -> NodeRecord | None:
        """Open the state, and return what it holds; None without a state."""
        if self._makeKeeper is None:
            return None
        run.keeper = self._makeKeeper()
        return run.keeper.recall(run.node.id)

    def _openStore(self, run: Run) -> IValueStore | ValueStore | None:
        """Return the store of a run, and make it unless it was given."""
        store = self._store
        if callable(store):
            store = run.madeStore = store()
        elif isinstance(store, _Default):
            if run.keeper is None:
                return None
            path = join(run.keeper.folder.path, VALUES_FILE)
            store = run.madeStore = SQLiteStore(reactorOf(self._clock), path)
        return store

    def _listen(self, run: Run) -> None:
        if run.isListening:
            return
        node = run.node
        node.listen(self._where.port, self._where.interface)
        run.isListening = True
        if self._where.http is not None:
            run.web = makeServer(reactorOf(self._clock), self._where.http)
            run.web.listen()
        if not node._isHeld:
            self._logStart(node)

    def _logStart(self, node: DHTNode) -> None:
        self._log.info(
            "listening on {address} as {kind} {id}; bootstrap nodes: {bootstrap}",
            address=str(node.address()),
            kind=node.kind,
            id=node.id.hex(),
            bootstrap=", ".join(map(str, self._bootstrap)) or "none",
        )

    @contextmanager
    def _releasingOnFailure(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            self._release(None)
            raise

    def _release(self, waiter: Deferred[None] | None) -> None:
        """
        End the present run, if there is one.

        :param waiter: a Deferred to fire when this run and all earlier runs have ended, or None
        """
        run, self._run = self._run, None
        earlier = self._released

        async def release() -> None:
            try:
                if run is not None:
                    await end(run, self.keeper, self._clock.seconds, self._log)
            finally:
                await earlier

        def tell(result: Failure | None) -> Failure | None:
            if waiter is None:
                return result
            waiter.callback(result)
            return None

        self._released = Deferred.fromCoroutine(release()).addBoth(tell)
