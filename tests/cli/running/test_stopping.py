"""
The end of a process that is a node.
"""

from __future__ import annotations

import sys
from time import monotonic

from twisted.internet.defer import Deferred
from twisted.python.usage import UsageError
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import DHTNode
from dwdht_twisted._cli.tap import Options
from tests.helpers.processes.programs import TWISTD, ProgramTestCase

#: An application that begins 100 queries when its node has joined.
LOOKUPS = """
from twisted.application import service
from twisted.internet import reactor
from dwdht_twisted._cli.tap import Options, makeService

options = Options()
options.parseOptions({arguments})
dht = makeService(options)
application = service.Application("lookups")
dht.setServiceParent(application)


def begin(_):
    for number in range(100):
        work = dht.node.query("slow", bytes([number] * 32)).collect()
        work.addBoth(lambda result: print("a query has ended"))
    print("100 queries have begun")


reactor.callWhenRunning(lambda: dht.node.ready().addCallback(begin))
"""

#: An application whose stop hangs.
HANGS = """
import time
from twisted.application import service
from twisted.internet import defer, reactor
from dwdht_twisted._cli.tap import Options, makeService

options = Options()
options.parseOptions(["--interface", "127.0.0.1", "--stop-within", "1"])
dht = makeService(options)
application = service.Application("hangs")
dht.setServiceParent(application)
reactor.callWhenRunning(lambda: dht.callBeforeStop({function}))
reactor.callLater(0.5, print, "it runs")
"""

#: The same, but its log is a pipe that takes no line any more when it stops.
JAMS = (
    HANGS.format(function="jam")
    + """

import fcntl, os


def jam():
    reader, writer = os.pipe()
    flags = fcntl.fcntl(writer, fcntl.F_GETFL)
    fcntl.fcntl(writer, fcntl.F_SETFL, flags | os.O_NONBLOCK)
    try:
        while True:
            os.write(writer, bytes(4096))
    except BlockingIOError:
        fcntl.fcntl(writer, fcntl.F_SETFL, flags)
    for number in (1, 2):
        os.dup2(writer, number)
    return defer.Deferred()
"""
)


class OptionTests(SynchronousTestCase):
    """
    The option ``--stop-within``.
    """

    def test_timeIsRead(self) -> None:
        """The time of a stop is a number of seconds, 8 by default."""
        options = Options()
        options.parseOptions([])
        self.assertEqual(options["stop-within"], 8.0)
        error = self.assertRaises(UsageError, Options().parseOptions, ["--stop-within", "0"])
        self.assertEqual(
            str(error), "--stop-within must be a number of seconds above 0, up to 86400, not '0'"
        )


class ProcessTests(ProgramTestCase):
    """
    Programs that get SIGTERM.
    """

    async def startSlowNetwork(self) -> str:
        """Start three nodes in this process whose handlers never end; return a bootstrap node."""
        bootstrap = ""
        for _ in range(3):
            node = DHTNode(self.reactor, bootstrap=[bootstrap] if bootstrap else ())
            self.addCleanup(node.destroy)
            node.register("slow", query=lambda request: Deferred())
            node.listen(0, "127.0.0.1")
            bootstrap = str(node.address())
            await node.ready()
        return bootstrap

    async def test_lookupsAreGivenUp(self) -> None:
        """
        SIGTERM amid 100 queries ends ``twistd dwdht`` within its deadline, with status 0, and ends
        each query.
        """
        arguments = ["--bootstrap", await self.startSlowNetwork(), "--interface", "127.0.0.1"]
        (self.folder / "application.py").write_text(LOOKUPS.format(arguments=arguments))
        program = self.start(*TWISTD, "--no_save", "--python", "application.py")
        await program.says("100 queries have begun")
        self.assertNotIn("a query has ended", program.text)
        began = monotonic()
        program.send("TERM")
        await program.end(20)
        self.assertLess(monotonic() - began, 8.0)
        self.assertEqual((program.exitCode, program.signal), (0, None), program.text)
        self.assertEqual(program.text.count("a query has ended"), 100)
        self.assertIn("stopped after ", program.text)
        self.assertNotIn("Traceback", program.text + program.errorText)

    async def test_secondSignalChangesNothing(self) -> None:
        """Two signals end a node with status 0, without a traceback."""
        program, _ = await self.startNode()
        program.send("TERM")
        program.send("TERM")
        await program.end(20)
        self.assertEqual(program.exitCode, 0, program.text)
        self.assertNotIn("Traceback", program.text + program.errorText)

    async def test_stopThatHangsEnds(self) -> None:
        """
        A stop that waits for ever ends after the time of ``--stop-within``, with status 1 and a
        line in the log. So does one whose reactor is busy.
        """
        for function in ("defer.Deferred", "lambda: time.sleep(60)"):
            (self.folder / "application.py").write_text(HANGS.format(function=function))
            program = self.start(*TWISTD, "--no_save", "--python", "application.py")
            await program.says("it runs")
            began = monotonic()
            program.send("TERM")
            await program.end(30)
            self.assertGreaterEqual(monotonic() - began, 0.9)
            self.assertEqual(program.exitCode, 1, program.text)
            self.assertIn("the stop took more than 1 seconds; the process ends", program.text)

    async def test_logThatHangsDelaysNoStop(self) -> None:
        """A stop that hangs ends after its time although nobody reads the log any more."""
        (self.folder / "application.py").write_text(JAMS)
        program = self.start(*TWISTD, "--no_save", "--python", "application.py")
        await program.says("it runs")
        program.send("TERM")
        await program.end(30)
        self.assertEqual(program.exitCode, 1, program.text)

    async def test_interruptedNodeHasADeadline(self) -> None:
        """SIGINT begins the deadline of ``dwdht node`` as well."""
        code = (
            "import sys, time; from dwdht_twisted import DHTService; "
            "from dwdht_twisted._cli.main import main; "
            "DHTService.stopService = lambda self: time.sleep(60); "
            "main(['node', '--interface', '127.0.0.1', '--stop-within', '1'])"
        )
        program = self.start("sh", "-c", f'exec {sys.executable} -c "{code}" 2>&1')
        await program.says("bootstrap nodes")
        await self.pause()
        program.send("INT")
        await program.end(30)
        self.assertEqual(program.exitCode, 1, program.text)
        self.assertIn("the stop took more than 1 seconds", program.text)
