"""
The web server of one node.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.interfaces import IListeningPort
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.python.failure import Failure

from .._awaitable import AwaitableDeferred
from ..errors import CannotListen
from ..interfaces import IDHTNode, IValueStore, ValueStore
from ..peers import PeerHandler
from .access import Access
from .api.lookups import Lookups
from .api.peers import Peers
from .api.records import Records
from .api.turns import Turns
from .api.values import Values
from .bounds import MAXIMUM_HTTP_QUERIES, MAXIMUM_WATCHERS
from .connections.endpoint import isLocal, openingOf
from .connections.site import BoundedSite
from .routes import Routes
from .settings import HTTPSettings
from .subject import Subject
from .views.lookups import ShownLookups
from .views.operations import Shown

#: The time between two looks at the files of the certificate, in seconds.  Larger: a renewed
#: certificate is served later.  Smaller: no harm; a look takes some microseconds.
FILES_CHECKED_EVERY = 30.0


class WebServer:
    """
    Serves one node over HTTP.

    :param reactor: provides time and connections
    :param settings: where to listen, and who may write
    :raises CannotListen: when the endpoint is wrong, or a file can't be read
    """

    _log = Logger()

    def __init__(self, reactor: Any, settings: HTTPSettings) -> None:
        self._reactor = reactor
        # The files are read again later, and the process may change its folder before.
        settings = settings.absolute()
        self._access = Access(settings)
        self._opening = openingOf(reactor, settings)
        self._lookups = ShownLookups()
        self._site = BoundedSite(reactor, self._access.check)
        self._port: IListeningPort | None = None
        self._isStopped = False
        self._watch = LoopingCall(self._reloadIfChanged)
        self._watch.clock = reactor

    def listen(self) -> None:
        """
        Open the port.

        :raises CannotListen: when it can't be opened
        """
        opening = self._opening
        factory: Any = self._site
        if opening.certificates is not None:
            factory = TLSMemoryBIOFactory(opening.certificates, False, factory, self._reactor)
        failures: list[Failure] = []
        opening.endpoint.listen(factory).addCallbacks(self._listening, failures.append)
        if failures:
            raise CannotListen(failures[0].getErrorMessage()) from failures[0].value
        self._watch.start(FILES_CHECKED_EVERY, now=False)

    def serve(
        self,
        node: IDHTNode,
        *,
        store: IValueStore | ValueStore | None = None,
        peers: PeerHandler | None = None,
    ) -> None:
        """
        Begin to serve a node.

        :param store: where the node keeps values for others
        :param peers: keeps the announcements of others
        """
        self._lookups.start(node)
        subject = Subject(node, store, peers)
        turns, watching = Turns(MAXIMUM_HTTP_QUERIES), Turns(MAXIMUM_WATCHERS)
        shown = Shown(subject, self._lookups, lambda: self._access.writing)
        operations = [
            *shown.operations(),
            *Values(subject, turns).operations(),
            *Records(subject, turns).operations(),
            *Peers(subject, turns).operations(),
            *Lookups(subject, turns, watching).operations(),
        ]
        shown.describe(operations)
        routes = Routes([*operations, *shown.pages()], self._access.checkWrite)
        self._site.resource = routes.resource()

    @property
    def address(self) -> Any:
        """The address at which the server listens; None while it doesn't."""
        return None if self._port is None else self._port.getHost()

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return self._site.connections

    def reload(self) -> bool:
        """
        Read the certificate and the token again.  Open connections stay.

        What can't be read is logged, and what was read before stays.

        :return: whether all could be read
        """
        certificates = self._opening.certificates
        haveSucceeded = True
        for each in (self._access, certificates):
            if each is None:
                continue
            try:
                each.reload()
            except CannotListen as error:
                self._log.error("HTTP goes on with what was read before: {reason}", reason=error)
                haveSucceeded = False
        return haveSucceeded

    def stop(self) -> Deferred[None]:
        """
        Stop listening, and close all connections.

        :return: fires when the port is closed
        """
        self._isStopped = True
        self._lookups.stop()
        if self._watch.running:
            self._watch.stop()
        stopped: AwaitableDeferred[None] = AwaitableDeferred()
        port, self._port = self._port, None
        closed = maybeDeferred(lambda: None if port is None else port.stopListening())
        self._site.closeAll()
        closed.addBoth(lambda _: stopped.callback(None))
        return stopped

    def _listening(self, port: IListeningPort) -> None:
        if self._isStopped:
            port.stopListening()
            return
        self._port = port
        host = port.getHost()
        self._access.isLocal = isLocal(host) and not self._opening.isProxied
        self._log.info(
            "serving HTTP on {address}; {access}",
            address=host,
            access=_ACCESS[self._access.writing],
        )
        if self._opening.isConfined:
            self._log.info(
                "HTTP listens on loopback only, because there is neither --http-token-file nor "
                "--http-client-ca"
            )

    def _reloadIfChanged(self) -> None:
        certificates = self._opening.certificates
        if certificates is not None and certificates.areOld:
            self._log.info("a file of the certificate has changed; it is read again")
            self.reload()


#: What the log says of each value of `Access.writing`.
_ACCESS = {
    "nothing": "everybody on this machine may write",
    "token": "a write needs the token",
    "certificate": "a client needs a certificate",
    "refused": "writes are refused, because there is neither a token nor a client CA",
}
