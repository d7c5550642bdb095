"""
Where a node stands: the address at which others see it, and who reaches it there.
"""

from .recent import RecentHosts
from .standing import Standing, describe
from .views import FEWEST_VIEWS, VIEWS_WANTED, Opinion, Views

__all__ = [
    "FEWEST_VIEWS",
    "VIEWS_WANTED",
    "Opinion",
    "RecentHosts",
    "Standing",
    "Views",
    "describe",
]
