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
from functools import partial
from os import PathLike
from random import Random
from typing import TYPE_CHECKING, Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.interfaces import IAddress
from twisted.logger import Logger
from twisted.python.failure import Failure

from ._addresses import parseAddresses
from ._awaitable import AwaitableDeferred
from ._clock import clockOf
from ._core.health import Health
from ._core.limits import RateLimit
from ._core.limits.bounds import CONTACTS_PER_HOST
from ._core.wire import Contact
from ._net.arguments import (
    checkContacts,
    checkFlag,
    checkInterface,
    checkPort,
    checkRandom,
)
from ._net.names import isService, threads  # noqa: F401
from ._service.arguments import Default, checkGivenStore, checkState, checkSummary
from ._service.run import Run, end
from ._service.serving import Where, readSettings
from ._service.start import Kept, Starter
from ._state import StateKeeper
from .errors import CannotListen, CannotOpenState
from .interfaces import AddressLike, IValueStore, ValueStore
from .node import DEFAULT_RATE_LIMIT, DHTNode
from .peers import PeerHandler
from .private.seam import NetworkSecurity, requiredId, securityOf
from .values import Keeper

if TYPE_CHECKING:
    from .web.settings import HTTPSettings


class DHTService(Service):
    """
    Runs a `DHTNode` while the application runs.

    ``privilegedStartService`` opens the UDP port, so a port that needs privileges can be used.
    ``stopService`` releases everything.

    A service can be started again after a stop or a failed start.  Each start makes a new node,
    which takes over the handlers and the watchers of the previous node.  Wait for the Deferred of
    ``stopService`` before the next start: until it fires, the port is still in use.

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
        and made if it is missing; the folder above it must be there.
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
        handlers can be registered.  A request that is made before this start waits for it.
        With a state, its id is the one in the state from the start on.
        From a stop to the next start, this is the destroyed node.
        Handlers can be registered on the destroyed node, too; the next node takes them over.
        So it does with the functions of ``watchHealth`` and ``watchLookups``.
    :ivar keeper: puts the values that it is given again and again, while the service runs.  With a
        state, its list of values survives a restart there.
    :raises InvalidTarget: when the id isn't 32 bytes
    :raises InvalidAddress: when an item of ``bootstrap`` or of ``contacts`` isn't an address, or
        when the port or the interface isn't valid
    :raises ValueError: when another option isn't valid
    :raises CannotListen: when ``http`` is the description of no endpoint
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
        | Default
        | None = Default.STORE,
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
        random = checkRandom(random)
        self._clock = clockOf(reactor)
        where = Where(
            checkPort(port),
            checkInterface(interface),
            readSettings(reactor, http),
            checkSummary(summary),
        )
        announcements = PeerHandler(reactor) if checkFlag(peers, "peers") else None
        kept = Kept(
            checkGivenStore(store),
            checkState(state),
            openState=lambda path: StateKeeper(
                self._clock, path, random or Random(), peers=announcements, givenId=id
            ),
            peers=announcements,
            contacts=checkContacts(contacts),
        )
        addresses = parseAddresses(bootstrap)
        if any(isService(each.host) for each in addresses):
            from ._net.names import services  # noqa: F401
        # Without a state, the default is to keep nothing.
        if store is not None and (store is not Default.STORE or state is not None):
            from .values.signed import signing

            signing.prepare()
        self._starter = Starter(
            self._clock, where, kept, bootstrap=addresses, security=security, log=self._log
        )
        self._makeNode = partial(
            DHTNode,
            reactor,
            bootstrap=addresses,
            id=id,
            ephemeral=ephemeral,
            adaptive=adaptive,
            socket=socket,
            contacts=kept.contacts,
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

    @property
    def httpAddress(self) -> IAddress | None:
        """The address at which HTTP is served, with the port that was free; None while it isn't."""
        web = None if self._run is None else self._run.web
        address: IAddress | None = None if web is None else web.address
        return address

    def privilegedStartService(self) -> None:
        """
        Open the port.  After an exception, everything is released.

        :raises CannotListen: when the port can't be opened
        """
        super().privilegedStartService()
        run = self._present()
        with self._releasingOnFailure():
            self._starter.listen(run)

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
            self._starter.start(run, self.keeper)
        super().startService()

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

    def reload(self) -> bool:
        """
        Read the certificate and the token of HTTP again.  Open connections stay.

        :return: False if one of them can't be used; the log then says why, and what was read before
            stays in use
        """
        web = None if self._run is None else self._run.web
        return web is None or web.reload()

    def callBeforeStop(self, function: Callable[[], Awaitable[object] | None]) -> None:
        """
        Have a function called at the end of the present run, before its node is destroyed.

        The stop waits for what the function returns, so that should end by itself within seconds.
        A function is called once, however often this method was called with it.  Between a stop and
        the next start there is no run, and nothing is called.

        :param function: returns a Deferred, another awaitable, or nothing; it may use the node.
            Under ``asyncioreactor``, a coroutine may await futures.
        :raises ValueError: when it isn't a function
        """
        if not callable(function):
            raise ValueError(f"a function is called before the stop, not {function!r}")
        run = self._run
        if run is not None and function not in run.beforeStop:
            run.beforeStop.append(function)

    def _present(self) -> Run:
        """Return the present run, or begin a new one if the last run has ended."""
        if self._run is None:
            node = self._newNode()
            # The service outlives its nodes, so handlers and watchers pass from each to the next.
            node._follow(self.node)
            self.node = self.keeper.node = node
            self._run = Run(node)
        return self._run

    def _newNode(self) -> DHTNode:
        node = self._makeNode()
        # The node exists before the port is open and the state is known.
        node._hold()
        return node

    @contextmanager
    def _releasingOnFailure(self) -> Iterator[None]:
        hasReleased = self._released.called
        try:
            yield
        except BaseException as error:
            self._release(None)
            if hasReleased or not isinstance(error, (CannotListen, CannotOpenState)):
                raise
            # What can't be opened may be what an earlier run still has.
            raise type(error)(
                f"{error}; an earlier run of this service is still being released: wait for the "
                "Deferred of stopService"
            ) from error

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
                    await end(run, self.keeper, self._clock, self._log)
            finally:
                await earlier

        def tell(result: Failure | None) -> Failure | None:
            if waiter is None:
                return result
            waiter.callback(result)
            return None

        self._released = Deferred.fromCoroutine(release()).addBoth(tell)
