"""
An in-memory UDP network, to test a networked application with trial and to simulate large networks.

No socket is opened and no time passes: a `MemoryNetwork` carries the datagrams, a
`SimulatedClock` is the time, and each host has a reactor of its own, `MemoryNetwork.reactor`,
which an application takes in place of the real one.  Latency, loss, duplication, reordering and
partitions are set on the network.  All chances are drawn from one seed, so that a run that failed
can be run again, exactly.

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
            A datagram comes back from where it was sent, after a round trip.
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

A node takes such a reactor as any application does: ``DHTNode(network.reactor("10.0.0.2"),
bootstrap=["10.0.0.1:6620"])``.  Its Deferreds fire within ``clock.runUntil``, so that a
``SynchronousTestCase`` is enough for what takes hours of simulated time.

What differs from a real network: a datagram to a closed port vanishes, without a refusal; there is
no broadcast and no multicast; a host sends to itself, by its own address or by a loopback address,
with the same latency and faults as to others; nothing is logged when a port opens or closes.  As in
reality, ``getHost`` of a port that was given no interface says ``0.0.0.0``, ``stopListening`` takes a
turn of the clock, and what a protocol raises from ``datagramReceived`` is logged as a failure (see
``flushLoggedErrors``) and goes no further.
"""

from .clock import LimitReached, SimulatedClock
from .host import HostReactor, MemoryPort
from .network import Latency, LogNormalLatency, MemoryNetwork, Observer

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
