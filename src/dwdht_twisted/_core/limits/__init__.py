"""
Bounds on the cost that strangers can cause: their numbers, and the classes that enforce them.
"""

from .admission import Admission
from .amplification import ExcessBudget, answerAllowance, namedAllowance
from .memory import RecentMap, SharedMap
from .owners import Owners
from .pace import Pace
from .rates import FairRate, RateLimit, RateLimiter, TokenBucket
from .shares import HostCounts
from .silences import Silences
from .validated import ValidatedAddresses

__all__ = [
    "Admission",
    "ExcessBudget",
    "FairRate",
    "HostCounts",
    "Owners",
    "Pace",
    "RateLimit",
    "RateLimiter",
    "RecentMap",
    "SharedMap",
    "Silences",
    "TokenBucket",
    "ValidatedAddresses",
    "answerAllowance",
    "namedAllowance",
]
