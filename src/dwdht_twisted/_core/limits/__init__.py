"""
Bounds on what a stranger can cost: the numbers, the rates, the shares, and memories that forget.
"""

from .admission import Admission
from .memory import RecentMap
from .rates import FairRate, RateLimit, RateLimiter, TokenBucket
from .shares import HostCounts
from .silences import Silences
from .validated import ValidatedAddresses

__all__ = [
    "Admission",
    "FairRate",
    "HostCounts",
    "RateLimit",
    "RateLimiter",
    "RecentMap",
    "Silences",
    "TokenBucket",
    "ValidatedAddresses",
]
