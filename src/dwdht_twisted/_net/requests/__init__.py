"""
Requests in flight, and the pings that others make a node send.
"""

from .caller import Caller
from .probes import Probes
from .requests import (
    RELAY_WAITS,
    TRANSMISSIONS,
    OnAnswer,
    OnFailure,
    OnLate,
    OnMissed,
    OutgoingRequest,
    Requests,
)

__all__ = [
    "RELAY_WAITS",
    "TRANSMISSIONS",
    "Caller",
    "OnAnswer",
    "OnFailure",
    "OnLate",
    "OnMissed",
    "OutgoingRequest",
    "Probes",
    "Requests",
]
