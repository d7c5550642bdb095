"""
Checks of the options of a `DHTService`.

Each function returns its argument in a standard form, or raises ``ValueError`` with what was given
and what is allowed.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from math import isfinite
from os import PathLike, fspath
from typing import Any, TypeAlias, TypeGuard

from .._storage import checkStore
from ..interfaces import IValueStore, ValueStore
from .summary import SHORTEST_INTERVAL


class Default(Enum):
    """The store of a service that is given none: a file in the folder of the state, if any."""

    STORE = "in the state"


#: A store.
Store: TypeAlias = "IValueStore | ValueStore"

#: The ``store`` of a service.
GivenStore: TypeAlias = "Store | Callable[[], Store] | Default | None"


def checkGivenStore(given: Any) -> GivenStore:
    """Check the ``store`` of a service: a store, a function that makes one, or None."""
    if given is None or isinstance(given, Default):
        return given
    if isMaker(given):
        return given
    try:
        store: Store = checkStore(given)
    except ValueError as error:
        raise ValueError(f"store is a store, a function that makes one, or None: {error}") from None
    return store


def isMaker(given: object) -> TypeGuard[Callable[[], Store]]:
    """Whether a ``store`` makes a store, and isn't one."""
    return callable(given) and (isinstance(given, type) or not hasattr(given, "put"))


def checkState(given: Any) -> str | None:
    """Check the ``state`` of a service: the path of a folder, or None."""
    if given is None:
        return None
    path = fspath(given) if isinstance(given, (str, PathLike)) else None
    if not path or not isinstance(path, str) or "\0" in path:
        raise ValueError(f"state is the path of a folder, or None, not {given!r}")
    return path


def checkSummary(given: Any) -> float | None:
    """Check the ``summary`` of a service: a number of seconds, or None."""
    if given is None:
        return None
    isNumber = isinstance(given, (int, float)) and not isinstance(given, bool)
    if not isNumber or not isfinite(given) or given < SHORTEST_INTERVAL:
        raise ValueError(
            f"summary is a number of seconds, at least {SHORTEST_INTERVAL:.0f}, or None, "
            f"not {given!r}"
        )
    return float(given)


__all__ = [
    "Default",
    "GivenStore",
    "Store",
    "checkGivenStore",
    "checkState",
    "checkSummary",
    "isMaker",
]
