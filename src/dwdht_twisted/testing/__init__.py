"""
An in-memory UDP network, to test a networked application with trial and to simulate large networks.

No socket is opened and no real time passes.  A `MemoryNetwork` carries the datagrams, and a
`SimulatedClock` keeps the time.  Each host has a reactor of its own, `MemoryNetwork.reactor`, which
an application uses in place of the real one.  Latency, loss, duplication, reordering and partitions
are set on the network.  All chances are drawn from one seed, so that a run that failed can be
repeated exactly.

Example::

    from twisted.internet.defer import Deferred
    from twisted.internet.protocol import DatagramProtocol
    from twisted.trial.unittest import SynchronousTestCase

    from dwdht_twisted.testing import MemoryNetwork, SimulatedClock


    class Echo(DatagramProtocol):
        def datagramReceived(self, datagram, address):
            self.transport.write(datagram, address)


    class Asker(DatagramProtocol):
        def __init__(self):
            self.answer = Deferred()

        def datagramReceived(self, datagram, address):
            self.answer.callback((datagram, address))


    class EchoTests(SynchronousTestCase):
        def test_answer(self):
            \"\"\"
            A datagram that is sent to an echo server comes back after a round trip of 0.08 s.
            \"\"\"
            clock = SimulatedClock()
            network = MemoryNetwork(clock, seed=1, latency=0.04)
            network.reactor("10.0.0.1").listenUDP(7, Echo())
            asker = Asker()
            network.reactor("10.0.0.2").listenUDP(0, asker)
            asker.transport.write(b"hello", ("10.0.0.1", 7))
            answer = clock.runUntil(asker.answer, limit=1)
            self.assertEqual(answer, (b"hello", ("10.0.0.1", 7)))
            self.assertAlmostEqual(clock.seconds(), 0.08)

A node uses such a reactor as any application does: ``DHTNode(network.reactor("10.0.0.2"),
bootstrap=["10.0.0.1:6620"])``.  Its Deferreds fire within ``clock.runUntil``, so that a
``SynchronousTestCase`` is enough for hours of simulated time.

Differences from a real network:

- A datagram to a closed port vanishes, and its sender gets no error.
- There is no broadcast and no multicast.
- Datagrams of a host to itself, by its own address or by a loopback address, have the same latency
  and faults as datagrams to others.
- Nothing is logged when a port opens or closes.

As in reality:

- ``getHost`` of a port without an interface returns ``0.0.0.0``.
- ``stopListening`` takes a turn of the clock.
- An exception from ``datagramReceived`` is logged as a failure, see ``flushLoggedErrors``, and goes
  no further.
"""

from .clock import LimitReached, SimulatedClock
from .host import HostReactor
from .latency import Latency, LogNormalLatency
from .network import MemoryNetwork, Observer
from .port import MemoryPort

__all__ = [
    "HostReactor",
    "Latency",
    "LimitReached",
    "LogNormalLatency",
    "MemoryNetwork",
    "MemoryPort",
    "Observer",
    "SimulatedClock",
]
