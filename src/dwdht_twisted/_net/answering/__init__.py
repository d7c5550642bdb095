"""
Answering other nodes: the protocol's own commands, users' handlers, address validation, and hole
punches.
"""

from .answers import Answers
from .commands import UserCommands
from .local import OwnRequests
from .naming import NamedContacts
from .relay import Relay
from .responder import Responder
from .validation import AddressValidation

__all__ = [
    "AddressValidation",
    "Answers",
    "NamedContacts",
    "OwnRequests",
    "Relay",
    "Responder",
    "UserCommands",
]
