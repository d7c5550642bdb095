"""
The arguments of functions that use a node, and of the calls of a node: a wrong one is refused at
once.
"""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTNode, DHTService, peers, values
from dwdht_twisted._net.asking.consumers import Collection
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.values import TreeKey
from dwdht_twisted.values.signed.signing import signed
from tests.helpers.networks.nodes import COMMAND
from tests.values.signed.handlers import KEY

TOPIC = bytes(32)

#: The public functions whose first argument is a node, and calls of them that are right otherwise.
FUNCTIONS: list[tuple[Callable[..., Any], tuple[object, ...]]] = [
    (values.put, (b"value",)),
    (values.get, (TOPIC,)),
    (values.putLarge, (b"value",)),
    (values.getLarge, (TreeKey(TOPIC), Collection())),
    (values.publish, (KEY, b"value")),
    (values.publishSigned, (signed(KEY, b"value", 1),)),
    (values.resolve, (TOPIC,)),
    (peers.announce, (TOPIC,)),
    (peers.unannounce, (TOPIC,)),
    (peers.lookUp, (TOPIC,)),
]

#: What is neither True nor False.
WRONG_FLAGS: tuple[object, ...] = ("no", "", 0, 1, None, [])


class CallTestCase(SynchronousTestCase):
    """
    A base for tests with a network.
    """

    def setUp(self) -> None:
        self.network = MemoryNetwork(SimulatedClock())
        self.node = DHTNode(self.network.reactor())
        self.addCleanup(self.node.destroy)


class NodeArgumentTests(CallTestCase):
    """
    Something else where a node is needed.
    """

    def test_whatIsNoNodeIsRefused(self) -> None:
        """
        Each public function that takes a node refuses an address, the class, a reactor and nothing.
        """
        for call, others in FUNCTIONS:
            for wrong in ("localhost:10001", ("localhost", 10001), self.network.reactor(), None, 5):
                refused = self.assertRaises(ValueError, call, wrong, *others)
                self.assertIn(f"a node is needed, not {wrong!r}", str(refused), call.__name__)

    def test_serviceIsRefusedWithAHint(self) -> None:
        """Each of them refuses a service, and says what to pass instead."""
        service = DHTService(self.network.reactor())
        for call, others in FUNCTIONS:
            refused = self.assertRaises(ValueError, call, service, *others)
            self.assertIn("pass its attribute node", str(refused), call.__name__)

    def test_allFunctionsAreNamed(self) -> None:
        """The list of this module has all public functions whose first argument is a node."""
        public = {
            getattr(module, name)
            for module in (values, peers)
            for name in module.__all__
            if callable(getattr(module, name)) and not isinstance(getattr(module, name), type)
        }
        taking = {call for call in public if next(iter(signature(call).parameters), "") == "node"}
        self.assertEqual(taking, {call for call, _ in FUNCTIONS})


class OptionTests(CallTestCase):
    """
    Options and watchers of a node.
    """

    def test_flagIsTrueOrFalse(self) -> None:
        """Each option of a query and of an update that is on or off is True or False."""
        found = 0
        for call in (self.node.query, self.node.update):
            for name, parameter in signature(call).parameters.items():
                if not isinstance(parameter.default, bool):
                    continue
                found += 1
                for wrong in WRONG_FLAGS:
                    options: dict[str, Any] = {name: wrong}
                    refused = self.assertRaises(ValueError, call, COMMAND, TOPIC, **options)
                    self.assertIn(f"{name} is True or False, not {wrong!r}", str(refused))
        self.assertEqual(found, 7)

    def test_watcherIsAFunction(self) -> None:
        """What isn't a function can't watch the health or the lookups of a node."""
        for watch in (self.node.watchHealth, self.node.watchLookups):
            for wrong in (None, 5, "print"):
                given: Any = wrong
                refused = self.assertRaises(ValueError, watch, given)
                self.assertIn("a watcher is a function", str(refused))


class ConsumerTests(CallTestCase):
    """
    Something else where a consumer is needed.
    """

    def test_whatIsNoConsumerIsRefused(self) -> None:
        """Each function that writes to a consumer refuses what is none, and the stream stays."""
        key = TreeKey(TOPIC)
        for wrong in (None, 5, object(), print):
            given: Any = wrong
            query, found = self.node.query(COMMAND, TOPIC), peers.lookUp(self.node, TOPIC)
            for call in (
                query.startProducing,
                found.startProducing,
                lambda consumer: values.getLarge(self.node, key, consumer),
            ):
                refused = self.assertRaises(ValueError, call, given)
                self.assertIn(f"an IConsumer is needed, not {wrong!r}", str(refused))
            for stream in (query, found):
                stream.startProducing(Collection()).cancel()


class TransferArgumentTests(CallTestCase):
    """
    The options of large values and of signed records.
    """

    def test_optionsOfLargeValues(self) -> None:
        """An offset is a whole number from 0 on, ``known`` is bytes, and a transfer is one."""
        key, consumer = TreeKey(TOPIC), Collection()
        wrongs: list[tuple[str, object]] = [
            *(("offset", wrong) for wrong in (-1, "x", None, 1.5, True)),
            *(("transfer", wrong) for wrong in (5, "x", object())),
        ]
        for name, wrong in wrongs:
            options: dict[str, Any] = {name: wrong}
            put = self.assertRaises(ValueError, values.putLarge, self.node, b"x", **options)
            get = self.assertRaises(
                ValueError, values.getLarge, self.node, key, consumer, **options
            )
            self.assertEqual(str(put), str(get))
            self.assertIn(f"not {wrong!r}", str(put))
        given: Any = "x"
        refused = self.assertRaises(
            ValueError, values.getLarge, self.node, key, consumer, known=given
        )
        self.assertEqual(str(refused), "known is bytes, not str")

    def test_sequenceNumberIsNoFlag(self) -> None:
        """True and False are no sequence numbers of a record."""
        for name in ("sequence", "expected"):
            options: dict[str, Any] = {name: True}
            refused = self.assertRaises(
                TypeError, values.publish, self.node, KEY, b"value", **options
            )
            self.assertEqual(str(refused), f"{name} must be a number, not bool")
