"""
The reactor of one host: its time, system events, threads and ports.
"""

from .host import HostReactor, Hosts, addressOf

__all__ = ["HostReactor", "Hosts", "addressOf"]
