"""
What a program can see of a node: the interface, and the immutable values that it gives.
`interfaces` has these names too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from zope.interface import Attribute, Interface

from ._core.health import Health
from ._core.statistics import Statistics
from ._core.wire import Contact


class TableEntry(NamedTuple):
    """
    A contact of the routing table, and when it was heard of last.

    :ivar contact: the contact; it has answered this node, under its id and from its address
    :ivar silence: the seconds since it has last shown that it is there
    :ivar isLate: whether it left a request of this node unanswered lately.  It keeps its place
        until a ping has shown that it is gone.
    """

    contact: Contact
    silence: float
    isLate: bool


class LookupStep(NamedTuple):
    """
    One step of a lookup, a query or an update of this node.

    :ivar lookup: the number of the lookup, which counts from 1 for each node, and is
        `QueryStream.number`
    :ivar kind: ``"started"``; ``"asked"``, ``"answered"``, ``"late"``, ``"punched"`` or
        ``"failed"`` for a node; ``"ended"``
    :ivar time: the time of the step on the clock of the node, in seconds
    :ivar command: the command that is asked; ``"_find_node"`` for the node's own lookups
    :ivar target: 32 bytes
    :ivar isUpdate: whether the step belongs to the second phase of an update, in which the closest
        nodes are sent the update
    :ivar node: the node that was asked; its ``id`` is None when it isn't known.  None at the start
        and at the end
    :ivar hops: the number of nodes on the way from this node's own contacts to that node
    :ivar reason: why the lookup has ended without success: an error in words, or ``"stopped"``;
        otherwise an empty text
    :ivar referrer: of ``"asked"``, the first node that has named the node, or None; of
        ``"punched"``, the node that was asked to relay a ping to it
    :ivar named: of ``"answered"``, the number of contacts in the answer
    :ivar size: of ``"answered"``, the bytes of the value in the answer, or None
    :ivar found: of ``"ended"``, the nodes that were found, closest first; of an update that was not
        stopped, those that got the update
    """

    lookup: int
    kind: str
    time: float
    command: str
    target: bytes
    isUpdate: bool = False
    node: Contact | None = None
    hops: int = 0
    reason: str = ""
    referrer: Contact | None = None
    named: int = 0
    size: int | None = None
    found: tuple[Contact, ...] = ()

    def asDict(self) -> dict[str, object]:
        """
        The step as an object of JSON.

        :return: the fields by name, without those that have their default.  Bytes are in
            hexadecimal, and a contact is an object with ``id``, ``host`` and ``port``.
        """
        defaults = self._field_defaults
        return {
            name: _plain(value)
            for name, value in self._asdict().items()
            if name not in defaults or value != defaults[name]
        }


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Contact):
        return {name: _plain(each) for name, each in value._asdict().items()}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    return value


class IObservedNode(Interface):
    """
    The part of `IDHTNode` that tells how the node is.
    """

    standing = Attribute(
        "`Standing`: at which address others see the node, and whether they reach it there."
    )
    health = Attribute("`Health`: whether the node reaches its network, and why not.")

    def watchHealth(watcher: Callable[[Health], object]) -> Callable[[], None]:
        """
        Call a function with the present health, and each time when the node becomes online,
        degraded or offline.

        A line that is down is noticed within 15 seconds while somebody watches, because the node
        then pings a contact when nobody has answered for 11 seconds.

        :param watcher: called with the new `Health`; what it raises is logged
        :return: a function that ends the watch
        :raises ValueError: when the watcher isn't a function
        """

    def watchLookups(watcher: Callable[[LookupStep], object]) -> Callable[[], None]:
        """
        Call a function at each step of each lookup, query and update of the node.

        :param watcher: called with the `LookupStep`; it has to return soon, and must not use the
            node; what it raises is logged
        :return: a function that ends the watch
        :raises ValueError: when the watcher isn't a function
        """

    def statistics() -> Statistics:
        """What the node has done since it was made, and what it does now."""

    def contacts() -> list[Contact]:
        """The contacts of the routing table.  Each of them has answered this node."""

    def table() -> list[TableEntry]:
        """The contacts of the routing table, and when each was heard of last."""
