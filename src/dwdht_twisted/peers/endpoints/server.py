"""
`DHTServerEndpoint`: listen, and be found.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.interfaces import (
    IAddress,
    IListeningPort,
    IProtocolFactory,
    IStreamServerEndpoint,
)
from zope.interface import implementer

from ..._awaitable import awaitable, fromCoroutine
from ...errors import CannotListen
from ...interfaces import AddressLike
from ..topics import topicOf
from .files import KeyFiles, NetworkFiles
from .networks import Announcement, Network, networkOf


class ServerEndpoint(Protocol):
    """
    The type of an ``IStreamServerEndpoint`` for type checkers, which can't read zope.interface.
    """

    def listen(self, protocolFactory: Any) -> Any:
        """See ``IStreamServerEndpoint.listen``."""


@implementer(IListeningPort)
class AnnouncedPort:
    """
    A listening port that is announced while it listens.

    :param port: the port
    """

    def __init__(self, network: Network, topic: bytes, port: IListeningPort) -> None:
        self._network = network
        self._topic = topic
        self._port = port
        self._announcement: Announcement | None = None

    def announce(self) -> None:
        """Announce the port until `stopListening`."""
        host: Any = self._port.getHost()
        self._announcement = self._network.announce(self._topic, host.port)

    def startListening(self) -> None:
        """
        Listen and announce again, after `stopListening`.

        :raises CannotListenError: when the port can't be opened
        """
        self._port.startListening()
        self.announce()

    def stopListening(self) -> Deferred[None]:
        """
        Accept no more connections, and take the announcement back.

        :return: fires when both is done: within 5 seconds, even if the network can't be reached
        """
        announcement, self._announcement = self._announcement, None
        ends: list[Deferred[Any]] = [maybeDeferred(self._port.stopListening)]
        if announcement is not None:
            ends.append(announcement.stop())
        return awaitable(gatherResults(ends).addCallback(lambda _: None))

    def getHost(self) -> IAddress:
        """The address of the port."""
        return self._port.getHost()


@implementer(IStreamServerEndpoint)
class DHTServerEndpoint:
    """
    Listens on another endpoint, and announces its port under a topic.

    The port is announced again every 4 to 5 minutes.  When it stops to listen, and at the shutdown
    of the reactor, the announcement is taken back.  The announcement of a server that was killed
    ends within 368.64 seconds.

    :param reactorOrNode: as for `DHTClientEndpoint`.  Before you destroy a node of your own, wait
        for ``stopListening`` of the port.
    :param topic: 32 bytes, or a text whose SHA-256 is taken
    :param inner: the endpoint to listen on.  Its port must have a port number: that is announced,
        with the host that other nodes see.
    :param bootstrap: as for `DHTClientEndpoint`
    :param networkKeyFile: as for `DHTClientEndpoint`
    :param certificate: as for `DHTClientEndpoint`
    :param privateKey: as for `DHTClientEndpoint`
    :param authority: as for `DHTClientEndpoint`
    :param revocations: as for `DHTClientEndpoint`
    :raises InvalidTarget: when the topic is neither a text nor 32 bytes
    :raises InvalidAddress: when there is no bootstrap node, or one of them isn't an address
    :raises CannotUseKey: when the file of a key can't be read or used
    :raises CannotUseCertificate: when another file can't be used, or they don't belong together
    :raises ValueError: when files are missing, those of both kinds of networks are given, or files
        are given beside a node, whose network is its own, and when ``inner`` is no endpoint
    """

    def __init__(
        self,
        reactorOrNode: Any,
        topic: bytes | str,
        inner: IStreamServerEndpoint | ServerEndpoint,
        *,
        bootstrap: Iterable[AddressLike] | AddressLike | None = None,
        networkKeyFile: KeyFiles | None = None,
        certificate: str | None = None,
        privateKey: str | None = None,
        authority: str | None = None,
        revocations: str | None = None,
    ) -> None:
        self._topic = topicOf(topic)
        if not callable(getattr(inner, "listen", None)) or isinstance(inner, type):
            raise ValueError(
                f"inner is an endpoint, such as serverFromString makes of a text, not {inner!r}"
            )
        files = NetworkFiles(networkKeyFile, certificate, privateKey, authority, revocations)
        self._network = networkOf(reactorOrNode, bootstrap, files)
        self._inner = inner

    def listen(self, protocolFactory: IProtocolFactory) -> Deferred[IListeningPort]:
        """
        Listen, and announce the port as soon as the network can be reached.

        :return: fires with an ``IListeningPort`` when the inner endpoint listens.  It fails as that
            does, and with `CannotListen` if its port has no number, as that of a UNIX socket.
        """
        return fromCoroutine(self._listen(protocolFactory))

    async def _listen(self, protocolFactory: IProtocolFactory) -> IListeningPort:
        port = await self._inner.listen(protocolFactory)
        try:
            host = port.getHost()
            if not isinstance(getattr(host, "port", None), int):
                raise CannotListen(f"{host} has no port number to announce")
            announced = AnnouncedPort(self._network, self._topic, port)
            announced.announce()
        except BaseException:
            await maybeDeferred(port.stopListening)
            raise
        return announced


__all__ = ["DHTServerEndpoint"]
