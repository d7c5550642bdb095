"""
A test case for nodes that run their own handlers.
"""

from __future__ import annotations

from typing import Any

from dwdht_twisted import Contact, DHTNode
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, NodeTestCase


class LocalTestCase(NodeTestCase):
    """
    A base for tests of nodes whose queries and updates run their own handlers.

    :ivar handler: the handler of the member made last
    """

    handler: Handler

    def ownContact(self, node: DHTNode) -> Contact:
        """Return the contact of a node in its own replies."""
        return Contact(node.id, "127.0.0.1", node.address().port)

    def member(
        self, *, query: Any = lambda _: b"own", update: Any = None, **options: Any
    ) -> DHTNode:
        """Return a new node with a handler. The handler is recorded as ``handler``."""
        node = self.node(**options)
        self.handler = Handler(query, update or (lambda _: None))
        node.register(COMMAND, self.handler)
        return node
