"""
What a node tells systemd: that it is ready, and how it is (``sd_notify(3)``).
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from twisted.internet.defer import Deferred

from .._core.health import Health
from ..service import DHTService
from .running.hangup import callOnHangup
from .running.stopping import stopAsFailed

#: The environment variable that names the socket of systemd.
SOCKET_VARIABLE = "NOTIFY_SOCKET"


def notify(text: str) -> None:
    """
    Send a message to systemd, if there is a socket for it.

    A message that can't be sent is lost: the node works without it.

    :param text: assignments such as ``READY=1``, one on each line
    """
    path = os.environ.get(SOCKET_VARIABLE, "")
    # An "@" stands for the zero byte of a name in the abstract namespace of Linux.
    if not path.startswith(("/", "@")):
        return
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
        sender.setblocking(False)
        sender.sendto(text.encode(), path.replace("@", "\0", 1) if path[0] == "@" else path)


class NotifyingService(DHTService):
    """
    A service that is a process of its own, and tells systemd of its node.

    The process is ready when the port is open.  Its network may be down for hours, and systemd
    would stop it meanwhile.  If the operating system closes the port, the process ends with status
    1.
    """

    def __init__(self, reactor: Any, **options: Any) -> None:
        super().__init__(reactor, **options)
        self._reactor = reactor
        self._endWatch: Callable[[], None] | None = None
        self._endReloads: Callable[[], None] | None = None

    def startService(self) -> None:
        """Start the node, and say that it is ready once the reactor runs."""
        super().startService()
        self._endWatch = self.node.watchHealth(self._healthChanged)
        self._endReloads = callOnHangup(self.reload)
        # Before, a signal may end the process: see `takeSignals`.
        self._reactor.callWhenRunning(self._tellReady)

    def stopService(self) -> Deferred[None]:
        """Stop the node, and say so."""
        for end in (self._endWatch, self._endReloads):
            if end is not None:
                end()
        notify("STOPPING=1")
        return super().stopService()

    def _tellReady(self) -> None:
        if self.running:
            notify(f"READY=1\nSTATUS={self.health}")

    def _healthChanged(self, health: Health) -> None:
        notify(f"STATUS={health}")
        if self.running and self.node._isDestroyed:
            # Whatever runs the process starts it again when it has failed.
            self._log.critical(
                "the port of the node was closed by the operating system; the process ends"
            )
            stopAsFailed(self._reactor)
