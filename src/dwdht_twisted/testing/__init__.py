"""
A network in memory, to test a networked application with trial and to simulate large networks.

No socket is opened and no real time passes.  A `MemoryNetwork` carries datagrams and TCP
connections, and a `SimulatedClock` keeps the time.  Each host has a reactor of its own,
`MemoryNetwork.reactor`, which an application uses in place of the real one.  Latency, loss,
duplication, reordering and partitions are set on the network.  All random choices follow from one
seed, so a failed run can be repeated exactly.

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

A node uses the reactor of a host as any application does: ``DHTNode(network.reactor("10.0.0.2"),
bootstrap=["10.0.0.1:6620"])``.  The Deferreds of the node fire within ``clock.runUntil``, so a
``SynchronousTestCase`` is enough for hours of simulated time.

`SimulatedClock.runUntil` takes a Deferred, a coroutine or a function that returns something true.
`SimulatedClock.runFor` lets a number of seconds pass.

An application's own service runs on a host too, with its timers, threads, databases and system
events.  The service in this example keeps its received datagrams in a database::

    from twisted.application.service import Service
    from twisted.enterprise.adbapi import ConnectionPool
    from twisted.internet.protocol import DatagramProtocol
    from twisted.trial.unittest import SynchronousTestCase

    from dwdht_twisted.testing import MemoryNetwork, SimulatedClock


    class Journal(Service, DatagramProtocol):
        def __init__(self, reactor, path):
            self.reactor = reactor
            self.database = ConnectionPool(
                "sqlite3", path, check_same_thread=False, cp_reactor=reactor
            )

        async def open(self):
            await self.database.runOperation("CREATE TABLE IF NOT EXISTS lines (line)")
            self.port = self.reactor.listenUDP(514, self)

        def datagramReceived(self, datagram, address):
            self.database.runOperation("INSERT INTO lines VALUES (?)", (datagram,))

        async def read(self):
            rows = await self.database.runQuery("SELECT line FROM lines")
            return [line for (line,) in rows]

        def stopService(self):
            super().stopService()
            return self.port.stopListening()


    class JournalTests(SynchronousTestCase):
        def test_restart(self):
            \"\"\"
            A received line is still in the database after the host was shut down and restarted.
            \"\"\"
            clock = SimulatedClock()
            network = MemoryNetwork(clock, seed=1, latency=0.04)
            sender = DatagramProtocol()
            network.reactor("10.0.0.2").listenUDP(0, sender)
            path = self.mktemp()
            for line in (b"one", b"two"):
                host = network.reactor("10.0.0.1")
                journal = Journal(host, path)
                host.addSystemEventTrigger("before", "shutdown", journal.stopService)
                clock.runUntil(journal.open())
                sender.transport.write(line, ("10.0.0.1", 514))
                clock.runFor(1)
                lines = clock.runUntil(journal.read())
                clock.runUntil(host.shutDown())
            self.assertEqual(lines, [b"one", b"two"])

`CertifiedMembers` makes the members of a private network by certificate.  A private network by key
needs only a key: ``DHTNode(..., networkKey=bytes(32))``.

The module `stores` has the tests that every store for values passes, for the author of another one.

Differences from a real network:

- A datagram to a closed port vanishes, and its sender gets no error.
- There is no broadcast and no multicast.
- Datagrams of a host to itself, by its own address or by a loopback address, have the same latency
  and faults as datagrams to others.
- Nothing is logged when a port opens or closes.
- A TCP connection sends up to 64 KiB at a time, and more once the other end has read that.  Each
  such segment has the latency of a datagram.  A lost segment is sent again after 1, 2, 4 seconds
  and so on, and after 63 seconds in all its connection is lost.  Segments are not counted as
  datagrams, and ``onDatagram`` isn't called for them.
- All bytes that were written before ``loseConnection`` or ``loseWriteConnection`` arrive before the
  end, whatever the latency and the loss, unless the receiver has closed the connection itself.
  A real system may drop bytes when its other end sends bytes that are never read.
- A connection to a host that was never made gets no answer, and one to a closed port is refused.

Differences of `HostReactor` from a real reactor:

- It has no TLS of its own, no processes and no file descriptors.
- It runs from the beginning: ``callWhenRunning`` calls at once, ``"startup"`` isn't fired, and
  ``run`` raises ReactorAlreadyRunning.  The clock runs the reactors of all hosts.
- `HostReactor.shutDown` takes the place of a signal; an application may call ``stop`` as well.
  `HostReactor.crash` ends a host as if its process was killed.  After a shutdown or a crash,
  `MemoryNetwork.reactor` returns a new reactor for the same address.
- ``getDelayedCalls`` lists the calls of all hosts.
- `MemoryNetwork.changeAddress` gives a running host another address; its ports stay open.
- `HostReactor.setClock` sets the clock of a host forward or back.  ``advance`` of the network's
  clock lets all hosts sleep.
- The work of a thread is done at once, in the thread of the test and in no simulated time.  The
  result of the work comes on the next turn of the clock.  This holds for ``callInThread``, for
  ``deferToThreadPool(reactor, reactor.getThreadPool(), ...)``, for a ``ConnectionPool`` with
  ``cp_reactor=reactor`` and for ``SQLiteStore``.
- ``deferToThread`` always uses the global reactor.  Use ``deferToThreadPool`` instead, or
  ``self.patch(twisted.internet, "reactor", reactor)`` in the test.
- ``blockingCallFromThread`` raises RuntimeError, because it would wait for its own thread.
- Threads that an application starts by itself are real.  ``runUntil`` doesn't wait for them.

As in reality:

- ``getHost`` of a port without an interface returns ``0.0.0.0``.
- ``stopListening`` takes a turn of the clock.
- A shutdown runs the functions of ``before``, waits for their Deferreds, and then runs the
  functions of ``during`` and ``after``.  Ports are closed and timers end when ``during`` begins.
- Any exception of a protocol, a delayed call, a thread or a system event, even SystemExit, is
  logged as a failure and goes no further.  A test clears it with ``flushLoggedErrors``.  Only
  KeyboardInterrupt, `LimitReached` and the exceptions by which pytest and Hypothesis end a test
  leave the clock.
"""

from .certificates import CertifiedMembers
from .clock import LimitReached, SimulatedClock
from .latency import Latency, LogNormalLatency
from .names import ServiceRecord
from .network import MemoryNetwork, Observer
from .port import MemoryPort
from .reactor import HostReactor
from .streams import MemoryStreamPort

__all__ = [
    "CertifiedMembers",
    "HostReactor",
    "Latency",
    "LimitReached",
    "LogNormalLatency",
    "MemoryNetwork",
    "MemoryPort",
    "MemoryStreamPort",
    "Observer",
    "ServiceRecord",
    "SimulatedClock",
]
