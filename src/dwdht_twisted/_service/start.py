"""
The start of a run of a `DHTService`.
"""

from __future__ import annotations

from collections.abc import Callable
from os.path import join
from typing import Any, NamedTuple

from twisted.logger import Logger

from .._clock import reactorOf
from .._core.wire import Address, Contact
from .._state import VALUES_FILE, StateKeeper
from .._storage import checkStore
from ..interfaces import ISharedStore
from ..peers import COMMAND as PEERS
from ..peers import PeerHandler
from ..private.seam import NetworkSecurity, describeNetwork
from ..values import COMMAND, RECORDS, HandOver, Keeper, RecordHandler, SQLiteStore, ValueHandler
from ..values.keeping.payloads import HAND_OVER
from .arguments import Default, GivenStore, Store, isMaker
from .monitor import NodeMonitor
from .run import Run
from .serving import Where, makeServer
from .summary import Summary


class Kept(NamedTuple):
    """
    What a service keeps for others, and of its own.

    :ivar store: the ``store`` of the service
    :ivar state: the path of the folder of the state, or None
    :ivar openState: opens the state, from its path
    :ivar peers: keeps the announcements of others, or None.  It outlives a run, so that a restart
        loses no announcement.
    :ivar contacts: the contacts that were given
    """

    store: GivenStore
    state: str | None
    openState: Callable[[str], StateKeeper]
    peers: PeerHandler | None
    contacts: list[Contact]


class Starter:
    """
    Starts the runs of a service, one after the other.

    Everything that can fail comes before the ports are opened: a port of Twisted closes only in the
    next turn of the reactor, so a start that fails afterwards can't be repeated at once.

    :param clock: the clock of the nodes
    :param where: where the service listens
    :param kept: what it keeps
    :param bootstrap: the bootstrap nodes, for the log
    :param security: the security of the nodes, for the log
    :param log: the log of the service
    """

    def __init__(
        self,
        clock: Any,
        where: Where,
        kept: Kept,
        *,
        bootstrap: list[Address],
        security: NetworkSecurity | None,
        log: Logger,
    ) -> None:
        self._clock = clock
        self._where = where
        self._kept = kept
        self._bootstrap = bootstrap
        self._security = security
        self._log = log

    @property
    def hasState(self) -> bool:
        """Whether the service has a state."""
        return self._kept.state is not None

    def listen(self, run: Run) -> None:
        """
        Open the ports, unless they are open.

        :raises CannotListen: when a port can't be opened
        """
        if run.isListening:
            return
        if self._where.http is not None:
            # A later start uses the same files, even if the process is in another folder then.
            http = self._where.http.absolute()
            self._where = self._where._replace(http=http)
            run.web = makeServer(reactorOf(self._clock), http)
            run.web.listen()
        run.node.listen(self._where.port, self._where.interface)
        run.isListening = True
        if not self.hasState:
            self._resume(run)

    def start(self, run: Run, keeper: Keeper) -> None:
        """
        Start everything.

        :param keeper: puts values again while the service runs
        """
        self._recall(run)
        store = self._openStore(run)
        self._register(run, store)
        if run.keeper is not None:
            keeper.state = run.keeper.folder
        keeper.startService()
        self.listen(run)
        if self.hasState:
            self._resume(run)
        if run.web is not None:
            run.web.serve(run.node, store=store, peers=self._kept.peers)
        run.monitor = NodeMonitor(self._clock, run.node, self._log)
        run.monitor.start()
        if self._where.summary is not None:
            run.summary = Summary(self._clock, run.node, self._log)
            run.summary.start(self._where.summary)
        if run.keeper is not None:
            run.keeper.start(run.node)
        run.startedAt = self._clock.seconds()

    def _recall(self, run: Run) -> None:
        """Open the state, if any, and give the node what it holds."""
        if self._kept.state is None:
            return
        run.keeper = self._kept.openState(self._kept.state)
        # The process has its final folder by now.  A later start uses the same state.
        self._kept = self._kept._replace(state=run.keeper.folder.path)
        record = run.keeper.recall(run.node.id)
        run.node._recall(record.id, [*self._kept.contacts, *record.contacts])

    def _openStore(self, run: Run) -> Store | None:
        """Return the store of a run, and make it unless it was given."""
        given = self._kept.store
        if isinstance(given, Default):
            if run.keeper is None:
                return None
            path = join(run.keeper.folder.path, VALUES_FILE)
            run.madeStore = SQLiteStore(reactorOf(self._clock), path)
            return run.madeStore
        if isMaker(given):
            run.madeStore = checkStore(given())
            return run.madeStore
        return given  # type: ignore[return-value]

    def _register(self, run: Run, store: Store | None) -> None:
        """Register handlers for all commands that the user doesn't handle."""
        if store is not None:
            run.register(COMMAND, ValueHandler(store))
            run.register(RECORDS, RecordHandler(store, seconds=self._clock.seconds))
        if ISharedStore.providedBy(store) and not run.node._commands.has(HAND_OVER):
            run.handOver = HandOver(run.node, ISharedStore(store), self._clock)
            run.handOver.startService()
        if self._kept.peers is not None:
            run.register(PEERS, self._kept.peers)

    def _resume(self, run: Run) -> None:
        node = run.node
        node._resume()
        self._log.info(
            "listening on {address} as {kind} {id} on {network}; bootstrap nodes: {bootstrap}",
            address=str(node.address()),
            kind=node.kind,
            id=node.id.hex(),
            network=describeNetwork(self._security),
            bootstrap=", ".join(map(str, self._bootstrap)) or "none",
        )


__all__ = ["Kept", "Starter"]
