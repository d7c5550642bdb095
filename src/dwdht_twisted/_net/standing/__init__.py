"""
What a node finds out about itself: its address, and who reaches it.
"""

from .adapting import MEMBER_AFTER, RETEST_AFTER, Adapting
from .reachability import Reachability
from .survey import Survey

__all__ = ["MEMBER_AFTER", "RETEST_AFTER", "Adapting", "Reachability", "Survey"]
