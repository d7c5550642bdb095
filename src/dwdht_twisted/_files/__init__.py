"""
Files that outlive a process.
"""

from .folder import StateFolder

__all__ = ["StateFolder"]
