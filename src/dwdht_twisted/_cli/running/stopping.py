"""
The end of a process that is a node.
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
from contextlib import suppress
from time import sleep
from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.logger import Logger
from twisted.python import usage

from ..options import readSeconds

#: The default of ``--stop-within``, in seconds.  Larger: ``docker stop`` kills the process before,
#: after 10 seconds, and the log doesn't say why.  Smaller: an announcement is not taken back,
#: which takes up to 5 seconds.
STOP_WITHIN = 8.0

#: The seconds that the log has for the line about a stop that took too long.  It may be what hangs:
#: a pipe whose reader has stopped takes no line.  Larger: the process ends later.  Smaller: a slow
#: disk leaves the line out.
LOGGED_WITHIN = 1.0

#: The exit status of a process that did not stop in time, or whose node was lost.
FAILED = 1


class StopOptions(usage.Options):
    """
    The option that limits the time of a stop.

    After ``postOptions``, ``self["stop-within"]`` is in seconds.
    """

    optParameters = [
        [
            "stop-within",
            None,
            f"{STOP_WITHIN:g}",
            "The most seconds that the stop may take; then the process ends with exit status 1.",
        ]
    ]

    def postOptions(self) -> None:
        """Read the time."""
        super().postOptions()
        self["stop-within"] = readSeconds(self["stop-within"], "--stop-within")


class Stop:
    """
    The stop of a process, which is over after some time even if a part of it hangs.

    :param seconds: the time
    """

    _log = Logger()

    def __init__(self, reactor: Any, seconds: float) -> None:
        self._reactor = reactor
        self._seconds = seconds
        self._hasBegun = False
        self._begun = threading.Event()

    def handleSignals(self) -> None:
        """
        Stop the reactor at SIGTERM and SIGINT.  Call this once the reactor runs.

        The reactor's own handlers would have ``twistd`` end by the signal, and not with status 0.
        """
        # The reactor may be what hangs, so a thread counts the time.  It is started now, because no
        # further thread may be had when the signal comes.
        threading.Thread(target=self._count, name="stop", daemon=True).start()
        for number in (signal.SIGTERM, signal.SIGINT):
            # A shell that has no jobs lets the programs in its background ignore SIGINT.
            if signal.getsignal(number) is not signal.SIG_IGN:
                signal.signal(number, lambda *_: self._terminate())
                # The reactor takes this handler away when it has stopped.  The interpreter takes
                # some time to end after that, and a second signal would change its status.
                atexit.register(signal.signal, number, signal.SIG_IGN)
        # A call of reactor.stop() begins a stop, too.
        self._reactor.addSystemEventTrigger("before", "shutdown", self.begin)

    def begin(self) -> None:
        """Count the time from now on."""
        # A signal may come within this method, and an event can't be set while it is being set.
        if not self._hasBegun:
            self._hasBegun = True
            self._begun.set()

    def _terminate(self) -> None:
        self.begin()
        self._reactor.callFromThread(self._stopReactor)

    def _stopReactor(self) -> None:
        # A second signal may come while the reactor stops.
        with suppress(ReactorNotRunning):
            self._reactor.stop()

    def _count(self) -> None:
        self._begun.wait()
        sleep(self._seconds)
        try:
            logging = threading.Thread(target=self._logLate, daemon=True)
            logging.start()
            logging.join(LOGGED_WITHIN)
        finally:
            # An ordinary exit would wait for threads, such as that of a store.
            os._exit(FAILED)

    def _logLate(self) -> None:
        self._log.error(
            "the stop took more than {seconds:g} seconds; the process ends before it is over",
            seconds=self._seconds,
        )


def stopAsFailed(reactor: Any) -> None:
    """Stop the reactor, and let the process end with status 1."""
    # A reactor stops with status 0, and twistd has no other way.  This is called last: twistd has
    # removed the file with its process id by then.
    atexit.register(_fail)
    with suppress(ReactorNotRunning):
        reactor.stop()


def _fail() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):
            stream.flush()
    os._exit(FAILED)
