"""
A program that installs the JavaScript side, as the tests do, and prints the path of ``node``.
"""

from __future__ import annotations

import sys

from twisted.internet.defer import Deferred
from twisted.internet.task import react
from twisted.trial.unittest import SkipTest

from tests.helpers.peer.install import installation


async def install(reactor: object) -> None:
    """Print the path of ``node``, or end with the reason why the JavaScript side is missing."""
    try:
        print(await installation.require(reactor))
    except SkipTest as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(install(reactor)))
