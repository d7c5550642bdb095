"""
What a node keeps on the disk to find its way back after a restart.
"""

from .folder import StateFolder

__all__ = ["StateFolder"]
