"""
The UDP port of a node: opening, sending and reading.
"""

from .port import DatagramPort

__all__ = ["DatagramPort"]
