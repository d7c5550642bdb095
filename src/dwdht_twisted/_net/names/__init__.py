"""
The resolution of host names.
"""

from .resolver import RESOLUTION_TIMEOUT, Resolver

__all__ = ["RESOLUTION_TIMEOUT", "Resolver"]
