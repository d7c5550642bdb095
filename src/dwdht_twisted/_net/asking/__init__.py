"""
Asking other nodes: query streams, what reads them, and the resolving of names.
"""

from .queries import Queries
from .resolver import RESOLUTION_TIMEOUT, Resolver
from .stream import QueryStream, Question

__all__ = [
    "RESOLUTION_TIMEOUT",
    "Queries",
    "QueryStream",
    "Question",
    "Resolver",
]
