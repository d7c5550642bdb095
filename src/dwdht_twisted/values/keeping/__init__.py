"""
Keeping values alive.

A publisher has a `Keeper`, which puts its values again before they expire:

* `keeper`: the service.
* `schedule`, `records` and `kept`: when it puts what, and its list in a file.
"""

from .keeper import Keeper
from .kept import Kept
from .records import State

__all__ = ["Keeper", "Kept", "State"]
