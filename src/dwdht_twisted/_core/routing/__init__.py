"""
The routing table: the contacts that a node knows.
"""

from .freshness import LONGEST_CHECK, OPEN_PATHS, SHORTEST_CHECK
from .table import TRUSTED_FOR, K, RoutingTable

__all__ = ["LONGEST_CHECK", "OPEN_PATHS", "SHORTEST_CHECK", "TRUSTED_FOR", "K", "RoutingTable"]
