"""
The threads in which host names are resolved.

``getaddrinfo`` can't be cancelled, and takes half a minute if no name server answers.  Twisted
calls it in the threads of the reactor, and at its end waits for all of them.  So one silent name
would hold up the end of the program.  The threads of this module are daemons: nothing waits for
them.
"""

from __future__ import annotations

from functools import cache
from threading import Thread
from typing import Any

from twisted.internet._resolver import GAIResolver
from twisted.internet.interfaces import IHostnameResolver
from twisted.python.threadpool import ThreadPool

#: The most names that this process resolves at once; further ones wait.  Twisted's own pool has as
#: many threads.  Larger: silent names that are asked for again and again take more memory.
#: Smaller: a few silent names delay all others.
RESOLUTION_THREADS = 10


class _Daemon(Thread):
    """A thread for which the process does not wait at its end."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options, daemon=True)


class _DaemonPool(ThreadPool):
    """A pool of such threads."""

    threadFactory = _Daemon


@cache
def _threads() -> ThreadPool:
    """The pool of the whole process.  It is never stopped, because a stop waits for the threads."""
    pool = _DaemonPool(0, RESOLUTION_THREADS, "resolution of names")
    pool.start()
    return pool


def nameResolverOf(reactor: Any) -> IHostnameResolver:
    """
    Return the name resolver of a reactor, or a substitute if its threads would hold up a stop.

    A resolver that the application has installed is returned as it is.
    """
    installed: IHostnameResolver = reactor.nameResolver
    if type(installed) is GAIResolver:
        return GAIResolver(reactor, _threads)
    return installed
