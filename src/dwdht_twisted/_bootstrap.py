"""
The environment variable with the bootstrap nodes of a program that is told none.
"""

from __future__ import annotations

import os

#: The environment variable with the bootstrap nodes, as ``HOST:PORT``, between commas or spaces.
BOOTSTRAP_VARIABLE = "DWDHT_BOOTSTRAP"


def namedInEnvironment() -> list[str]:
    """The bootstrap nodes in the environment variable `BOOTSTRAP_VARIABLE`, not checked."""
    return os.environ.get(BOOTSTRAP_VARIABLE, "").replace(",", " ").split()


__all__ = ["BOOTSTRAP_VARIABLE", "namedInEnvironment"]
