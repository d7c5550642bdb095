"""
Sending requests, and the pings that other nodes make a node send.
"""

from .caller import Caller
from .outgoing import UPDATE_WAIT, Callbacks, OnAnswer, OnFailure, OnLate, OutgoingRequest
from .probes import Probes
from .requests import Requests

__all__ = [
    "UPDATE_WAIT",
    "Callbacks",
    "Caller",
    "OnAnswer",
    "OnFailure",
    "OnLate",
    "OutgoingRequest",
    "Probes",
    "Requests",
]
