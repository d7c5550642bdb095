"""
What a keeper keeps: the record of a value, and the list of all records in a file.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable
from typing import NamedTuple

from ..._core.wire import ID_BYTES


class Record(NamedTuple):
    """
    What is put again and again.

    :ivar command: the command of the update
    :ivar target: the target of the update, 32 bytes; the key of a value
    :ivar value: the payload of the update
    """

    command: str
    target: bytes
    value: bytes


class Kept(NamedTuple):
    """
    Something that a `Keeper` keeps alive, and what it knows of the holders.

    :ivar command: the command by which it is put, ``values`` for a value
    :ivar target: 32 bytes; the key of a value
    :ivar value: the value itself
    :ivar holders: how many nodes took it the last time; 0 when the last put failed, and None before
        the first put has ended
    :ivar heldBefore: how many of the nodes closest to the target answered with it when they were
        asked just before the last put; None before the first put has ended
    """

    command: str
    target: bytes
    value: bytes
    holders: int | None
    heldBefore: int | None


def encodeRecords(records: Iterable[Record]) -> bytes:
    """Return the content of the file with these records."""
    rows = [
        [command, target.hex(), b64encode(value).decode("ascii")]
        for command, target, value in records
    ]
    return json.dumps(rows, indent=0).encode("ascii")


def decodeRecords(content: bytes) -> list[Record]:
    """
    Read the records in a file.

    :raises ValueError: when the content is not that of such a file
    """
    rows = json.loads(content)
    if not isinstance(rows, list):
        raise ValueError("it is not a list")
    return [_record(row) for row in rows]


def _record(row: object) -> Record:
    if not (isinstance(row, list) and len(row) == 3 and all(isinstance(each, str) for each in row)):
        raise ValueError(f"{row!r} is not a command, a target and a value")
    command, target, value = row
    record = Record(command, bytes.fromhex(target), b64decode(value, validate=True))
    if not record.command or len(record.target) != ID_BYTES:
        raise ValueError(f"{row!r} has no valid command or target")
    return record


__all__ = ["Kept", "Record", "decodeRecords", "encodeRecords"]
