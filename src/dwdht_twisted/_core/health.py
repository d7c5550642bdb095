"""
The health of a node: whether it reaches its network, and why not.
"""

from __future__ import annotations

from typing import NamedTuple

#: The states of a node.
ONLINE = "online"
DEGRADED = "degraded"
OFFLINE = "offline"

#: The times after the last sign of others at which contacts are pinged, in seconds, and the number
#: of contacts of each time.  The first ping is one that would be due later anyway.  Sooner: a quiet
#: network sends more.  Later: too little time is left to be sure.  More pings: a node sends more
#: where datagrams are lost.  Fewer: lost datagrams are taken for a line that is down.
SOUNDINGS = ((11.0, 1), (12.2, 8), (13.4, 8))

#: The time after the last sign of others at which the node counts as offline, in seconds: the last
#: of the `SOUNDINGS` had a round trip of 1.5 seconds, and the first had 3.9.  Larger: a dead line
#: is reported later.  Smaller: slow answers are taken for silence.
OFFLINE_AFTER = 14.9

#: The time without an answer after which pings of contacts no longer count as signs of others, in
#: seconds.  Such pings show that datagrams arrive, but not that any that the node sends do.
#: Larger: a line that is down in one direction is reported later.  Smaller: a quiet node sends
#: more.
ONE_WAY_AFTER = 45.0

#: The time after which a node without contacts counts as offline, in seconds.  Such a node asks its
#: bootstrap nodes at intervals that grow to a minute.  Larger: their silence is reported later.
#: Smaller: the state changes between two answers.
ALONE_FOR = 180.0

#: The time between two attempts to reach contacts while the node is offline, in seconds.  Larger:
#: the return of the line is noticed later.  Smaller: a node sends more while nobody can hear it.
RETURN_INTERVAL = 5.0

#: The time over which unanswered requests and failed sends are counted, in seconds.  Larger: a
#: trouble is reported later.  Smaller: a few unlucky requests count as a trouble.
WINDOW = 60.0

#: The fewest requests in a window that say something of the network.
LEAST_REQUESTS = 20

#: The share of unanswered requests from which the node counts as degraded, and the share below
#: which it has recovered.  A request is sent up to four times, so with a fifth of all datagrams
#: lost, 2 % of the requests stay unanswered.  The two shares are far apart, so that a share between
#: them doesn't change the state again and again.
DEGRADED_FROM = 0.5
RECOVERED_BELOW = 0.25


class Health(NamedTuple):
    """
    The health of a node.

    :ivar state: ``"online"``, ``"degraded"`` or ``"offline"``
    :ivar reason: the reason in words
    """

    state: str
    reason: str

    def __str__(self) -> str:
        return f"{self.state}: {self.reason}"


class Situation(NamedTuple):
    """
    What is known of a node at one moment.

    :ivar isRunning: whether the node has a port, and was not destroyed
    :ivar hasJoined: whether the node has joined its network
    :ivar isFirst: whether the node was given no other node to join through
    :ivar contacts: the number of contacts
    :ivar heardAt: the time of the last sign of another node, in seconds: an answer, or a ping that
        brings back a token
    :ivar answeredAt: the time of the last answer, in seconds
    :ivar isWatched: whether contacts are pinged when others are silent, so that more silence says
        something
    :ivar isCutOff: whether all contacts that were asked are silent
    :ivar answered: the number of requests that were answered since the start
    :ivar unanswered: the number of requests that nobody answered since the start
    :ivar sendFailures: the number of datagrams since the start that could not be sent
    """

    isRunning: bool
    hasJoined: bool
    isFirst: bool
    contacts: int
    heardAt: float
    answeredAt: float
    isWatched: bool
    isCutOff: bool
    answered: int
    unanswered: int
    sendFailures: int

    def silence(self, now: float) -> float:
        """The seconds without a sign of others, or those without an answer less `ONE_WAY_AFTER`."""
        return max(now - self.heardAt, now - self.answeredAt - ONE_WAY_AFTER)


class Diagnosis:
    """
    Judges the health of one node, again and again.

    The arguments ``now`` are times in seconds.
    """

    __slots__ = ("_isLosing", "_isOffline", "_start", "_startedAt", "_trouble")

    def __init__(self) -> None:
        self._start: Situation | None = None
        self._startedAt = 0.0
        self._trouble = ""
        self._isLosing = False
        self._isOffline = False

    def judge(self, situation: Situation, now: float) -> Health:
        """Return the health of a node in a situation."""
        self._count(situation, now)
        health = self._judge(situation, now)
        self._isOffline = health.state == OFFLINE
        if self._isOffline:
            # What was lost while the line was down says nothing of the time after.
            self._start, self._trouble, self._isLosing = None, "", False
        return health

    def _judge(self, situation: Situation, now: float) -> Health:
        if not situation.isRunning:
            return Health(OFFLINE, "the node is not running")
        if not situation.hasJoined:
            return Health(OFFLINE, "no bootstrap node and no contact has answered yet")
        unanswered = now - situation.answeredAt
        # Only an answer shows that the line is back: a ping of a contact shows the way in alone.
        silence = unanswered if self._isOffline else situation.silence(now)
        reason = f"no node has answered for {unanswered:.0f} seconds"
        isSilent = situation.isWatched and silence >= OFFLINE_AFTER
        if situation.contacts and (isSilent or situation.isCutOff):
            return Health(OFFLINE, reason)
        if not situation.contacts:
            if situation.isFirst:
                return Health(ONLINE, "the first node of its network; no other has joined yet")
            if silence >= ALONE_FOR:
                return Health(OFFLINE, reason)
            return Health(ONLINE, "no other member of the network is known yet")
        if self._trouble:
            return Health(DEGRADED, self._trouble)
        return Health(ONLINE, f"{situation.contacts} contacts")

    def _count(self, situation: Situation, now: float) -> None:
        """Compare the counts with those at the start of the window, and begin the next window."""
        start = self._start
        if start is None:
            self._start, self._startedAt = situation, now
            return
        if now - self._startedAt < WINDOW:
            return
        self._start, self._startedAt = situation, now
        unanswered = situation.unanswered - start.unanswered
        requests = unanswered + situation.answered - start.answered
        failures = situation.sendFailures - start.sendFailures
        share = unanswered / requests if requests >= LEAST_REQUESTS else 0.0
        self._isLosing = share >= (RECOVERED_BELOW if self._isLosing else DEGRADED_FROM)
        if failures:
            self._trouble = "the operating system refuses to send datagrams"
        elif self._isLosing:
            self._trouble = f"{share:.0%} of the requests of a minute were not answered"
        else:
            self._trouble = ""
