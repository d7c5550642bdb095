"""
An announcement as a service: made again before it ends, and taken back at the stop.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from random import Random
from typing import Any, Protocol

from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred, DeferredList
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from .._awaitable import AwaitableDeferred
from .._core.wire import Contact
from ..errors import DHTError, NodeDestroyed
from ..interfaces import IDHTNode
from .client import Announced, Node, announce, makeRequest, unannounce
from .messages import Kind
from .topics import topicOf

#: The shortest and the longest time between two announcements, in seconds.  Each pause is drawn
#: anew, so that servers that were started together don't announce together for good.  Larger: after
#: a failed announcement, too little of `ANNOUNCEMENT_LIFETIME` is left to try again.  Smaller: more
#: datagrams.  The users of ``hyperdht`` have the same times.
PAUSES = (240.0, 300.0)

#: The shortest and the longest time until a failed announcement is made again, in seconds.  So
#: three more are made before the last one that succeeded ends.  Larger: fewer.  Smaller: a network
#: that is out of reach is sent more datagrams.
RETRY_PAUSES = (10.0, 20.0)

#: The longest time that a stop waits for the nodes to take the announcement back, in seconds.
#: Larger: a program that has lost its network ends later.  Smaller: on slow networks, more nodes
#: name a server that is gone, until its announcement ends.
STOP_TIMEOUT = 5.0


class NodeService(Protocol):
    """
    A service that has a node, such as `DHTService`.

    :ivar node: the node of the present run
    :ivar running: whether the service has started and not stopped
    """

    node: Any
    running: Any

    def callBeforeStop(self, function: Callable[[], Awaitable[object]]) -> None:
        """Call a function before the node of the present run is destroyed, and wait for it."""


class Announcer(Service):
    """
    Keeps a port of this host announced under a topic while the service runs.

    It announces at the start, then every 240 to 300 seconds, and 10 to 20 seconds after a failure.
    At the stop it takes the announcement back, for which it needs the node.  A `DHTService` waits
    for that before it destroys its node.  Of a `DHTNode` of your own, wait for `stopService` before
    you destroy the node.

    :param node: a node, or a `DHTService`, whose present node is used
    :param topic: 32 bytes, or a text whose SHA-256 is taken
    :param port: the port to announce; 0 for the UDP port of the node
    :param localAddress: as for `announce`
    :param announcedOn: the nodes of an `announce` that was just made, in place of the first
        announcement of the service
    :param random: draws the pauses
    :ivar topic: the topic, 32 bytes
    :ivar port: the announced port, or 0
    :ivar nodes: the number of nodes that have taken the latest announcement; 0 before the first,
        after a failed one, and after the stop
    :raises InvalidTarget: as `announce`
    :raises InvalidAddress: as `announce`
    :raises ValueError: when there is no node, or ``random`` is something else
    """

    _log = Logger()

    def __init__(
        self,
        node: Node | NodeService,
        topic: bytes | str,
        port: int = 0,
        *,
        localAddress: tuple[str, int] | None = None,
        announcedOn: Iterable[Contact] = (),
        random: Random | None = None,
    ) -> None:
        makeRequest(Kind.ANNOUNCE, port, localAddress)
        self.topic = topicOf(topic)
        if not IDHTNode.providedBy(node) and not hasattr(node, "node"):
            raise ValueError(f"an announcer needs a node, or a service that has one, not {node!r}")
        if random is not None and not isinstance(random, Random):
            raise ValueError(f"random is a random.Random or None, not {random!r}")
        self.port = port
        # The nodes that may keep the announcement: those of the latest two.
        self._holders = [list(announcedOn)]
        self.nodes = len(self._holders[0])
        self._given = node
        self._localAddress = localAddress
        self._random = random or Random()
        # The announcement that is being made, and the timer of the next one.
        self._work: Deferred[Announced] | None = None
        self._timer: IDelayedCall | None = None
        # The node on which the port may be announced.
        self._announcedOn: Node | None = None
        # While the announcement is taken back: those who wait for the end of that.
        self._waiting: list[Deferred[None]] | None = None
        self._isFailing = False

    def startService(self) -> None:
        """Announce on the next turn of the reactor, when all services have started."""
        if self.running:
            return
        super().startService()
        # While an earlier announcement is taken back, the end of that starts the next one.
        if self.nodes:
            self._use(self._node())
            self._schedule(self._random.uniform(*PAUSES))
        elif self._waiting is None:
            self._schedule(0.0)

    def stopService(self) -> Deferred[None]:
        """
        Take the announcement back.

        :return: fires when the nodes have taken it back, or after 5 seconds; it doesn't fail
        """
        super().stopService()
        return self._takeBack()

    def _node(self) -> Node:
        """The node, or that of the present run of a service."""
        given: Any = self._given
        return given if IDHTNode.providedBy(given) else given.node

    def _use(self, node: Node) -> None:
        """Note that the port may be announced on a node, so that this is taken back."""
        self._announcedOn = node
        given: Any = self._given
        if given is not node:
            given.callBeforeStop(self._takeBack)

    def _schedule(self, pause: float) -> None:
        self._timer = self._node().clock.callLater(pause, self._announce)

    def _announce(self) -> None:
        self._timer = None
        node = self._node()
        given: Any = self._given
        if given is not node and not given.running:
            # Wait for the next node of the service.
            self._schedule(self._random.uniform(*RETRY_PAUSES))
            return
        isNewNode = node is not self._announcedOn
        self._use(node)
        self._work = announce(node, self.topic, self.port, localAddress=self._localAddress)
        self._work.addCallbacks(self._succeeded, self._failed, errbackArgs=(isNewNode,)).addErrback(
            self._broken
        )

    def _succeeded(self, announced: Announced) -> None:
        self._work = None
        wasAnnounced, wasFailing = self.nodes > 0, self._isFailing
        self.nodes = len(announced.nodes)
        self._holders = [*self._holders[-1:], announced.nodes]
        if not wasAnnounced:
            self._log.info(
                "{state}port {port} is announced under {topic} on {nodes} nodes",
                state="recovered: " if wasFailing else "",
                port=self.port or "of the node",
                topic=self.topic.hex(),
                nodes=self.nodes,
            )
        self._isFailing = False
        # Right after a failure, the node may still take some of the closest nodes for dead.
        self._schedule(self._random.uniform(*(RETRY_PAUSES if wasFailing else PAUSES)))

    def _failed(self, reason: Failure, isNewNode: bool) -> None:
        self._work = None
        if reason.check(CancelledError):
            return
        reason.trap(DHTError)
        self.nodes = 0
        if isNewNode:
            # Nobody has taken the first announcement, so nobody has to take it back.
            self._announcedOn = None
        isLast = reason.check(NodeDestroyed) is not None and self._given is self._node()
        topic, text = self.topic.hex(), str(reason.value)
        if isLast:
            self._log.warn("announcements under {topic} end: {reason}", topic=topic, reason=text)
            return
        if not self._isFailing:
            self._isFailing = True
            self._log.warn(
                "announcement under {topic} failed; will go on trying: {reason}",
                topic=topic,
                reason=text,
            )
        self._schedule(self._random.uniform(*RETRY_PAUSES))

    def _broken(self, reason: Failure) -> None:
        self._log.failure("the announcer has ended", failure=reason)

    def _takeBack(self) -> Deferred[None]:
        """
        Announce no more, and take back what was announced.  This may be called more than once.

        :return: fires at the end; it doesn't fail
        """
        taken: AwaitableDeferred[None] = AwaitableDeferred()
        if self._waiting is not None:
            self._waiting.append(taken)
            return taken
        self._waiting = [taken]
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._work is not None:
            self._work.cancel()
        node, self._announcedOn = self._announcedOn, None
        self.nodes = 0
        if node is None:
            self._takenBack(None)
            return taken
        holders = {each.address for nodes in self._holders for each in nodes if each.id != node.id}
        self._holders = []
        # The closest nodes, too: one that keeps the announcement may not have said so in time.
        ends = [unannounce(node, self.topic, self.port)]
        if holders:
            ends.append(unannounce(node, self.topic, self.port, nodes=holders))
        work = DeferredList(ends, consumeErrors=True)
        work.addTimeout(STOP_TIMEOUT, node.clock).addBoth(self._takenBack)
        return taken

    def _takenBack(self, result: object) -> None:
        # A failure means that the network or the node is gone.  The announcement ends by itself.
        waiting, self._waiting = self._waiting or [], None
        for each in waiting:
            each.callback(None)
        if self.running:
            # The service was started again meanwhile, or only the service of the node has stopped.
            self._schedule(0.0)


__all__ = ["Announcer"]
