"""
A program of this package on a machine whose name servers are silent:

    python -m tests.helpers.processes.silent_names dwdht|twistd ARGUMENTS

Each resolution of a name takes `SILENT_SECONDS` and then fails, as with name servers that are out
of reach. Numeric addresses are not affected.
"""

from __future__ import annotations

import socket
import sys
import time
from typing import NoReturn

#: The time that a resolution takes, in seconds. It is longer than any test waits.
SILENT_SECONDS = 60.0


def getaddrinfo(host: object, *_: object, **__: object) -> NoReturn:
    """Take `SILENT_SECONDS`, and fail."""
    time.sleep(SILENT_SECONDS)
    raise socket.gaierror(socket.EAI_AGAIN, f"no name server answers about {host!r}")


def main() -> None:
    """Run the program."""
    # Twisted takes the function when it is imported, so it is replaced before.
    socket.getaddrinfo = getaddrinfo
    program = sys.argv.pop(1)
    if program == "twistd":
        from twisted.scripts.twistd import run

        run()
    else:
        from dwdht_twisted._cli.main import main

        main()


if __name__ == "__main__":
    main()
