"""
Answering other nodes: internal commands, address validation, relayed pings, the handlers of users.
"""

from .registry import CommandRegistry
from .responder import Responder

__all__ = [
    "CommandRegistry",
    "Responder",
]
