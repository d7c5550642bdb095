"""
The queries of one node: how each query starts, and how all of them end with the node.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from math import inf
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from ..._addresses import parseAddresses
from ..._awaitable import AwaitableDeferred
from ..._core import wire
from ..._core.limits import RecentMap
from ..._core.limits.bounds import WARN_AGAIN_AFTER, WARNINGS_REMEMBERED
from ..._core.lookup import AskEach, Lookup
from ..._core.routing import K, RoutingTable
from ..._core.wire import Address
from ...errors import NodeDestroyed, ValueTooLarge
from ...interfaces import AddressLike
from ..environment import Environment
from ..names import Resolver
from ..question import Question
from ..requests import Caller
from .account import Account
from .consumers import StopWhen
from .delivery import Delivery
from .driver import Begin, SearchDriver, Start
from .local import LocalNode
from .slots import NodeSlots, QuerySlots
from .stream import QueryStream

Result = TypeVar("Result")


class Queries:
    """
    Makes the query streams of a node.

    :param table: provides the contacts from which a lookup starts
    :param caller: sends the requests
    :param resolver: resolves host names
    :param bootstrap: the bootstrap nodes; their host names are resolved anew for each lookup
    :param hasContacts: whether the node was given contacts of an earlier run
    :param local: serves the node's requests to itself
    :param use: opens the port of the node if none is open yet
    """

    _log = Logger()

    def __init__(
        self,
        environment: Environment,
        table: RoutingTable,
        caller: Caller,
        *,
        resolver: Resolver,
        bootstrap: list[Address],
        hasContacts: bool,
        local: LocalNode,
        use: Callable[[], None],
    ) -> None:
        self._environment = environment
        self._table = table
        self._caller = caller
        self._resolver = resolver
        self._bootstrap = bootstrap
        self._knowsOthers = bool(bootstrap) or hasContacts
        self._local = local
        self._use = use
        self._running: set[Delivery] = set()
        self._slots = NodeSlots(QuerySlots(), QuerySlots())
        self._pending: set[Deferred[Any]] = set()
        self._warned: RecentMap[str, bool] = RecentMap(WARNINGS_REMEMBERED, WARN_AGAIN_AFTER)

    @property
    def running(self) -> int:
        """The number of streams that have started and not ended, with those that wait."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """The number of the user's queries that wait for their turn."""
        return self._slots.users.waiting

    @property
    def pending(self) -> int:
        """The number of Deferreds given to `track` that have not fired."""
        return len(self._pending)

    def stream(self, question: Question, nodes: Iterable[AddressLike] | None = None) -> QueryStream:
        """
        Make the stream of a question.

        :param nodes: the nodes to ask; None to look for the nodes closest to the target
        :raises InvalidAddress: when one of ``nodes`` is not an address
        :raises ValueTooLarge: when the question doesn't fit a datagram
        """
        size = wire.HEADER_BYTES + len(question.body(self._table.id, bytes(wire.TOKEN_BYTES)))
        size += self._environment.overhead
        maximum = self._environment.maximumBytes
        if size > maximum:
            raise ValueTooLarge(f"the request would have {size} bytes; a datagram has {maximum}")
        if nodes is None:
            begin: Begin = partial(self._beginLookup, question, False)
        else:
            begin = partial(self._beginAsking, parseAddresses(nodes))
        return self._stream(question, begin, self._slots.users)

    def lookUp(self, target: bytes, alwaysBootstrap: bool) -> Deferred[None]:
        """
        Look for the nodes closest to a target, so that the table learns them.

        :param alwaysBootstrap: whether to ask the bootstrap nodes even if the table has enough
            contacts
        :return: fires at the end; fails with `NoResponse` when no node answers
        """
        return self._search(target, alwaysBootstrap).collect().addCallback(_ignored)

    def lookUpAmongContacts(self, target: bytes) -> Deferred[None]:
        """
        Look for the nodes closest to a target, without asking the bootstrap nodes.

        :return: fires at the end; fails with `NoResponse` when no node answers
        """
        return self._search(target, False, asksBootstrap=False).collect().addCallback(_ignored)

    def explore(self, target: bytes, isEnough: Callable[[], bool]) -> Deferred[None]:
        """
        Look for nodes close to a target, until the table has enough of them.

        :param isEnough: called after each answer; returns whether the table has enough nodes
        :return: fires at the end; fails with `NoResponse` when no node answers
        """
        stream = self._search(target, False)
        return stream.startProducing(StopWhen(stream, isEnough))

    def resolveBootstrap(self, found: Callable[[Address], None]) -> None:
        """Resolve the bootstrap nodes, and call ``found`` with the address of each."""
        resolving = self._resolver.resolveEach(self._bootstrap, found, self._unresolved)
        self.track(resolving).addErrback(_ignored)

    def track(self, deferred: Deferred[Result]) -> Deferred[Result]:
        """
        Return a Deferred with the outcome of ``deferred``.  It fails when the node ends first.
        """
        tracked: AwaitableDeferred[Result] = AwaitableDeferred(lambda _: deferred.cancel())
        self._pending.add(tracked)

        def fired(result: Result | Failure) -> None:
            self._pending.discard(tracked)
            if tracked.called:
                return
            if isinstance(result, Failure):
                tracked.errback(result)
            else:
                tracked.callback(result)

        deferred.addBoth(fired)
        return tracked

    def recall(self, *, hasContacts: bool) -> None:
        """Note whether the node has contacts of an earlier run, before anything was sent."""
        self._knowsOthers = bool(self._bootstrap) or hasContacts

    def hold(self) -> None:
        """Have the queries of users wait until `goOn`, because the node has not started."""
        self._slots.users.hold()

    def goOn(self) -> None:
        """Begin the queries that wait."""
        self._slots.users.goOn()

    def stop(self, reason: NodeDestroyed) -> None:
        """Fail all running and waiting streams and all tracked Deferreds with ``reason``."""
        for slots in self._slots:
            slots.stop()
        for delivery in list(self._running):
            delivery.fail(reason)
        while self._pending:
            pending = self._pending.pop()
            if not pending.called:
                pending.errback(reason)

    def _search(
        self, target: bytes, alwaysBootstrap: bool, *, asksBootstrap: bool = True
    ) -> QueryStream:
        question = Question(wire.FIND_NODE, target)
        begin = partial(self._beginLookup, question, alwaysBootstrap, asksBootstrap=asksBootstrap)
        return self._stream(question, begin, self._slots.own)

    def _stream(self, question: Question, begin: Begin, slots: QuerySlots) -> QueryStream:
        account = Account(question, self._environment.watchers, self._environment.measurements)
        driver = SearchDriver(account, self._caller, self._local)
        return QueryStream(Delivery(driver, self._running, slots), begin, self._callSoon)

    def _callSoon(self, function: Callable[[], None]) -> None:
        """Call a function on the next turn of the reactor.  Any thread may call this method."""
        # Twisted's reactors for tests have no callFromThread.
        clock = self._environment.clock
        call = getattr(clock, "callFromThread", None) or partial(clock.callLater, 0)
        call(function)

    # Starting.

    def _beginLookup(
        self,
        question: Question,
        alwaysBootstrap: bool,
        advance: Callable[[], None],
        dueSince: float,
        *,
        asksBootstrap: bool = True,
    ) -> Start:
        self._use()
        table, target, caller = self._table, question.target, self._caller
        startedAt = self._environment.clock.seconds()
        asksBootstrap = (
            asksBootstrap and bool(self._bootstrap) and (alwaysBootstrap or len(table) < K)
        )
        lookup = Lookup(
            target,
            table.id,
            spacing=table.buckets.spacing(),
            needsTokens=question.isUpdate or question.takersOnly,
            reserve=lambda: table.closestCompact(target, len(table)),
            isSilent=caller.isSilent,
            asksSilent=question.takersOnly,
            contactsPerHost=table.contactsPerHost,
        )
        lookup.addContacts(table.closestCompact(target))
        if question.local and self._local.handles(question.command):
            lookup.addLocal()
        if asksBootstrap:
            # After a network was cut in two, the bootstrap nodes may know nodes of the other part
            # that no contact knows.  So the lookup must wait for the bootstrap nodes even if the
            # table has contacts.
            lookup.expect(isNeeded=alwaysBootstrap and len(table) > 0)
            self._whenResolved(self._bootstrap, lookup.addBootstrap, lookup.complete, advance)

        def over(isAnswered: bool) -> None:
            if isAnswered:
                table.buckets.refreshed(target, self._environment.clock.seconds())
            else:
                caller.foundNobody(startedAt)

        def isHopeless() -> bool:
            # The bootstrap nodes may answer although the contacts are silent.
            silentSince = -inf if asksBootstrap else caller.silentSince
            return not alwaysBootstrap and dueSince <= max(caller.lostSince, silentSince)

        return Start(
            lookup,
            isAlone=not self._knowsOthers and not len(table),
            whenOver=over,
            isHopeless=isHopeless,
            leaveOthers=lookup.leaveOthers,
        )

    def _beginAsking(
        self, addresses: list[Address], advance: Callable[[], None], dueSince: float
    ) -> Start:
        self._use()
        search = AskEach()
        search.expect()
        self._whenResolved(addresses, search.addAddresses, search.complete, advance)
        return Start(search)

    def _whenResolved(
        self,
        addresses: Iterable[Address],
        add: Callable[[Iterable[Address]], None],
        complete: Callable[[], None],
        advance: Callable[[], None],
    ) -> None:
        """Resolve addresses, and pass each one to a search as soon as it is resolved."""

        def found(address: Address) -> None:
            add([address])
            advance()

        def ended(_: None) -> None:
            complete()
            advance()

        resolving = self._resolver.resolveEach(addresses, found, self._unresolved)
        self.track(resolving).addCallbacks(ended, _ignored)

    def _unresolved(self, reason: str) -> None:
        now = self._environment.clock.seconds()
        if not self._warned.get(reason, now):
            self._warned.put(reason, True, now)
            self._log.warn("{reason}", reason=reason)


def _ignored(result: object) -> None:
    """
    Drop a result, or the failure of a destroyed node, whose streams have failed already.
    """
