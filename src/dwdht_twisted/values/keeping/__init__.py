"""
Keeping values alive.

A publisher has a `Keeper`, which puts its values again before they expire:

* `keeper`: the service.
* `schedule`, `records` and `kept`: when it puts what, and its list in a file.

A holder has a `HandOver`, which hands its values on to other nodes (Kademlia, section 2.5):

* `handover`: the service, and what it knows of its contacts.
* `neighbourhood`: which values are offered to which contacts.
* `offers`: one pass over the store.
* `receiving`: the handler of the command.
* `payloads`: its payloads.
"""

from .handover import HandOver
from .keeper import Keeper
from .kept import Kept
from .records import State

__all__ = ["HandOver", "Keeper", "Kept", "State"]
