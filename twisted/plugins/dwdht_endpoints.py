from typing import Any

from twisted.internet.interfaces import (
    IStreamClientEndpoint,
    IStreamClientEndpointStringParserWithReactor,
    IStreamServerEndpoint,
    IStreamServerEndpointStringParser,
)
from twisted.plugin import IPlugin
from zope.interface import implementer


@implementer(
    IPlugin, IStreamServerEndpointStringParser, IStreamClientEndpointStringParserWithReactor
)
class DHTEndpointParser:
    """
    Makes endpoints of the strings ``dht:TOPIC:INNER`` and ``dht:TOPIC``.

    Every program that makes an endpoint of a string loads this file, so the package itself is
    loaded by the first ``dht:`` string.
    """

    prefix = "dht"

    def parseStreamServer(self, reactor: Any, *args: Any, **kwargs: Any) -> IStreamServerEndpoint:
        from dwdht_twisted.peers.endpoints.strings import parseServer

        return parseServer(reactor, *args, **kwargs)

    def parseStreamClient(self, reactor: Any, *args: Any, **kwargs: Any) -> IStreamClientEndpoint:
        from dwdht_twisted.peers.endpoints.strings import parseClient

        return parseClient(reactor, *args, **kwargs)


dhtEndpoints = DHTEndpointParser()
