"""
The environment variables with the network of a program that is told none: its bootstrap nodes, and
the files of its key.
"""

from __future__ import annotations

import os

#: The environment variable with the bootstrap nodes, as ``HOST:PORT``, between commas or spaces.
BOOTSTRAP_VARIABLE = "DWDHT_BOOTSTRAP"

#: The environment variable with the file of the network key, or with both files while the key is
#: replaced.  Between two files is a colon, as in ``PATH``.
KEY_FILE_VARIABLE = "DWDHT_NETWORK_KEY_FILE"


def namedInEnvironment() -> list[str]:
    """The bootstrap nodes in the environment variable `BOOTSTRAP_VARIABLE`, not checked."""
    return os.environ.get(BOOTSTRAP_VARIABLE, "").replace(",", " ").split()


def keyFilesInEnvironment() -> list[str]:
    """The files in the environment variable `KEY_FILE_VARIABLE`, not checked."""
    return [path for path in os.environ.get(KEY_FILE_VARIABLE, "").split(os.pathsep) if path]


__all__ = [
    "BOOTSTRAP_VARIABLE",
    "KEY_FILE_VARIABLE",
    "keyFilesInEnvironment",
    "namedInEnvironment",
]
