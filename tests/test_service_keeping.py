"""
`DHTService`: the values that it keeps alive, and the hand-over of those in its store.
"""

from __future__ import annotations

from random import Random

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from twisted.trial.unittest import SynchronousTestCase
from zope.interface import implementer

from dwdht_twisted import IValueStore, values
from dwdht_twisted.service import DHTService
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from dwdht_twisted.values import MemoryStore, SQLiteStore
from dwdht_twisted.values.keeping.handover import PASS_EVERY


@implementer(IValueStore)
class PlainStore(dict[bytes, bytes]):
    """A store that can't list its values."""

    def put(self, key: bytes, value: bytes) -> None:
        """Store a value."""
        self[key] = value

    def close(self) -> None:
        """Do nothing."""


class KeepingTests(SynchronousTestCase):
    """
    Services on a network in memory.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=2)
        self.stores = [MemoryStore(self.clock) for _ in range(3)]
        self.first = self.service(self.stores[0], port=6620)

    def service(self, store: object, **options: object) -> DHTService:
        """Return a service that runs until the end of the test."""
        service = DHTService(
            self.network.reactor(),
            store=store,  # type: ignore[arg-type]
            random=Random(len(self.network.ports)),
            **options,  # type: ignore[arg-type]
        )
        service.privilegedStartService()
        service.startService()
        self.addCleanup(lambda: self.clock.runUntil(service.stopService()))
        self.clock.runUntil(service.node.ready())
        return service

    def join(self, store: object) -> DHTService:
        """Add a service to the network."""
        return self.service(store, bootstrap=["10.0.0.1:6620"])

    def test_storedValuesAreHandedOn(self) -> None:
        """A service hands the values of its store on to nodes that join."""
        key = self.clock.runUntil(values.put(self.first.node, b"value"))
        self.join(self.stores[1])
        self.assertIsNone(self.stores[1].get(key))
        self.clock.runFor(1.5 * PASS_EVERY)
        self.assertEqual(self.stores[1].get(key), b"value")

    def test_storesOnDiskTakePart(self) -> None:
        """A value goes from a store in memory to one on the disk, and from there to another."""
        key = self.clock.runUntil(values.put(self.first.node, b"value"))
        disk = SQLiteStore(self.network.reactor(), self.mktemp(), seconds=self.clock.seconds)
        self.addCleanup(lambda: self.clock.runUntil(disk.close()))
        self.join(disk)
        self.clock.runFor(1.5 * PASS_EVERY)
        self.assertEqual(self.clock.runUntil(disk.get(key)), b"value")
        self.stores[0].close()
        self.join(self.stores[1])
        self.clock.runFor(1.5 * PASS_EVERY)
        self.assertEqual(self.stores[1].get(key), b"value")
        lifetime = self.stores[1].remaining(key)
        assert lifetime is not None
        self.assertLess(lifetime, 86400 - 2 * 1.5 * PASS_EVERY)

    def test_nodeThatBecomesAMemberHandsOn(self) -> None:
        """An adaptive node, which is ephemeral at first, hands values on once it is a member."""
        adaptive = self.service(self.stores[1], bootstrap=["10.0.0.1:6620"], adaptive=True)
        self.assertFalse(adaptive.node.ephemeral)
        key = self.clock.runUntil(values.put(adaptive.node, b"value"))
        self.stores[0].close()
        self.join(self.stores[2])
        self.clock.runFor(1.5 * PASS_EVERY)
        self.assertEqual(self.stores[2].get(key), b"value")

    def test_storesOfAnyAgeTakePart(self) -> None:
        """
        Values and records are found, and values are handed on, however long a store keeps them.
        """
        key = Ed25519PrivateKey.generate()
        for age in (float("inf"), 1e300, 2.0**32, 2.0**32 + 30, 100.0):
            network = MemoryNetwork(self.clock, seed=2)
            stores = [MemoryStore(self.clock, maximumAge=age) for _ in range(2)]
            services = [
                DHTService(network.reactor(), store=store, port=6620, bootstrap=["10.0.0.1:6620"])
                for store in stores
            ]
            for service in services:
                service.startService()
                self.clock.runUntil(service.node.ready())
            content = b"%f" % age
            stores[0].put(values.keyOf(content), content)
            self.clock.runUntil(values.publish(services[0].node, key, content))
            found = self.clock.runUntil(values.resolve(services[1].node, values.publicKeyOf(key)))
            self.assertEqual(found.value, content)
            if age > PASS_EVERY:
                self.clock.runFor(1.5 * PASS_EVERY)
                self.assertEqual(stores[1].get(values.keyOf(content)), content)
            for service in services:
                self.clock.runUntil(service.stopService())

    def test_simpleStoreHandsNothingOn(self) -> None:
        """A store that can't list its values is used without a hand-over."""
        plain = PlainStore()
        self.join(plain)
        self.clock.runUntil(values.put(self.first.node, b"value"))
        self.join(self.stores[1])
        self.clock.runFor(1.5 * PASS_EVERY)
        self.assertEqual(list(plain.values()), [b"value"])
        self.assertEqual(len(self.stores[1]), 1)

    def test_keeperKeepsThroughRestarts(self) -> None:
        """The keeper of a service puts its values, also after the service was started again."""
        second = self.join(self.stores[1])
        key = second.keeper.keep(b"value")
        self.clock.runFor(5)
        self.assertEqual(self.stores[0].get(key), b"value")
        self.clock.runUntil(second.stopService())
        self.stores[0].close()
        second.startService()
        self.clock.runFor(60)
        self.assertEqual(self.stores[0].get(key), b"value")

    def test_stateHoldsTheListOfTheKeeper(self) -> None:
        """With a state, another service on the same folder puts what the first one kept."""
        folder = self.mktemp()
        second = self.service(None, bootstrap=["10.0.0.1:6620"], state=folder)
        key = second.keeper.keep(b"value")
        self.clock.runFor(5)
        self.clock.runUntil(second.stopService())
        self.stores[0].close()
        third = self.service(None, bootstrap=["10.0.0.1:6620"], state=folder)
        self.clock.runFor(60)
        self.assertEqual([kept.target for kept in third.keeper.kept()], [key])
        self.assertEqual(self.stores[0].get(key), b"value")
