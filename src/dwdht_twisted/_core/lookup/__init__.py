"""
The iterative search for the nodes closest to a target, and the commit of an update to them.
"""

from .candidate import CREDIT, Candidate, State
from .commit import AskEach, Commit
from .lookup import Lookup
from .search import Search

__all__ = [
    "CREDIT",
    "AskEach",
    "Candidate",
    "Commit",
    "Lookup",
    "Search",
    "State",
]
