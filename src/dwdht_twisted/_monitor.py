"""
A monitor of a running node.  It logs the problems that an operator can act on.

Each problem is logged twice: at the level warn when it begins, and at the level info when it is
over.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from .node import DHTNode

#: The time between two checks of the node, in seconds.  Larger: a problem is logged later, and a
#: short one may be missed.  Smaller: a problem that comes in bursts is logged again and again.
WATCH_INTERVAL = 30.0

#: A node without contacts that answer counts as isolated after this time without any answer, in
#: seconds.  Larger: isolation is logged later.  Smaller: a node that knows only a bootstrap server
#: would count as isolated between two answers of the server.  A bootstrap server is never a
#: contact, and the node asks it again at intervals that grow to a minute.
ISOLATED_AFTER = 180.0

#: The counters whose rise is a problem, and the log message about each problem.
PROBLEMS = {
    "rateLimited": (
        "more requests arrive than the rate limit allows; the excess is dropped; if many honest "
        "nodes share one address, raise --rate-limit on the command line, or rateLimit in a program"
    ),
    "handlersRefused": "requests are dropped because too many handlers are running",
    "claimsRefused": "more newcomers arrive than may be pinged; the excess is not listed yet",
    "contactsRefused": (
        "more nodes share a public address or /24 network than may be listed; the excess is not "
        "listed; if these nodes are yours, raise --contacts-per-host on the command line, or "
        "contactsPerHost in a program"
    ),
    "sendFailures": "the operating system refuses to send; the datagrams are lost",
}

ISOLATED = "isolated: no other node answers"


class NodeMonitor:
    """
    Logs when a node becomes isolated, and when one of its counters in `PROBLEMS` rises.

    :param reactor: provides time
    :param log: where problems are logged
    :param expectsCompany: whether a node that has never had a contact can count as isolated.  This
        is False for the first node of a network: it has no bootstrap node, and is alone until
        another node joins.
    """

    def __init__(self, reactor: Any, node: DHTNode, log: Logger, *, expectsCompany: bool) -> None:
        self._reactor = reactor
        self._node = node
        self._log = log
        self._expectsCompany = expectsCompany
        self._lastAnswerAt = 0.0
        self._counts = node.counters.asDict()
        self._present: set[str] = set()
        self._loop = LoopingCall(self._check)
        self._loop.clock = reactor

    def start(self) -> None:
        """Check the node every 30 seconds.  The time without an answer is counted from now."""
        self._lastAnswerAt = self._reactor.seconds()
        self._loop.start(WATCH_INTERVAL, now=False)

    def stop(self) -> None:
        """Stop checking the node.  This does nothing if `start` wasn't called."""
        if self._loop.running:
            self._loop.stop()

    def _check(self) -> None:
        counts = self._node.counters.asDict()
        self._report(ISOLATED, self._isIsolated(counts))
        for name, message in PROBLEMS.items():
            self._report(message, counts[name] > self._counts[name])
        self._counts = counts

    def _isIsolated(self, counts: dict[str, int]) -> bool:
        now = self._reactor.seconds()
        if counts["responsesReceived"] > self._counts["responsesReceived"]:
            self._lastAnswerAt = now
        # A node keeps its contacts while nobody answers.
        hasContacts = bool(self._node.contacts()) and not self._node.isCutOff
        self._expectsCompany = self._expectsCompany or hasContacts
        isAlone = not hasContacts and now - self._lastAnswerAt > ISOLATED_AFTER
        return isAlone and self._expectsCompany

    def _report(self, message: str, isPresent: bool) -> None:
        """Log a problem if it has begun or ended since the last call."""
        if isPresent and message not in self._present:
            self._present.add(message)
            self._log.warn("{problem}", problem=message)
        elif message in self._present and not isPresent:
            self._present.remove(message)
            self._log.info("recovered: {problem}", problem=message)
