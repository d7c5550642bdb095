"""
The signal SIGHUP, at which a running process reads its files again.

A part of the process that has a file to reopen or to read again names a function with
`callOnHangup`.  The program calls `handleHangup` once, when it starts.  Both are functions of a
module, because a process has one handler of a signal.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from twisted.logger import Logger

_log = Logger()
_functions: list[Callable[[], object]] = []


class ReloadFailed(Exception):
    """
    A file can't be used, and the process goes on with what it had.

    :param reason: why, and what the process goes on with; the log has it in one line
    """


def callOnHangup(function: Callable[[], object]) -> Callable[[], None]:
    """
    Have a function called at each SIGHUP.

    If it fails, the failure is logged, and the others are called all the same.  `ReloadFailed` is
    logged as one line, and any other exception, which is a fault, with its traceback.

    :param function: takes no arguments, and is called in the thread of the reactor, in the order in
        which the functions were named; it returns False if it has logged a failure itself
    :return: a function that ends the calls
    """
    _functions.append(function)

    def end() -> None:
        if function in _functions:
            _functions.remove(function)

    return end


def handleHangup(reactor: Any) -> None:
    """
    Call the functions of `callOnHangup` at each SIGHUP, from now to the end of the process.

    Without this call, the signal ends the process.  This does nothing on a system without SIGHUP.
    """
    number = getattr(signal, "SIGHUP", None)
    if number is not None:
        # Python runs the handler between any two instructions, so it only wakes up the reactor.
        signal.signal(number, lambda *_: reactor.callFromThread(hangUp))


def hangUp() -> None:
    """Call the functions of `callOnHangup`, and log that files were reloaded if none failed."""
    hasFailed = False
    for function in list(_functions):
        try:
            if function() is False:
                hasFailed = True
        except ReloadFailed as error:
            hasFailed = True
            _log.error("SIGHUP: {reason}", reason=str(error))
        except Exception:
            hasFailed = True
            _log.failure("reloading a file after SIGHUP failed")
    if not hasFailed:
        _log.info("SIGHUP: files were reloaded")
