"""
The UDP port of a node: opening, sending and reading.
"""

from .port import DatagramPort
from .reading import DatagramReader, canReadOtherwise

__all__ = ["DatagramPort", "DatagramReader", "canReadOtherwise"]
