"""
Membership: whether a node has joined its network.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from twisted.internet.defer import Deferred, DeferredList
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._awaitable import AwaitableDeferred
from ..._core.limits.bounds import MAXIMUM_RECALLED
from ..._core.routing import RoutingTable
from ..._core.wire import Contact
from ...errors import NodeDestroyed
from ..requests import Caller


class Membership:
    """
    Joins a network, and fires the Deferreds of `ready`.

    :param table: the routing table to fill
    :param caller: pings the contacts of an earlier run
    :param lookUp: looks for the nodes closest to a target; asks the bootstrap nodes in any case if
        its second argument is true
    :param lookUpAmongContacts: looks for them without asking the bootstrap nodes
    :param contacts: the contacts of an earlier run
    :param hasBootstrap: whether there are bootstrap nodes
    :ivar knowsSomebody: whether there are bootstrap nodes or contacts of an earlier run
    :ivar hasJoined: whether the first routing table was built, or the node is the first of its
        network
    """

    _log = Logger()

    def __init__(
        self,
        table: RoutingTable,
        caller: Caller,
        lookUp: Callable[[bytes, bool], Deferred[None]],
        *,
        lookUpAmongContacts: Callable[[bytes], Deferred[None]],
        contacts: list[Contact],
        hasBootstrap: bool,
    ) -> None:
        self._table = table
        self._caller = caller
        self._lookUp = lookUp
        self._lookUpAmongContacts = lookUpAmongContacts
        self._hasBootstrap = hasBootstrap
        self.recall(contacts)
        self._waiting: list[Deferred[None]] = []
        self._isAlone = False
        self.hasJoined = False

    @property
    def waiting(self) -> int:
        """The number of Deferreds of `ready` that have not fired."""
        return len(self._waiting)

    def recall(self, contacts: list[Contact]) -> None:
        """Have these contacts of an earlier run.  The node has not started yet."""
        self._contacts = contacts[:MAXIMUM_RECALLED]
        self.knowsSomebody = self._hasBootstrap or bool(contacts)

    def start(self) -> None:
        """Join the network.  A node that knows no other node has joined at once."""
        if self.knowsSomebody:
            self.join()
        else:
            self.settle(None)

    def join(self) -> Deferred[None]:
        """
        Ask the contacts of an earlier run and the bootstrap nodes.

        :return: fires at the end, even if the node has not joined
        """
        for contact in self._contacts:
            self._caller.recall(contact)
        attempts = [self._lookUp(self._table.id, True).addCallback(self._joined)]
        if self._contacts and self._hasBootstrap:
            # A lookup waits for each bootstrap node that is silent.  This one asks none of them.
            among = self._lookUpAmongContacts(self._table.id)
            attempts.append(among.addCallback(self._joined))
        return DeferredList(attempts, consumeErrors=True).addCallback(self._attempted)

    def bootstrap(self) -> Deferred[None]:
        """See `IDHTNode.bootstrap`."""
        return self._lookUp(self._table.id, True).addCallback(self._joined)

    def ready(self) -> Deferred[None]:
        """See `IDHTNode.ready`."""
        if self.hasJoined:
            done: AwaitableDeferred[None] = AwaitableDeferred()
            done.callback(None)
            return done
        waiter: AwaitableDeferred[None] = AwaitableDeferred(self._forget)
        self._waiting.append(waiter)
        return waiter

    def settle(self, failure: Failure | None) -> None:
        """
        Fire all Deferreds of `ready`.

        :param failure: the reason why the node can't join any more; None if the node has joined
        """
        if failure is None:
            self.hasJoined = True
        waiting, self._waiting = self._waiting, []
        for waiter in waiting:
            # The callback of an earlier Deferred may have cancelled this one.
            if waiter.called:
                continue
            if failure is None:
                waiter.callback(None)
            else:
                waiter.errback(failure)

    def _forget(self, waiter: Deferred[None]) -> None:
        if waiter in self._waiting:
            self._waiting.remove(waiter)

    def _attempted(self, outcomes: Sequence[tuple[bool, object]]) -> None:
        failures = [outcome for hasSucceeded, outcome in outcomes if not hasSucceeded]
        if len(failures) == len(outcomes):
            self._isolated(failures[0])

    def _joined(self, _: object) -> None:
        contacts = len(self._table)
        if not self.hasJoined and contacts:
            self._log.info("joined the network, with {contacts} contacts", contacts=contacts)
        elif not self.hasJoined:
            self._log.info("no other member is in the network yet")
        self._isAlone = False
        self.settle(None)

    def _isolated(self, reason: object) -> None:
        if isinstance(reason, Failure) and reason.check(NodeDestroyed):
            return
        if not self._isAlone:
            self._isAlone = True
            self._log.warn("no bootstrap node answers; will go on trying")
