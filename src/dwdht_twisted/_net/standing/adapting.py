"""
The adaptive mode: a node is ephemeral until others reach it, and then a member.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from ..._core.doubts import lineOf
from ..._core.routing import K, RoutingTable
from ..._core.standing import FEWEST_VIEWS, RecentHosts
from ..._core.wire import Address, Contact, HostPort, ResponseMessage, isPublic
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

#: The time after which a member that nobody could test is tested again, in seconds.  Larger: an
#: unreachable member is listed for longer.  Smaller: in networks that can't test it, such a member
#: asks more often in vain.
UNTESTED_AFTER = 60.0

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
    A network with fewer than three members can't test anybody, nor can one in which the node has
    sent to every member.  There a node becomes a member untested.  It is tested when the network
    has grown.

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
        self._first = _addressesOf(contacts), resolveBootstrap
        self._reachability = Reachability(environment, caller, recent)
        self._host: str | None = None
        # Since when the node is reachable, or can't be tested.
        self._since = 0.0
        # The time of the latest test, or of the latest attempt to meet a first node.
        self._testedAt = float("-inf")
        self._work: Deferred[None] | None = None

    def recall(self, contacts: list[Contact]) -> None:
        """Have these contacts of an earlier run.  The node has not started yet."""
        self._first = _addressesOf(contacts), self._first[1]

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
            await self._meet()
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

    async def _meet(self) -> None:
        """Find out what can be known from the first node that answers."""
        observer = await self._firstPong()
        line = None if observer is None else lineOf(observer)
        if observer is not None and line == "public":
            await self._test(Address(*observer))
        elif line is not None and self._survey.views.opinion(self._now, line=line).host:
            self._become(True, f"its network is {line}")
        self._testedAt = self._now

    @property
    def _now(self) -> float:
        return self._environment.clock.seconds()

    async def _test(self, referrer: Address) -> None:
        self._testedAt = now = self._now
        isReached, knowsMembers = await self._reachability.test(referrer)
        if not knowsMembers and not len(self._table):
            # A node that has contacts is not the first, whatever another node says.
            self._become(True, "it is the first of its network")
        if isReached is None:
            return
        if isReached and not self._survey.isReachable:
            self._since = now
        self._survey.isReachable = isReached

    def _referrer(self) -> Address | None:
        contacts = self._table.contacts()
        # A contact in a private network relays nothing to the public internet.
        referrers = [each for each in contacts if isPublic(each.host)] or contacts
        return self._environment.random.choice(referrers).address if referrers else None

    async def _testThroughContact(self) -> None:
        referrer = self._referrer()
        if referrer is not None:
            await self._test(referrer)

    async def _look(self) -> None:
        """Become a member, or ephemeral, if it is time."""
        survey, now = self._survey, self._now
        if not len(self._table):
            await self._lookAlone()
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
            await self._lookAsMember()
            return
        if survey.isReachable is None or (
            not survey.isReachable and now - self._testedAt >= RETEST_AFTER
        ):
            await self._testThroughContact()
        isKnown = opinion.port is not None or opinion.views < FEWEST_VIEWS
        if survey.isReachable and isKnown and now - self._since >= MEMBER_AFTER:
            await self._testThroughContact()
            if survey.isReachable:
                self._become(True, "others reach it")
        elif survey.isReachable is None and self._isTooSmall(now):
            self._become(True, "its network is too small to test whether others reach it")

    async def _recheckHost(self, host: str) -> None:
        """Ask all contacts for the host of this node if some contradict the known one."""
        views = self._survey.views
        referrer = self._referrer()
        if referrer is None or views.contradicting(host, self._now) < CONTRADICTIONS:
            return
        # This is tested first, because in a small network nobody is left for a test once all were
        # asked.
        since = views.latest(host) - LONGEST_ROUND_TRIP
        await self._reachability.test(referrer, since)
        self._survey.ask()

    async def _lookAlone(self) -> None:
        """
        Meet a first node once more, because there is no contact.

        The bootstrap node may have started later than this node, and all others wait, too.
        """
        if self._survey.isReachable is None:
            self._since = self._now
        # The attempts to join show when somebody answers, so this sends nothing in vain.
        if not self._isMember and self._caller.answeredAt > self._testedAt:
            await self._meet()

    async def _lookAsMember(self) -> None:
        """Test a member that nobody could test before, when its network can do without it."""
        survey = self._survey
        members = sum(isPublic(contact.host) for contact in self._table.contacts())
        if (
            survey.isReachable is None
            and self._membership.knowsSomebody
            and members >= K
            and self._now - self._testedAt >= UNTESTED_AFTER
        ):
            await self._testThroughContact()
            if survey.isReachable is False:
                # A single contact may lie.
                await self._testThroughContact()
            if survey.isReachable is False:
                self._become(False, "no other node reaches it")

    def _isTooSmall(self, now: float) -> bool:
        """Whether there is nobody to test this node: it has sent to every member."""
        if not self._membership.hasJoined:
            return False
        if len(self._table) < FEWEST_VIEWS:
            return True
        recent = self._recent
        return (
            now - self._since >= MEMBER_AFTER
            and recent.isComplete
            and all(recent.has(contact.host) for contact in self._table.contacts())
        )

    async def _moved(self, host: str) -> None:
        self._host = host
        self._since = self._now
        self._survey.isReachable = True if self._reachability.host == host else None
        self._become(False, f"its address is {host} now")
        await self._testThroughContact()


def _addressesOf(contacts: list[Contact]) -> list[Address]:
    """The addresses that are asked for the first pong."""
    return [contact.address for contact in contacts[:RECALLED]]
