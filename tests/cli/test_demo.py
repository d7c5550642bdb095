"""
The command ``dwdht demo``.
"""

from __future__ import annotations

from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._cli.demonstration import VALUE, Demonstration
from dwdht_twisted.errors import CannotListen, NoResponse
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock


class DemonstrationTests(SynchronousTestCase):
    """
    A `Demonstration` on one host in memory.
    """

    def setUp(self) -> None:
        self.clock = SimulatedClock()
        self.network = MemoryNetwork(self.clock, seed=2, latency=0.001)
        self.host = self.network.reactor()
        self.lines: list[str] = []

    def start(self, size: int) -> Deferred[bytes]:
        """Start a demonstration with this number of nodes."""
        return Deferred.fromCoroutine(Demonstration(self.host, size, self.lines.append).run())

    def assertReleased(self) -> None:
        """Require that no port is open and no timer is left."""
        self.clock.runFor(0)
        self.assertEqual(list(self.network.ports), [])
        self.assertEqual(list(self.clock.getDelayedCalls()), [])

    def test_demoFindsItsValue(self) -> None:
        """
        A demo of 40 nodes ends with the stored value after it has printed each step. It leaves no
        port and no timer.
        """
        self.assertEqual(self.clock.runUntil(self.start(40)), VALUE)
        self.assertReleased()
        self.assertTrue(self.lines[0].startswith("A bootstrap node listens on 127.0.0.1:"))
        self.assertTrue(self.lines[1].startswith("40 nodes joined in "))
        self.assertTrue(self.lines[-1].startswith("Found within "))
        self.assertTrue(self.lines[-1].endswith(f'"{VALUE.decode()}"'))

    def test_holdersArePrintedClosestFirst(self) -> None:
        """The 20 nodes that stored the value are printed, the closest to the key first."""
        self.clock.runUntil(self.start(40))
        heading = next(number for number, line in enumerate(self.lines) if "bits shared" in line)
        shared = [int(line.split()[-1]) for line in self.lines[heading + 1 : heading + 21]]
        self.assertEqual(shared, sorted(shared, reverse=True))

    def test_lossOfAllDatagramsFails(self) -> None:
        """A demo fails if the network loses every datagram. It leaves no port and no timer."""
        self.network.loss = 1.0
        with self.assertRaises(NoResponse):
            self.clock.runUntil(self.start(5))
        self.assertReleased()

    def test_lackOfPortsFails(self) -> None:
        """A demo fails if a port can't be opened. It leaves no port and no timer."""
        listenUDP, taken = type(self.host).listenUDP, []

        def scarce(*arguments: object) -> object:
            taken.append(arguments)
            if len(taken) > 7:
                raise CannotListen("no more ports")
            return listenUDP(*arguments)  # type: ignore[arg-type]

        self.patch(type(self.host), "listenUDP", scarce)
        with self.assertRaises(CannotListen):
            self.clock.runUntil(self.start(20))
        self.assertReleased()

    def test_cancelledDemoLeavesNothing(self) -> None:
        """A demo cancelled after 0 to 30 milliseconds leaves no port and no timer."""
        for milliseconds in (0, 1, 3, 10, 20, 30):
            running = self.start(30)
            self.clock.runFor(milliseconds / 1000)
            running.cancel()
            with self.assertRaises(CancelledError):
                self.clock.runUntil(running)
            self.assertReleased()
