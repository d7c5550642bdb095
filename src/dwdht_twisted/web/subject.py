"""
What a web server shows.
"""

from __future__ import annotations

from typing import NamedTuple

from ..interfaces import IDHTNode, IValueStore, ValueStore
from ..peers import PeerHandler


class Subject(NamedTuple):
    """
    A node and its parts.

    :ivar node: the node
    :ivar store: where it keeps values for others, or None
    :ivar peers: keeps the announcements of others, or None
    """

    node: IDHTNode
    store: IValueStore | ValueStore | None = None
    peers: PeerHandler | None = None
