"""
The adaptive mode: a node is ephemeral until others reach it, and then a member.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from ..._core.doubts import lineOf
from ..._core.routing import RoutingTable
from ..._core.standing import FEWEST_VIEWS, RecentHosts
from ..._core.wire import Address, Contact, HostPort, ResponseMessage
from ...errors import DHTError
from ..environment import Environment
from ..requests import Callbacks, Caller
from ..upkeep import Membership
from .reachability import Reachability
from .survey import Survey

#: How long a node must be reachable before it becomes a member, in seconds.  It is longer than most
#: NATs let somebody in after the last datagram, so that an opening that somebody else has made is
#: closed by then.  Larger: a new server serves later.  Smaller: nodes that leave after a minute are
#: listed.
MEMBER_AFTER = 180.0

#: The time after which an unreachable node is tested again, in seconds.  Larger: a port that was
#: opened in a router is noticed later.  Smaller: unreachable nodes cause more datagrams.
RETEST_AFTER = 600.0

#: The time between two looks, in seconds.
ROUND = 10.0

#: How long the first pong is waited for before the node joins, in seconds.
FIRST_PONG = 2.0

#: The number of contacts of an earlier run that are asked for the first pong.
RECALLED = 5

#: The number of public networks that must contradict the known address before all contacts are
#: asked anew.
CONTRADICTIONS = 3

#: The time that a pong may have been under way, in seconds.  What was sent in the meantime may have
#: been sent from a new address.
LONGEST_ROUND_TRIP = 5.0


class Adapting:
    """
    Makes a node a member once it is reachable, and ephemeral again when its address has changed.

    On private and loopback networks, and as the first of its network, a node is a member at once.
    A network with fewer than three members can't test anybody, so there a node becomes a member
    untested.

    :param table: knows the contacts
    :param caller: sends the requests
    :param membership: joins the network
    :param survey: knows at which address others see this node
    :param recent: the hosts that this node has sent to
    :param contacts: the contacts of an earlier run
    :param resolveBootstrap: resolves the bootstrap nodes, and calls a function with each address
    """

    _log = Logger()

    def __init__(
        self,
        environment: Environment,
        table: RoutingTable,
        caller: Caller,
        *,
        membership: Membership,
        survey: Survey,
        recent: RecentHosts,
        contacts: list[Contact],
        resolveBootstrap: Callable[[Callable[[Address], None]], None],
    ) -> None:
        self._environment = environment
        self._table = table
        self._caller = caller
        self._membership = membership
        self._survey = survey
        self._recent = recent
        self._first = ([contact.address for contact in contacts[:RECALLED]], resolveBootstrap)
        self._reachability = Reachability(environment, caller, recent)
        self._host: str | None = None
        self._reachableSince = 0.0
        self._testedAt = float("-inf")
        self._work: Deferred[None] | None = None

    def start(self) -> None:
        """Find out where the node stands, and join its network."""
        self._work = Deferred.fromCoroutine(self._run())
        self._work.addErrback(lambda reason: reason.trap(CancelledError)).addErrback(
            lambda reason: self._log.failure("the adaptive mode of a node failed", reason)
        )

    def stop(self) -> None:
        """Change nothing from now on."""
        if self._work is not None:
            self._work.cancel()

    @property
    def _isMember(self) -> bool:
        return self._environment.identity.sent is not None

    def _become(self, isMember: bool, reason: str) -> None:
        if isMember is self._isMember:
            return
        self._environment.identity.become(isMember=isMember)
        if isMember:
            self._log.info("the node is a member now: {reason}", reason=reason)
        else:
            self._log.info("the node is ephemeral now: {reason}", reason=reason)
        if isMember and self._membership.hasJoined:
            # Others list this node when it asks them under its id.
            self._membership.bootstrap().addErrback(lambda reason: reason.trap(DHTError))

    async def _run(self) -> None:
        if not self._membership.knowsSomebody:
            self._become(True, "it is the first of its network")
        else:
            observer = await self._firstPong()
            if observer is not None:
                await self._meet(observer)
        self._membership.start()
        while True:
            await self._sleep(ROUND)
            self._recent.tidy()
            await self._look()

    def _sleep(self, seconds: float) -> Deferred[None]:
        slept: Deferred[None] = Deferred(lambda _: timer.cancel())
        timer = self._environment.clock.callLater(seconds, slept.callback, None)
        return slept

    async def _firstPong(self) -> HostPort | None:
        """Ping the nodes to join through, and return the address of the first one that answers."""
        first: Deferred[HostPort | None] = Deferred()

        def answered(message: ResponseMessage, source: HostPort) -> None:
            self._survey.pong(source, message.value)
            if not first.called:
                first.callback(source)

        def ping(address: Address) -> None:
            if first.called:
                return
            try:
                self._caller.ping(address, Callbacks(answered, lambda reason: None))
            except DHTError:
                return

        addresses, resolveBootstrap = self._first
        for address in addresses:
            ping(address)
        resolveBootstrap(ping)
        timer = self._environment.clock.callLater(FIRST_PONG, first.callback, None)
        try:
            return await first
        finally:
            if timer.active():
                timer.cancel()

    async def _meet(self, observer: HostPort) -> None:
        """Find out what can be known from the first node that answers."""
        line = lineOf(observer)
        if line == "public":
            await self._test(Address(*observer))
        elif self._survey.views.opinion(self._environment.clock.seconds(), line=line).host:
            self._become(True, f"its network is {line}")

    async def _test(self, referrer: Address) -> None:
        now = self._environment.clock.seconds()
        self._testedAt = now
        isReached, knowsMembers = await self._reachability.test(referrer)
        if not knowsMembers:
            self._become(True, "it is the first of its network")
        if isReached is None:
            return
        if isReached and not self._survey.isReachable:
            self._reachableSince = now
        self._survey.isReachable = isReached

    async def _look(self) -> None:
        """Become a member, or ephemeral, if it is time."""
        survey, now = self._survey, self._environment.clock.seconds()
        if not len(self._table):
            return
        if self._host is not None and survey.isDue:
            await self._recheckHost(self._host)
        opinion = survey.opinion()
        if survey.line != "public":
            if opinion.host is not None:
                self._become(True, f"its network is {survey.line}")
            return
        if opinion.host is None:
            survey.ask()
        elif self._host is None:
            self._host = opinion.host
        elif opinion.host != self._host:
            await self._moved(opinion.host)
        if self._isMember:
            return
        if survey.isReachable is None or (
            not survey.isReachable and now - self._testedAt >= RETEST_AFTER
        ):
            await self._test(self._someContact())
        isKnown = opinion.port is not None or opinion.views < FEWEST_VIEWS
        if survey.isReachable and isKnown and now - self._reachableSince >= MEMBER_AFTER:
            await self._test(self._someContact())
            if survey.isReachable:
                self._become(True, "others reach it")
        elif survey.isReachable is None and len(self._table) < FEWEST_VIEWS:
            self._become(True, "its network is too small to test whether others reach it")

    async def _recheckHost(self, host: str) -> None:
        """Ask all contacts for the host of this node if some contradict the known one."""
        views = self._survey.views
        if views.contradicting(host, self._environment.clock.seconds()) < CONTRADICTIONS:
            return
        # This is tested first, because in a small network nobody is left for a test once all were
        # asked.
        since = views.latest(host) - LONGEST_ROUND_TRIP
        await self._reachability.test(self._someContact(), since)
        self._survey.ask()

    async def _moved(self, host: str) -> None:
        self._host = host
        self._survey.isReachable = True if self._reachability.host == host else None
        self._reachableSince = self._environment.clock.seconds()
        self._become(False, f"its address is {host} now")
        await self._test(self._someContact())

    def _someContact(self) -> Address:
        contacts = self._table.contacts()
        return self._environment.random.choice(contacts).address
