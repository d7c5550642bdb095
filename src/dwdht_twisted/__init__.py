"""
A Kademlia DHT on which any command can be an RPC, as a component for Twisted.

Start with `DHTNode`; the README shows it at work.

Each name is loaded when it is first used (PEP 562).  So importing the package takes little time,
and the pure core can be imported without Twisted.
"""

from __future__ import annotations

# Importing the typing module would take longer than the rest of this module.  Type checkers treat
# any variable of this name as typing.TYPE_CHECKING.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from . import peers, values
    from ._core.health import Health
    from ._core.limits import RateLimit
    from ._core.standing import Standing
    from ._core.statistics import Distribution, Load, Statistics
    from ._core.wire import Address, Contact
    from ._net.asking import QueryStream
    from .errors import (
        CannotListen,
        CannotOpenState,
        CannotOpenStore,
        CannotUseCertificate,
        CannotUseKey,
        DHTError,
        ExtraMissing,
        InvalidAddress,
        InvalidCommand,
        InvalidTarget,
        InvalidTree,
        MalformedDatagram,
        NoCloseNodes,
        NodeDestroyed,
        NoResponse,
        NoServerReached,
        RecordRefused,
        RequestTimeout,
        SequenceTooLow,
        StateFailed,
        StoreFailed,
        TooManyRequests,
        UnexpectedAnswer,
        UnresolvableHost,
        UpdateRefused,
        ValueNotFound,
        ValueTooLarge,
    )
    from .interfaces import (
        ICommandHandler,
        IDHTNode,
        IMeasuredStore,
        IQueryStream,
        IRelayingHandler,
        ISharedStore,
        IValueStore,
        LookupStep,
        Pong,
        Reply,
        Request,
        StoredValue,
        StoreUsage,
        TableEntry,
    )
    from .node import DHTNode
    from .peers.endpoints import DHTClientEndpoint, DHTServerEndpoint
    from .service import DHTService
    from .values import MemoryStore, RecordHandler, SQLiteStore, ValueHandler

    __version__: str

__all__ = [
    "Address",
    "CannotListen",
    "CannotOpenState",
    "CannotOpenStore",
    "CannotUseCertificate",
    "CannotUseKey",
    "Contact",
    "DHTClientEndpoint",
    "DHTError",
    "DHTNode",
    "DHTServerEndpoint",
    "DHTService",
    "Distribution",
    "ExtraMissing",
    "Health",
    "ICommandHandler",
    "IDHTNode",
    "IMeasuredStore",
    "IQueryStream",
    "IRelayingHandler",
    "ISharedStore",
    "IValueStore",
    "InvalidAddress",
    "InvalidCommand",
    "InvalidTarget",
    "InvalidTree",
    "Load",
    "LookupStep",
    "MalformedDatagram",
    "MemoryStore",
    "NoCloseNodes",
    "NoResponse",
    "NoServerReached",
    "NodeDestroyed",
    "Pong",
    "QueryStream",
    "RateLimit",
    "RecordHandler",
    "RecordRefused",
    "Reply",
    "Request",
    "RequestTimeout",
    "SQLiteStore",
    "SequenceTooLow",
    "Standing",
    "StateFailed",
    "Statistics",
    "StoreFailed",
    "StoreUsage",
    "StoredValue",
    "TableEntry",
    "TooManyRequests",
    "UnexpectedAnswer",
    "UnresolvableHost",
    "UpdateRefused",
    "ValueHandler",
    "ValueNotFound",
    "ValueTooLarge",
    "__version__",
    "peers",
    "values",
]

# The module of each public name.  A name that is missing here is an error class of ``.errors``.
_MODULES = {
    "Address": "._core.wire",
    "Contact": "._core.wire",
    "DHTClientEndpoint": ".peers.endpoints",
    "DHTNode": ".node",
    "DHTServerEndpoint": ".peers.endpoints",
    "DHTService": ".service",
    "Distribution": "._core.statistics",
    "Health": "._core.health",
    "ICommandHandler": ".interfaces",
    "IDHTNode": ".interfaces",
    "IMeasuredStore": ".interfaces",
    "IQueryStream": ".interfaces",
    "IRelayingHandler": ".interfaces",
    "ISharedStore": ".interfaces",
    "IValueStore": ".interfaces",
    "Load": "._core.statistics",
    "LookupStep": ".interfaces",
    "MemoryStore": ".values",
    "Pong": ".interfaces",
    "QueryStream": "._net.asking",
    "RateLimit": "._core.limits",
    "RecordHandler": ".values",
    "Reply": ".interfaces",
    "Request": ".interfaces",
    "SQLiteStore": ".values",
    "Standing": "._core.standing",
    "Statistics": "._core.statistics",
    "StoreUsage": ".interfaces",
    "StoredValue": ".interfaces",
    "TableEntry": ".interfaces",
    "ValueHandler": ".values",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object
    if name == "__version__":
        from importlib.metadata import version

        value = version("dwdht_twisted")
    elif name in ("peers", "values"):
        value = import_module(f".{name}", __name__)
    else:
        value = getattr(import_module(_MODULES.get(name, ".errors"), __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
