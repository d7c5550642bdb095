"""
Subclasses of `DHTNode` that handle commands themselves, and a node as the handler of another node.
"""

from __future__ import annotations

from dwdht_twisted import DHTNode, Request
from dwdht_twisted.interfaces import HandlerResult
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.nodes import COMMAND, NodeTestCase


class SubclassTests(NodeTestCase):
    """
    Nodes whose class overrides `DHTNode.queryReceived` or `DHTNode.updateReceived`.
    """

    def updateNode(self, kind: type[DHTNode]) -> tuple[DHTNode, list[bytes | None]]:
        """
        Send an update to a new node of this class. Return the node, and the values of the replies
        to the query and to the update.
        """
        node = self.node(kind=kind)
        node.register("other", Handler(lambda _: b"registered", lambda _: b"registered"))
        asker = self.node(ephemeral=True)
        stream = asker.update(
            COMMAND, self.target(), b"x", nodes=[self.addressOf(node)], query=True
        ).collect()
        return node, [reply.value for reply in self.clock.runUntil(stream)]

    def test_overriddenMethodsNeedNoHandler(self) -> None:
        """A subclass that overrides both methods answers requests without a registered handler."""

        class Own(DHTNode):
            def queryReceived(self, request: Request) -> HandlerResult:
                return b"query " + (request.value or b"")

            def updateReceived(self, request: Request) -> HandlerResult:
                return b"update " + (request.value or b"")

        _, values = self.updateNode(Own)
        self.assertEqual(values, [b"query x", b"update x"])

    def test_superclassCallsRegisteredHandlers(self) -> None:
        """
        A subclass can call its superclass, which passes other commands to the registered handlers.
        """

        class Own(DHTNode):
            def updateReceived(self, request: Request) -> HandlerResult:
                if request.command == COMMAND:
                    return b"own"
                return super().updateReceived(request)

        node, values = self.updateNode(Own)
        self.assertEqual(values, [None, b"own"])
        asker = self.node(ephemeral=True)
        replies = asker.update("other", self.target(), nodes=[self.addressOf(node)]).collect()
        self.assertEqual([r.value for r in self.clock.runUntil(replies)], [b"registered"])

    def test_nodeServesAsHandlerOfAnother(self) -> None:
        """
        A node that is registered as the handler of a second node answers the requests to the second
        node.
        """
        back = self.node()
        back.register(COMMAND, Handler(lambda _: b"from behind"))
        front = self.node()
        front.register(None, back)
        [reply] = self.collect(self.node(), self.target(), nodes=[self.addressOf(front)])
        self.assertEqual(reply.value, b"from behind")
