"""
A node as a part of a Twisted application.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from twisted.application.service import Service
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.logger import Logger

from ._monitor import NodeMonitor
from ._net.arguments import parseAddresses
from .interfaces import AddressLike, IValueStore
from .node import DHTNode
from .values import COMMAND, ValueHandler


class DHTService(Service):
    """
    Runs a `DHTNode` while the application runs.

    The UDP port is opened in ``privilegedStartService``, so it may be one that needs privileges.
    Everything is released in ``stopService``.  A stopped service can't be started again because its
    node is destroyed; make a new one.

    :param reactor: as for `DHTNode`
    :param port: the UDP port, 0 for a free one
    :param interface: the IPv4 address to bind, all by default
    :param store: where the node keeps values for others; None to keep none.  A callable is called
        when the service starts: by then the process runs as its final user and in its final folder.
    :param bootstrap: nodes to join the network through, as for `DHTNode`
    :param options: the other options of `DHTNode`
    :ivar node: the `DHTNode`, which exists before the service starts: register handlers then
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
        self._isListening = False
        self._startedAt = 0.0
        self._monitor = NodeMonitor(
            reactor, self.node, self._log, expectsCompany=bool(self._bootstrap)
        )

    def privilegedStartService(self) -> None:
        """
        Open the port.

        :raises CannotListen: when the port can't be opened
        """
        super().privilegedStartService()
        self._listen()

    def startService(self) -> None:
        """
        Start the node.  The port is opened first, unless ``privilegedStartService`` has done so.

        :raises CannotListen: when the port can't be opened
        :raises CannotOpenStore: when the store's file can't be opened
        """
        self._listen()
        if callable(self._store):
            self._store = self._store()
        if self._store is not None:
            self.node.register(COMMAND, ValueHandler(self._store))
        super().startService()
        self._startedAt = self._reactor.seconds()
        self._monitor.start()

    def stopService(self) -> Deferred[None]:
        """
        Destroy the node, and then close the store.

        :return: fires when all is released
        """
        super().stopService()
        return Deferred.fromCoroutine(self._stop())

    def _listen(self) -> None:
        if self._isListening:
            return
        self.node.listen(self._port, self._interface)
        self._isListening = True
        self._log.info(
            "listening on {address} as {kind} {id}; bootstrap nodes: {bootstrap}",
            address=str(self.node.address()),
            kind="ephemeral node" if self.node.ephemeral else "node",
            id=self.node.id.hex(),
            bootstrap=", ".join(map(str, self._bootstrap)) or "none",
        )

    async def _stop(self) -> None:
        self._monitor.stop()
        # The port is closed with the node.  A second start must try to listen again, and so raise
        # NodeDestroyed, instead of running without a port.
        self._isListening = False
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
