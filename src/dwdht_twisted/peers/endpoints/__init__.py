"""
Endpoints: a server that announces itself where it listens, and a client that connects to it.

* `server`: `DHTServerEndpoint`.
* `client`: `DHTClientEndpoint`.
* `strings`: both from strings, as ``dht:TOPIC:tcp\\:8080`` and ``dht:TOPIC``.
* `networks`: the node that the endpoints of a process share.
* `directory`: the servers of a topic that were found, and those that failed.
* `race`: one connection, for which several servers are tried.
* `handshake`: TLS, whose handshake belongs to the attempt.
"""

from .client import DHTClientEndpoint
from .server import DHTServerEndpoint

__all__ = ["DHTClientEndpoint", "DHTServerEndpoint"]
