"""
`DHTService`: the commands that a user handles, and those that the service handles.
"""

from __future__ import annotations

from dwdht_twisted import ICommandHandler, peers, values
from dwdht_twisted.service import DHTService
from dwdht_twisted.values import MemoryStore
from dwdht_twisted.values.keeping.payloads import HAND_OVER
from tests.helpers.networks.doubles import Handler
from tests.helpers.networks.services import ServiceTestCase

#: The commands that a service with a store and announcements handles.
COMMANDS = (values.COMMAND, values.RECORDS, peers.COMMAND, HAND_OVER)


class OwnHandlerTests(ServiceTestCase):
    """
    A user's handler of a command that the service would handle.
    """

    def setUp(self) -> None:
        super().setUp()
        self.store = MemoryStore(self.clock)

    def restart(self, service: DHTService) -> None:
        """Stop a service, wait until it has stopped, and start it again."""
        self.clock.runUntil(service.stopService())
        service.startService()

    def handlers(self, service: DHTService) -> dict[str | None, ICommandHandler]:
        """Return the handlers of a service by command."""
        return dict(service.node._commands._handlers)

    def test_serviceHandlesItsCommands(self) -> None:
        """The service handles the commands of this test, and none of them between two runs."""
        service = self.start(store=self.store)
        for _ in range(2):
            self.assertEqual(sorted(self.handlers(service), key=str), sorted(COMMANDS))
            self.clock.runUntil(service.stopService())
            self.assertEqual(self.handlers(service), {})
            service.startService()

    def test_handlerFromBeforeTheStartStays(self) -> None:
        """A handler that is registered before the start serves its command in each of 3 runs."""
        for command in COMMANDS:
            service, own = self.service(store=self.store), Handler()
            service.node.register(command, own)
            service.startService()
            for _ in range(3):
                self.assertEqual(len(self.handlers(service)), len(COMMANDS))
                self.assertIs(self.handlers(service)[command], own)
                self.restart(service)
            self.clock.runUntil(service.stopService())
            self.assertEqual(self.handlers(service), {command: own})

    def test_handlerOfARunStays(self) -> None:
        """
        A handler that takes the place of the service's own one during a run serves its command
        then, and in each later run.
        """
        for command in COMMANDS:
            service, own = self.start(store=self.store), Handler()
            service.node.unregister(command)
            service.node.register(command, own)
            for _ in range(3):
                self.assertIs(self.handlers(service)[command], own)
                self.restart(service)
            self.clock.runUntil(service.stopService())

    def test_serviceTakesItsCommandBack(self) -> None:
        """After the user's handler is unregistered, the service handles the command again."""
        for command in COMMANDS:
            service, own = self.service(store=self.store), Handler()
            service.node.register(command, own)
            service.startService()
            service.node.unregister(command)
            self.restart(service)
            self.assertIsNot(self.handlers(service)[command], own)
            self.clock.runUntil(service.stopService())

    def test_unregisteredHandlerStopsNoStop(self) -> None:
        """A service whose own handlers were unregistered by the user can be stopped."""
        service = self.start(store=self.store)
        for command in COMMANDS:
            service.node.unregister(command)
        self.clock.runUntil(service.stopService())

    def test_handlerOfOtherCommandsIsNone(self) -> None:
        """A handler of all other commands takes none of those that the service handles."""
        service = self.service(store=self.store)
        service.node.register(None, Handler())
        service.startService()
        self.assertEqual(len(self.handlers(service)), len(COMMANDS) + 1)
        self.clock.runUntil(service.stopService())

    def test_unregisterOnlyThisHandler(self) -> None:
        """``unregister`` with a handler leaves another handler of the command."""
        service, own, other = self.service(), Handler(), Handler()
        service.node.register("echo", own)
        service.node.unregister("echo", other)
        self.assertIs(self.handlers(service)["echo"], own)
        service.node.unregister("echo", own)
        with self.assertRaises(KeyError):
            service.node.unregister("echo", own)
