"""
A node as a part of a Twisted application.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from ._net.arguments import parseAddresses
from .interfaces import AddressLike, IValueStore
from .node import DHTNode
from .values import COMMAND, ValueHandler

#: How often the service looks how the node does, in seconds.
WATCH_INTERVAL = 30.0

#: A node without contacts is isolated when nobody has answered it for so long, in seconds.
ISOLATED_AFTER = 180.0

#: The counters of a node that stand still while all is well, and what it means when they don't.
TROUBLES = {
    "rateLimited": "more requests come than the rate limit allows, and the rest is dropped",
    "handlersRefused": "requests are dropped, for too many handlers are at work",
    "claimsRefused": "more newcomers come than can be looked into, and some aren't listed yet",
    "sendFailures": "the operating system refuses to send",
}


class DHTService(Service):
    """
    Runs a `DHTNode` while the application runs.

    It listens in ``privilegedStartService``, so that it may take a port that needs privileges, and
    releases everything in ``stopService``.  A service that was stopped can't be started again; make
    a new one.

    :param reactor: as for `DHTNode`
    :param port: the UDP port, 0 for a free one
    :param interface: the IPv4 address to bind, all by default
    :param store: where values are kept for others; None to keep none.  A callable is called when
        the service starts, by when the process has the user and folder that it will run as.
    :param bootstrap: nodes to join the network through, as for `DHTNode`
    :param options: the other options of `DHTNode`
    :ivar node: the `DHTNode`, from the beginning: register handlers before the service starts
    """

    _log = Logger()

    def __init__(
        self,
        reactor: Any,
        *,
        port: int = 0,
        interface: str = "",
        store: IValueStore | Callable[[], IValueStore] | None = None,
        bootstrap: Iterable[AddressLike] | AddressLike = (),
        **options: Any,
    ) -> None:
        self._bootstrap = parseAddresses(bootstrap)
        self.node = DHTNode(reactor, bootstrap=self._bootstrap, **options)
        self._reactor = reactor
        self._port = port
        self._interface = interface
        self._store = store
        self._listening = False
        self._startedAt = 0.0
        self._hadCompany = bool(self._bootstrap)
        self._answeredAt = 0.0
        self._counts = self.node.counters.asDict()
        self._troubles: set[str] = set()
        self._watch = LoopingCall(self._lookAround)
        self._watch.clock = reactor

    def privilegedStartService(self) -> None:
        """
        Take the port.

        :raises CannotListen: when it can't be had
        """
        super().privilegedStartService()
        self._listen()

    def startService(self) -> None:
        """
        Start the node.

        :raises CannotListen: when the port can't be had
        :raises CannotOpenStore: when the store's file can't be opened
        """
        self._listen()
        if callable(self._store):
            self._store = self._store()
        if self._store is not None:
            self.node.register(COMMAND, ValueHandler(self._store))
        super().startService()
        self._startedAt = self._answeredAt = self._reactor.seconds()
        self._watch.start(WATCH_INTERVAL, now=False)

    def stopService(self) -> Deferred[None]:
        """
        Stop the node.

        :return: fires when all is released
        """
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def _listen(self) -> None:
        if self._listening:
            return
        self.node.listen(self._port, self._interface)
        self._listening = True
        self._log.info(
            "listening on {address} as {kind} {id}; bootstrap nodes: {bootstrap}",
            address=str(self.node.address()),
            kind="ephemeral node" if self.node.ephemeral else "node",
            id=self.node.id.hex(),
            bootstrap=", ".join(map(str, self._bootstrap)) or "none",
        )

    def _lookAround(self) -> None:
        now = self._reactor.seconds()
        counts = self.node.counters.asDict()
        if counts["responsesReceived"] > self._counts["responsesReceived"]:
            self._answeredAt = now
        # A bootstrap server is no contact, and is asked again at growing intervals.
        contacts = self.node.contacts()
        isAlone = not contacts and now - self._answeredAt > ISOLATED_AFTER
        # The first node of a network is alone until somebody comes.
        self._hadCompany = self._hadCompany or bool(contacts)
        self._note("isolated", isAlone and self._hadCompany, "isolated: no other node answers")
        for name, meaning in TROUBLES.items():
            self._note(name, counts[name] > self._counts[name], meaning)
        self._counts = counts

    def _note(self, trouble: str, present: bool, meaning: str) -> None:
        """Log a trouble when it begins and when it is over."""
        if present and trouble not in self._troubles:
            self._troubles.add(trouble)
            self._log.warn("{meaning}", meaning=meaning)
        elif trouble in self._troubles and not present:
            self._troubles.remove(trouble)
            self._log.info("over: {meaning}", meaning=meaning)

    async def _stop(self) -> None:
        if self._watch.running:
            self._watch.stop()
        # The port is gone with the node: another start says so.
        self._listening = False
        contacts = len(self.node.contacts())
        await self.node.destroy()
        store = self._store
        if store is not None and not callable(store):
            await maybeDeferred(store.close)
        counts = self.node.counters.asDict()
        self._log.info(
            "stopped after {seconds:.0f} s, with {contacts} contacts; {counts}",
            seconds=self._reactor.seconds() - self._startedAt,
            contacts=contacts,
            counts=", ".join(f"{name} {count}" for name, count in counts.items() if count)
            or "all counters are 0",
            **counts,
        )
