"""
Joining a network, and the periodic work that keeps the routing table up to date.
"""

from .membership import Membership
from .refreshing import REFRESH_AFTER, TableRefresher
from .upkeep import DEAD_GONE_AFTER, INTERVAL, PONG_TOKEN_ROTATION, SLEPT_AFTER, Upkeep
from .vitals import Vitals

__all__ = [
    "DEAD_GONE_AFTER",
    "INTERVAL",
    "PONG_TOKEN_ROTATION",
    "REFRESH_AFTER",
    "SLEPT_AFTER",
    "Membership",
    "TableRefresher",
    "Upkeep",
    "Vitals",
]
