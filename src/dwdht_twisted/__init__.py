"""
A Kademlia DHT on which any command can be an RPC, as a component for Twisted.

Start with `DHTNode`; ``README.rst`` shows it at work.
"""

from ._core.limits import RateLimit
from ._core.wire import Address, Contact
from ._net.asking import QueryStream
from .errors import (
    CannotListen,
    DHTError,
    InvalidAddress,
    InvalidCommand,
    InvalidTarget,
    MalformedDatagram,
    NoCloseNodes,
    NodeDestroyed,
    NoResponse,
    RequestTimeout,
    TooManyRequests,
    UnexpectedAnswer,
    UnresolvableHost,
    ValueNotFound,
    ValueTooLarge,
)
from .interfaces import ICommandHandler, IDHTNode, IQueryStream, IValueStore, Pong, Reply, Request
from .node import DHTNode

__all__ = [
    "Address",
    "CannotListen",
    "Contact",
    "DHTError",
    "DHTNode",
    "ICommandHandler",
    "IDHTNode",
    "IQueryStream",
    "IValueStore",
    "InvalidAddress",
    "InvalidCommand",
    "InvalidTarget",
    "MalformedDatagram",
    "NoCloseNodes",
    "NoResponse",
    "NodeDestroyed",
    "Pong",
    "QueryStream",
    "RateLimit",
    "Reply",
    "Request",
    "RequestTimeout",
    "TooManyRequests",
    "UnexpectedAnswer",
    "UnresolvableHost",
    "ValueNotFound",
    "ValueTooLarge",
]
