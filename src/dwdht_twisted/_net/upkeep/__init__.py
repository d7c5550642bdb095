"""
Joining a network, and what a node does by itself so that its table stays true.
"""

from .membership import Membership
from .refreshing import REFRESH_AFTER, TableRefresher
from .upkeep import DEAD_GONE_AFTER, Upkeep

__all__ = ["DEAD_GONE_AFTER", "REFRESH_AFTER", "Membership", "TableRefresher", "Upkeep"]
