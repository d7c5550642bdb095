"""
A node on a machine whose clock is set while a ping waits for an answer:

    python -m tests.helpers.processes.clock_step SECONDS

Prints the seconds that the ping took. It ends by a time-out, because nobody answers.
"""

from __future__ import annotations

import socket
import sys
import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from dwdht_twisted import DHTNode, RequestTimeout


async def main(reactor: Any, step: float) -> None:
    """Set the clock of the reactor a moment after the ping has been sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        node = DHTNode(reactor)
        node.listen(0, "127.0.0.1")
        begun = time.monotonic()
        ping = node.ping(silent.getsockname())
        await moment(reactor)
        reactor.seconds = lambda: time.time() + step
        try:
            await ping
        except RequestTimeout:
            print(time.monotonic() - begun)
        await node.destroy()


def moment(reactor: Any) -> Deferred[None]:
    """Return a Deferred that fires after a tenth of a second."""
    over: Deferred[None] = Deferred()
    reactor.callLater(0.1, over.callback, None)
    return over


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(main(reactor, float(sys.argv[1]))))
