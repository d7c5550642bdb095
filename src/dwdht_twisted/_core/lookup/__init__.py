"""
The iterative search: whom to ask next, what an answer changes, when it is over, whom to commit to.
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
