"""
What a node keeps on the disk to find its way back after a restart.
"""

from .._files import StateFolder
from .keeper import VALUES_FILE, StateKeeper
from .record import NodeRecord

__all__ = ["VALUES_FILE", "NodeRecord", "StateFolder", "StateKeeper"]
