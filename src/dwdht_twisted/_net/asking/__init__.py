"""
Asking other nodes: query streams, their consumers and pings.
"""

from .pings import Pings
from .queries import Queries
from .stream import QueryStream

__all__ = ["Pings", "Queries", "QueryStream"]
