"""
The routing table: which contacts a node knows, who is proven, and who waits for a place.
"""

from .bucket import Bucket, Entry
from .buckets import Buckets
from .table import TRUSTED_FOR, K, RoutingTable

__all__ = [
    "TRUSTED_FOR",
    "Bucket",
    "Buckets",
    "Entry",
    "K",
    "RoutingTable",
]
