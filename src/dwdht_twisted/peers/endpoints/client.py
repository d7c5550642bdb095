"""
`DHTClientEndpoint`: connect to a server that has announced itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from random import Random
from typing import TYPE_CHECKING, Any, NoReturn

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import TCP4ClientEndpoint, wrapClientTLS
from twisted.internet.error import TimeoutError
from twisted.internet.interfaces import (
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from zope.interface import implementer

from ..._awaitable import awaitable
from ..._core.wire import Address
from ...interfaces import AddressLike
from ..topics import topicOf
from .files import KeyFiles, NetworkFiles
from .handshake import connectTLS
from .networks import networkOf
from .race import Race

if TYPE_CHECKING:
    from twisted.internet.interfaces import IOpenSSLClientConnectionCreator

#: The longest time of an attempt, in seconds.  With one attempt in 250 ms, it bounds the attempts
#: at a time to 40.  Larger: more of them wait for silent servers.  Smaller: a server on a slow
#: network, or one that is busy with TLS, is not reached.
ATTEMPT_TIMEOUT = 10.0


@implementer(IStreamClientEndpoint)
class DHTClientEndpoint:
    """
    Connects to any of the servers that have announced themselves under a topic.

    Several servers are tried, in an order that is drawn anew for each connection: the next one
    250 ms after the last (RFC 8305), or at once when one fails.  The first that connects wins.  A
    server that has failed is tried after all others for 30 seconds.

    The servers that were found are remembered for 30 seconds, by all endpoints of a process that
    share the network.

    :param reactorOrNode: a reactor, or a node or `DHTService` to look the topic up by.  With a
        reactor, an ephemeral node is shared by all endpoints of the process that have the same
        bootstrap nodes.  It is made when it is needed, and destroyed with the end of its last use.
    :param topic: 32 bytes, or a text whose SHA-256 is taken
    :param bootstrap: bootstrap nodes, in any form that `DHTNode` takes, or as a text with each as
        ``HOST:PORT`` between commas; by default those in the environment variable
        ``DWDHT_BOOTSTRAP``.  A node that is given needs none, and has no use for them.
    :param networkKeyFile: the file of the key of a private network, made by ``dwdht network key``,
        or a list of both files while the key is replaced, the one to send with first; by default
        those in the environment variable ``DWDHT_NETWORK_KEY_FILE``, if any
    :param certificate: the certificate of the node on a network by certificate, a PEM file, in
        place of a network key.  Endpoints of a process with the same files share a node.
    :param privateKey: the private key of the certificate, a PEM file
    :param authority: the certificate of the network's authority, a PEM file
    :param revocations: the authority's list of revoked certificates, a PEM file, if any
    :param tls: what ``twisted.internet.ssl.optionsForClientTLS`` returns, to connect by TLS.  Only
        a server whose certificate is right is used: anyone can announce a server under a topic.
    :param random: draws the order of the servers
    :raises InvalidTarget: when the topic is neither a text nor 32 bytes
    :raises InvalidAddress: when there is no bootstrap node, or one of them isn't an address
    :raises CannotUseKey: when the file of a key can't be read or used
    :raises CannotUseCertificate: when another file can't be used, or they don't belong together
    :raises ValueError: when files are missing, those of both kinds of networks are given, or files
        are given beside a node, whose network is its own, and when ``tls`` or ``random`` is
        something else
    """

    def __init__(
        self,
        reactorOrNode: Any,
        topic: bytes | str,
        *,
        bootstrap: Iterable[AddressLike] | AddressLike | None = None,
        networkKeyFile: KeyFiles | None = None,
        certificate: str | None = None,
        privateKey: str | None = None,
        authority: str | None = None,
        revocations: str | None = None,
        tls: IOpenSSLClientConnectionCreator | None = None,
        random: Random | None = None,
    ) -> None:
        self._topic = topicOf(topic)
        files = NetworkFiles(networkKeyFile, certificate, privateKey, authority, revocations)
        self._network = networkOf(reactorOrNode, bootstrap, files)
        self._tls = _checkTLS(tls)
        if random is not None and not isinstance(random, Random):
            raise ValueError(f"random is a random.Random or None, not {random!r}")
        self._random = random or Random()

    def connect(self, protocolFactory: IProtocolFactory) -> Deferred[IProtocol]:
        """
        Connect to a server.

        :return: fires with the connected protocol.  It fails with `NoServerReached`, which names
            the servers that were tried and the error of each.  ``cancel`` ends all attempts and the
            look-up.
        """

        def attempt(address: Address) -> Deferred[IProtocol]:
            return self._attempt(address, protocolFactory)

        directory = self._network.directory(self._topic)
        race = Race(directory, self._network.clock, attempt, random=self._random)
        return awaitable(race.start())

    def _attempt(self, address: Address, factory: IProtocolFactory) -> Deferred[IProtocol]:
        network = self._network
        endpoint = TCP4ClientEndpoint(network.reactor, *address)
        if self._tls is None:
            connected = endpoint.connect(factory)
        else:
            connected = connectTLS(wrapClientTLS(self._tls, endpoint), factory)

        def timedOut(result: object, seconds: float) -> NoReturn:
            raise TimeoutError(f"no connection within {seconds:g} seconds")

        return connected.addTimeout(ATTEMPT_TIMEOUT, network.clock, timedOut)


def _checkTLS(given: Any) -> Any:
    """
    Check the ``tls`` of an endpoint.

    :raises ValueError: when it can't connect by TLS
    """
    # The second is what older objects have, such as a ``CertificateOptions``.
    methods = ("clientConnectionForTLS", "getContext")
    if given is not None and not any(callable(getattr(given, each, None)) for each in methods):
        raise ValueError(
            f"tls is what optionsForClientTLS(hostname) returns, or None, not {given!r}"
        )
    return given


__all__ = ["DHTClientEndpoint"]
