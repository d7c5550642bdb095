"""
The routing table: which contacts a node knows, which of them are proven, and which wait for a
place.
"""

from .table import TRUSTED_FOR, K, RoutingTable

__all__ = ["TRUSTED_FOR", "K", "RoutingTable"]
