"""
Joining a network, and the periodic work that keeps the routing table up to date.
"""

from .membership import Membership
from .refreshing import REFRESH_AFTER, TableRefresher
from .upkeep import DEAD_GONE_AFTER, Upkeep

__all__ = ["DEAD_GONE_AFTER", "REFRESH_AFTER", "Membership", "TableRefresher", "Upkeep"]
