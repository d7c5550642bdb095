"""
The handlers that users register with a node, by command.
"""

from .host import HandlerHost
from .registry import CommandRegistry

__all__ = ["CommandRegistry", "HandlerHost"]
