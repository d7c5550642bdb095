"""
Sending requests, and the pings that other nodes make a node send.
"""

from .caller import Caller
from .outgoing import (
    CAREFUL_UPDATE_RETRIES,
    RETRIES,
    UPDATE_REPEATED_FOR,
    UPDATE_RETRIES,
    UPDATE_WAIT,
    Callbacks,
    OnAnswer,
    OnFailure,
    OnLate,
    OutgoingRequest,
    Retries,
)
from .probes import Probes
from .requests import Requests

__all__ = [
    "CAREFUL_UPDATE_RETRIES",
    "RETRIES",
    "UPDATE_REPEATED_FOR",
    "UPDATE_RETRIES",
    "UPDATE_WAIT",
    "Callbacks",
    "Caller",
    "OnAnswer",
    "OnFailure",
    "OnLate",
    "OutgoingRequest",
    "Probes",
    "Requests",
    "Retries",
]
