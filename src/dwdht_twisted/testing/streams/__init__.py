"""
TCP of the in-memory network.

* `channel`: the order of one direction of a connection.
* `connection`: one end of a connection.  It carries the bytes to the other end.
* `port`: a listening port.
* `connector`: a connection that is being made.
* `table`: the ports and the connections of a network.
"""

from .connection import MemoryConnection
from .connector import MemoryConnector
from .port import MemoryStreamPort
from .table import StreamNetwork, Streams

__all__ = ["MemoryConnection", "MemoryConnector", "MemoryStreamPort", "StreamNetwork", "Streams"]
