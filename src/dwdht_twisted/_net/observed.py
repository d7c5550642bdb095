"""
What a program can see of a node.
"""

from __future__ import annotations

from collections.abc import Callable

from .._core.health import Health
from .._core.standing import Standing
from .._core.wire import Contact
from .assembly import Parts


class Observed:
    """
    The properties of a node that tell how it is.
    """

    _parts: Parts

    @property
    def health(self) -> Health:
        """Whether the node reaches its network, and why not."""
        return self._parts.vitals.health

    def watchHealth(self, watcher: Callable[[Health], object]) -> Callable[[], None]:
        """
        Call a function with the present health, and each time when the node becomes online,
        degraded or offline.

        A line that is down is noticed within 15 seconds while somebody watches, because the node
        then pings a contact when nobody has answered for 11 seconds.

        :param watcher: called with the new `Health`; what it raises is logged
        :return: a function that ends the watch
        """
        return self._parts.vitals.watch(watcher)

    @property
    def kind(self) -> str:
        """What the node is, in words: a node, an ephemeral node, or an adaptive node."""
        if self._parts.adapting is not None:
            return "adaptive node"
        return "node" if self._parts.caller.identity.sent else "ephemeral node"

    @property
    def standing(self) -> Standing:
        """At which address others see the node, and whether they reach it there."""
        return self._parts.survey.standing

    def contacts(self) -> list[Contact]:
        """The contacts of the routing table.  Each of them has answered this node."""
        return self._parts.table.contacts()
