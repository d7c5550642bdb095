"""
The periodic work of a node, every ten seconds.

* A node pings the contacts that were not seen for some time, the longest unseen first.  A contact
  that does not answer leaves the routing table, and lets the node ping others sooner.
* A node keeps paths open to a few of its closest contacts; see `Freshness` for both.
* A node pings the contacts whose ids other addresses have claimed since the contacts answered.
* A node pings contacts that were silent and whose ids other hosts have now; see `Ownership`.
* A node pings addresses that left its requests unanswered, at growing intervals; see `Silences`.
* A node refreshes its routing table by lookups; see `TableRefresher`.
* A node without contacts, or to whom nobody answers, tries to join again, at growing intervals; see
  `RetrySchedule`.  It looks up its own id for this, and asks the contacts that it still knows.
* A node whose machine has slept pings all of its contacts, and names no contact to other nodes
  before it has answered; see `Waking`.
* A node rotates the secrets of its round-trip tokens.
"""

from __future__ import annotations

from twisted.internet.interfaces import IDelayedCall

from ..._core.routing import LONGEST_CHECK, OPEN_PATHS, TRUSTED_FOR, RoutingTable
from ..._core.wire import TokenIssuer
from ..environment import Environment
from ..requests import Caller
from .membership import Membership
from .refreshing import TableRefresher
from .retrying import RetrySchedule
from .waking import Waking

#: The time between two rounds of the periodic work, in seconds.  Larger: far buckets fill more
#: slowly, because a round fills at most one.  Smaller: an idle node uses more processor time.
INTERVAL = 10.0

#: A machine whose rounds were farther apart than this has slept, in seconds.  Larger: a node names
#: contacts that have gone while it slept.  Smaller: a process that was stopped for a short time
#: pings all of its contacts.
SLEPT_AFTER = 60.0

#: The time within which a dead contact leaves the routing table, in seconds.  By then the contact
#: has been pinged, and the ping has timed out.  Where many die, it leaves far sooner.
DEAD_GONE_AFTER = 1.5 * LONGEST_CHECK + 30.0

#: How long one secret makes the tokens in answers to pings, in seconds.  It is longer than two
#: pings of a contact are apart.
PONG_TOKEN_ROTATION = 2 * LONGEST_CHECK


class Upkeep:
    """
    The background work of one node.

    :param table: the routing table to keep up to date
    :param caller: pings contacts
    :param rotations: how long one secret of each issuer of tokens is used, in seconds
    :param membership: joins again while the node has no contacts
    :param refresher: runs the lookups
    """

    def __init__(
        self,
        environment: Environment,
        table: RoutingTable,
        caller: Caller,
        *,
        rotations: dict[TokenIssuer, float],
        membership: Membership,
        refresher: TableRefresher,
    ) -> None:
        self._environment = environment
        self._table = table
        self._caller = caller
        self._rotations = rotations
        self._membership = membership
        self._refresher = refresher
        self._retries = RetrySchedule(environment.random)
        self._waking = Waking(environment, table, caller)
        self._workedAt = 0.0
        self._timer: IDelayedCall | None = None
        self._rotatedAt: dict[TokenIssuer, float] = {}

    @property
    def isLookingUp(self) -> bool:
        """Whether a lookup of the periodic work is running."""
        return self._refresher.isRunning

    def start(self) -> None:
        """Start the periodic work.  The first attempt to join must begin at the same time."""
        clock, random = self._environment.clock, self._environment.random
        now = clock.seconds()
        self._rotatedAt = dict.fromkeys(self._rotations, now)
        self._workedAt = now
        self._refresher.start(now)
        self._retries.start(now)
        self._timer = clock.callLater(random.random() * INTERVAL, self._work)

    def stop(self) -> None:
        """Stop the periodic work."""
        self._waking.stop()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _work(self) -> None:
        clock = self._environment.clock
        self._timer = clock.callLater(INTERVAL, self._work)
        now = clock.seconds()
        hasSlept = now - self._workedAt > SLEPT_AFTER
        self._workedAt = now
        for issuer, interval in self._rotations.items():
            if now - self._rotatedAt[issuer] >= interval:
                self._rotatedAt[issuer] = now
                issuer.rotate()
        self._table.buckets.forgetAnswers()
        if hasSlept:
            self._wake()
        isCutOff = self._caller.isCutOff
        if not isCutOff:
            self._checkContacts(now)
        hasContacts = len(self._table) > 0
        hasJoined = self._membership.hasJoined
        if hasContacts and hasJoined and not isCutOff:
            self._retries.reset()
            self._refresher.refresh(now)
        elif (
            (self._membership.knowsSomebody or isCutOff)
            # A node that was alone, and that another node has found, joins at once.
            and (self._retries.isDue(now) or (hasContacts and not hasJoined))
            and not self._refresher.isRunning
        ):
            self._retries.retried(now)
            self._refresher.run(self._membership.join())

    def _wake(self) -> None:
        self._waking.wake()
        if self._membership.hasJoined and not self._refresher.isRunning:
            # Other nodes may be the closest by now.
            self._refresher.run(self._membership.bootstrap())

    def _checkContacts(self, now: float) -> None:
        self._caller.probing.recheckClaimed()
        self._caller.probing.checkOwners()
        if len(self._table):
            # A node without contacts pings nobody, because it tries to join again.
            self._caller.probing.recheckSilent()
        freshness = self._table.freshness
        # The contacts that become due in one round on average.  Half of them are pinged by this
        # node, and half of them ping this node.  So contacts that were found together are not
        # pinged together, and losses are noticed at any time.
        usual = len(self._table) * INTERVAL / freshness.interval
        count = int(usual / 2 + self._environment.random.random())
        # Three more than become due, because several contacts may become due together.
        due = freshness.unseenSince(now - freshness.interval, 3 + int(2 * usual))
        if len(due) < count:
            due = freshness.unseenSince(now - TRUSTED_FOR, count)
        for contact in self._table.closest(self._table.id, OPEN_PATHS):
            if freshness.needsDatagram(contact.address, now) and contact not in due:
                due.append(contact)
        for contact in due:
            self._caller.check(contact.address)
