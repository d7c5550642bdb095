"""
Asking other nodes: query streams, their consumers, pings, and the resolution of host names.
"""

from .pings import Pings
from .queries import Queries
from .question import Question
from .resolver import RESOLUTION_TIMEOUT, Resolver
from .stream import QueryStream

__all__ = ["RESOLUTION_TIMEOUT", "Pings", "Queries", "QueryStream", "Question", "Resolver"]
