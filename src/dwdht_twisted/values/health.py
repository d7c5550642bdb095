"""
Log lines about the failures of a store.
"""

from __future__ import annotations

from twisted.logger import Logger


class StoreHealth:
    """
    Logs the first of several failures of a store or a file, and the recovery.

    Reads and writes have separate instances, because reads still work when the disk is full.

    :param trouble: the log format for the first failure, which contains ``{reason}``
    :param recovery: the log message for the first success after a failure
    """

    def __init__(self, log: Logger, trouble: str, recovery: str) -> None:
        self._log = log
        self._trouble = trouble
        self._recovery = recovery
        self._isFailing = False

    def failed(self, error: Exception) -> None:
        """Note a failure."""
        if not self._isFailing:
            self._isFailing = True
            self._log.error(self._trouble, reason=str(error))

    def worked(self) -> None:
        """Note a success."""
        if self._isFailing:
            self._isFailing = False
            self._log.info(self._recovery)


__all__ = ["StoreHealth"]
