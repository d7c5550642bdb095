"""
The value of an update, which only nodes that have answered are sent.
"""

from __future__ import annotations

from dwdht_twisted import Contact, values
from dwdht_twisted._core import wire
from dwdht_twisted._core.limits.bounds import AMPLIFICATION
from dwdht_twisted._core.wire import COMPACT_CONTACT_BYTES, HostPort, packContact
from dwdht_twisted.values import MAXIMUM_VALUE_BYTES
from tests.helpers.networks.nodes import COMMAND, REQUEST_SECONDS, NodeTestCase

TOKEN = b"t" * 32

#: The largest value of the package's own commands.
VALUE = b"v" * MAXIMUM_VALUE_BYTES


class UpdateValueTests(NodeTestCase):
    """
    Updates and queries of a node that knows one peer. The peer names a silent address.
    """

    def setUp(self) -> None:
        super().setUp()
        self.silent = Contact(self.random.randbytes(32), "60.0.0.1", 6620)
        self.named = packContact(self.silent)
        self.known = self.peer()
        self.known.onRequest = self.serve
        self.asker = self.node(bootstrap=[self.known.address])
        self.clock.runUntil(self.asker.ready())
        self.sent.clear()

    def serve(self, message: wire.RequestMessage, source: HostPort) -> None:
        """Answer a request with a token, and name the silent address."""
        named = None if message.command == wire.PING else self.named
        token = message.roundtripToken or TOKEN
        self.known.send(
            wire.encodeResponse(message.transactionId, self.known.id, named, None, token), source
        )

    def valuesOf(self, isUpdate: bool) -> set[bytes | None]:
        """Return the values of the requests for the command that were sent, of one phase."""
        requests = self.requestsBy(self.addressOf(self.asker))
        return {
            request.value
            for request in requests
            if request.command == COMMAND and (request.roundtripToken is not None) is isUpdate
        }

    def test_searchOfAnUpdateCarriesNoValue(self) -> None:
        """
        An update with ``valueInQuery=False`` searches for nodes without its value, and sends it to
        those that answered.
        """
        self.commit(self.asker, self.target(), VALUE, valueInQuery=False)
        self.assertEqual(self.valuesOf(isUpdate=False), {None})
        self.assertEqual(self.valuesOf(isUpdate=True), {VALUE})

    def test_queryCarriesItsValue(self) -> None:
        """A query, and by default the query of an update, carry the value."""
        self.collect(self.asker, self.target(), value=b"query")
        self.assertEqual(self.valuesOf(isUpdate=False), {b"query"})
        self.sent.clear()
        self.commit(self.asker, self.target(), b"update")
        self.assertEqual(self.valuesOf(isUpdate=False), {b"update"})
        self.assertEqual(self.valuesOf(isUpdate=True), {b"update"})

    def test_handlerOfTheNodeItselfIsSearchedWithoutValue(self) -> None:
        """
        A member that is among the closest gets a query without a value from its own update, like
        every other node.
        """
        queries: list[bytes | None] = []
        self.asker.register(
            COMMAND,
            query=lambda request: queries.append(request.value),
            update=lambda request: None,
        )
        self.commit(self.asker, self.asker.id, VALUE, valueInQuery=False)
        self.assertEqual(queries, [None])

    def test_namedAddressGetsFewBytes(self) -> None:
        """
        A put of a value of 1,000 bytes sends a silent address at most 14 bytes for each byte with
        which an answer named it.
        """
        self.clock.runUntil(values.put(self.asker, VALUE).addErrback(lambda _: None))
        self.clock.runFor(REQUEST_SECONDS)
        sent = self.sentBy(self.addressOf(self.asker), self.silent.address)
        self.assertTrue(sent)
        answers = self.sentBy(self.known.address, self.addressOf(self.asker))
        named = sum(self.named in answer for answer in answers)
        self.assertLessEqual(sum(map(len, sent)), AMPLIFICATION * COMPACT_CONTACT_BYTES * named)
