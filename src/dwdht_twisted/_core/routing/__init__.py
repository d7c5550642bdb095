"""
The routing table: the contacts that a node knows.
"""

from .table import TRUSTED_FOR, K, RoutingTable

__all__ = ["TRUSTED_FOR", "K", "RoutingTable"]
