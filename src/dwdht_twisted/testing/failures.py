"""
The exceptions of the code under test: most are logged, and a few stop the test.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from twisted.logger import Logger

#: Packages whose exceptions stop a test, such as those of ``pytest.fail`` and
#: ``hypothesis.assume``.
_TEST_RUNNERS = frozenset({"_pytest", "hypothesis"})


class LimitReached(AssertionError):
    """
    An event didn't happen within its limit of simulated time.
    """


def stopsTest(error: BaseException) -> bool:
    """
    Whether an exception is meant for the test and not for the reactor.

    A real reactor logs every exception of application code, even SystemExit, and goes on.  A
    simulation raises KeyboardInterrupt, `LimitReached` and the exceptions by which test runners end
    a test.  If it logged these exceptions, it would run on to its end.
    """
    return isinstance(error, (KeyboardInterrupt, LimitReached)) or any(
        each.__module__.partition(".")[0] in _TEST_RUNNERS for each in type(error).__mro__
    )


@contextmanager
def failuresLogged(log: Logger, format: str, **values: Any) -> Iterator[None]:
    """
    Log an exception of the block as a failure, unless it stops the test.

    :param format: the format of the log message
    :param values: the values for the format
    """
    try:
        yield
    except BaseException as error:
        if stopsTest(error):
            raise
        log.failure(format, **values)


__all__ = ["LimitReached", "failuresLogged", "stopsTest"]
