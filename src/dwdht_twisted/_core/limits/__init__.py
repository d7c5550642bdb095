"""
Bounds on what a stranger can cost: the numbers, the rates, the shares, and memories that forget.
"""

from .admission import Admission
from .memory import RecentMap
from .rates import FairRate, RateLimit, RateLimiter, TokenBucket
from .shares import HostCounts

__all__ = [
    "Admission",
    "FairRate",
    "HostCounts",
    "RateLimit",
    "RateLimiter",
    "RecentMap",
    "TokenBucket",
]
