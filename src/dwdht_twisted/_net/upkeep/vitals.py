"""
The watch over the health of a node, and who is told of its changes.
"""

from __future__ import annotations

from collections.abc import Callable

from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from ..._core.counters import Counters
from ..._core.health import (
    OFFLINE,
    OFFLINE_AFTER,
    RETURN_INTERVAL,
    SOUNDINGS,
    Diagnosis,
    Health,
    Situation,
)
from ..._core.routing import RoutingTable
from ..._core.wire import Contact
from ..environment import Environment
from ..requests import Caller
from ..watching import addWatcher
from .membership import Membership

#: The shortest time between two looks, in seconds.  It is far above the rounding of times, so that
#: a look is never a hair too early again and again.
LEAST_PAUSE = 0.1

#: A function that is called with the new health of a node.
Watcher = Callable[[Health], object]


class Vitals:
    """
    The health of one node.

    While somebody watches it, contacts are pinged soon after the last sign of others; see
    `SOUNDINGS`.  Otherwise nothing is sent, and the health is what the node knows anyway.  So only
    contacts that were asked in vain show that its line is down.

    :param table: knows the contacts
    :param caller: pings contacts, and knows when a node has answered last
    :param membership: knows whether the node has joined
    :ivar watchers: the state that each watcher was told, None at first
    """

    _log = Logger()

    def __init__(
        self,
        environment: Environment,
        table: RoutingTable,
        caller: Caller,
        *,
        membership: Membership,
    ) -> None:
        self._clock: IReactorTime = environment.clock
        self._counters: Counters = environment.counters
        self._table = table
        self._caller = caller
        self._membership = membership
        self._diagnosis = Diagnosis()
        self.watchers: dict[Watcher, str | None] = {}
        self._isRunning = False
        self._startedAt = 0.0
        self._timer: IDelayedCall | None = None
        self._sounded = 0

    @property
    def health(self) -> Health:
        """The health of the node at present."""
        return self._diagnosis.judge(self._situation, self._clock.seconds())

    @property
    def _situation(self) -> Situation:
        counters = self._counters
        return Situation(
            isRunning=self._isRunning,
            hasJoined=self._membership.hasJoined,
            isFirst=not self._membership.knowsSomebody,
            contacts=len(self._table),
            heardAt=self._caller.heardAt,
            answeredAt=self._caller.answeredAt,
            isWatched=bool(self.watchers),
            isCutOff=self._caller.isCutOff,
            answered=counters.responsesReceived,
            unanswered=counters.requestsUnanswered,
            sendFailures=counters.sendFailures,
        )

    def watch(self, watcher: Watcher) -> Callable[[], None]:
        """
        Call a function with the present health, and then at each change of the state.

        :return: a function that ends the watch
        """
        end = addWatcher(self.watchers, watcher)
        if self._isRunning:
            self._lookIn(0.0)
        return end

    def start(self) -> None:
        """Note that the node runs."""
        self._isRunning = True
        self._startedAt = self._clock.seconds()
        if self.watchers:
            self._lookIn(0.0)

    def stop(self) -> None:
        """Note that the node is destroyed, and tell the watchers."""
        self._isRunning = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._tell(self.health)

    def _lookIn(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.callLater(seconds, self._look)

    def _look(self) -> None:
        """Judge the health, ping contacts if that is due, and set the timer again."""
        self._timer = None
        health = self.health
        self._tell(health)
        # A watcher may have destroyed the node, or may have ended the last watch.
        if self._isRunning and self.watchers:
            self._lookIn(max(LEAST_PAUSE, self._sound(health)))

    def _sound(self, health: Health) -> float:
        """
        Ping contacts if nobody has answered for some time.

        :return: the time to wait until the next look, in seconds
        """
        silence = self._situation.silence(self._clock.seconds())
        if health.state == OFFLINE or not len(self._table):
            self._check(self._longestUnseen()[-2:])
            return RETURN_INTERVAL
        if silence < SOUNDINGS[0][0]:
            self._sounded = 0
            return SOUNDINGS[0][0] - silence
        if self._sounded < len(SOUNDINGS):
            at, count = SOUNDINGS[self._sounded]
            if silence < at:
                return at - silence
            self._sounded += 1
            # The first ping goes to the contact whose ping is due next.  The others go to those
            # who answered last, because these are the most likely to be alive.
            contacts = self._longestUnseen()
            self._check(contacts[:count] if count == 1 else contacts[-count:])
            if self._sounded < len(SOUNDINGS):
                return SOUNDINGS[self._sounded][0] - silence
        return OFFLINE_AFTER - silence

    def _longestUnseen(self) -> list[Contact]:
        """All contacts, the longest unseen first."""
        return self._table.freshness.unseenSince(self._clock.seconds(), len(self._table))

    def _check(self, contacts: list[Contact]) -> None:
        for contact in contacts:
            self._caller.check(contact.address)

    def _tell(self, health: Health) -> None:
        isRunning = self._isRunning
        isStarting = isRunning and self._clock.seconds() - self._startedAt < OFFLINE_AFTER
        for watcher, told in tuple(self.watchers.items()):
            # A watcher has destroyed the node, and all watchers were told that.
            if self._isRunning != isRunning:
                return
            # A node that is starting is not called offline until it had the time to join.
            isTooEarly = told is None and health.state == OFFLINE and isStarting
            if told == health.state or isTooEarly or watcher not in self.watchers:
                continue
            self.watchers[watcher] = health.state
            try:
                watcher(health)
            except BaseException:
                self._log.failure("a function that watches the health of a node failed")
