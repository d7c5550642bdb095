"""
Joining a network, and what a node does by itself so that its table stays true.
"""

from .membership import Membership
from .upkeep import Upkeep

__all__ = [
    "Membership",
    "Upkeep",
]
