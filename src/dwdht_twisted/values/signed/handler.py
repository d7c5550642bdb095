"""
The handler of the ``records`` command, for a node that keeps records for others.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from twisted.logger import Logger
from zope.interface import implementer

from ..._clock import secondsUp
from ..._core.limits import FairRate
from ..._storage import checkStore
from ...errors import StoreFailed, UpdateRefused
from ...interfaces import ICommandHandler, IValueStore, Request, ValueStore
from ..bounds import SIGNATURE_CHECK_RATE, SIGNATURE_CHECKS_PER_HOST
from .encoding import Message, decode, encode
from .kept import KeptRecords
from .record import Record
from .signing import isSigned
from .turns import Turns


@implementer(ICommandHandler)
class RecordHandler:
    """
    Keeps the newest record of each target, and returns it to nodes that ask for the target.

    Of two records with the same sequence number, the one that `Record.supersedes` prefers is kept.
    So two writers at once leave the same record on all nodes that hear of both.

    A record that its owner publishes again lives for another age of the store.  A record that a
    reader hands on, because this node lacked it, lives as long as it does on the other nodes, if
    their stores can tell.

    The cheap checks of an update come first.  A signature is checked only if the record would
    replace another one, and only within `SIGNATURE_CHECK_RATE`.

    :param store: where the records are kept; it may be the store of a `ValueHandler`, too
    :param seconds: returns the time for the rate of signature checks, in seconds
    :raises ValueError: when ``store`` isn't a store
    """

    _log = Logger()

    def __init__(
        self, store: IValueStore | ValueStore, *, seconds: Callable[[], float] = secondsUp
    ) -> None:
        self._kept = KeptRecords(checkStore(store), self._log)
        self._seconds = seconds
        self._checks = FairRate(SIGNATURE_CHECK_RATE, SIGNATURE_CHECKS_PER_HOST)
        self._turns = Turns()

    async def queryReceived(self, request: Request) -> bytes | None:
        """Return the record of the target, or None if the store doesn't hold it."""
        try:
            record = await self._kept.get(request.target)
            if record is None:
                return None
            return encode(Message(record, lifetime=await self._kept.lifetime(request.target)))
        except StoreFailed:
            return None

    def updateReceived(self, request: Request) -> Awaitable[None]:
        """
        Keep the record.

        :return: fires when the record is kept, and fails with `UpdateRefused` when a newer record
            is kept, when the expected sequence number is not that of the kept record, when the
            signature is wrong, when too many signatures are to be checked, and when the store fails
        :raises UpdateRefused: when the update has no record, when the record is malformed or too
            large or has expired, and when the target isn't that of the record
        """
        message = _checkUpdate(request)
        return self._turns.run(request.target, lambda: self._update(message, request.node.host))

    async def _update(self, message: Message, host: str) -> None:
        record, target = message.record, message.record.target
        try:
            kept = await self._kept.get(target)
            if record == kept:
                if await self._livesAsLong(target, message.lifetime):
                    return
            else:
                if kept is not None:
                    _checkOrder(message, kept)
                self._checkSignature(record, host)
        except StoreFailed as error:
            raise UpdateRefused(f"the kept record can't be read: {error}") from error
        await self._kept.put(record, host, message.lifetime)

    async def _livesAsLong(self, target: bytes, lifetime: int | None) -> bool:
        """Whether the kept record lives for ``lifetime`` already."""
        if lifetime is None:
            return False
        present = await self._kept.lifetime(target)
        return present is None or present >= lifetime

    def _checkSignature(self, record: Record, host: str) -> None:
        if not self._checks.take(host, self._seconds()):
            raise UpdateRefused("too many signatures are to be checked; try again in a second")
        if not isSigned(record):
            raise UpdateRefused("the signature of the record is wrong")


def _checkUpdate(request: Request) -> Message:
    """
    Return the record of an update, whose signature is not checked.

    :raises UpdateRefused: when the record is missing, malformed or expired, or has another target
    """
    if request.value is None:
        raise UpdateRefused("the update carries no record")
    try:
        message = decode(request.value)
    except ValueError as error:
        raise UpdateRefused(str(error)) from error
    target = message.record.target
    if target != request.target:
        raise UpdateRefused(
            f"the target of this record is {target.hex()}, not {request.target.hex()}"
        )
    if message.lifetime == 0:
        raise UpdateRefused("the record has expired")
    return message


def _checkOrder(message: Message, kept: Record) -> None:
    """
    Require that the kept record may be replaced.

    :raises UpdateRefused: when it is newer, or has another sequence number than is expected
    """
    record, expected = message.record, message.expected
    if expected is not None and expected != kept.sequence:
        raise UpdateRefused(
            f"the record with sequence number {kept.sequence} is kept, not {expected}"
        )
    if not record.supersedes(kept):
        raise UpdateRefused(
            f"a newer record is kept: its sequence number is {kept.sequence}, not {record.sequence}"
            if record.sequence < kept.sequence
            else f"another record with sequence number {kept.sequence} is kept and has precedence"
        )


__all__ = ["RecordHandler"]
