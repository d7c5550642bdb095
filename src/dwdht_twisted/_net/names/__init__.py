"""
The resolution of host names.
"""

from .resolver import RESOLUTION_TIMEOUT, Resolver, isService

__all__ = ["RESOLUTION_TIMEOUT", "Resolver", "isService"]
