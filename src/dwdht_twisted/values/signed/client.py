"""
`publish` and `resolve`: change a record on the network, and find the newest one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn, TypeAlias

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from ..._awaitable import fromCoroutine
from ..._core.wire import checkId
from ...errors import DHTError, NoCloseNodes, RecordRefused, SequenceTooLow, ValueNotFound
from ...interfaces import IDHTNode, checkNode
from ..keys import checkValue
from .encoding import Message, encode
from .record import MAXIMUM_SEQUENCE, RECORDS, Record, checkSalt, checkSequence
from .seen import SeenRecords
from .signing import isSigned, publicKeyOf, signed
from .survey import Survey

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from ...node import DHTNode

#: A node.  `DHTNode` is named too, because a type checker may not know that it provides `IDHTNode`.
Node: TypeAlias = "DHTNode | IDHTNode"

#: The seconds by which a lifetime is shortened when a reader sends a record to another node.  The
#: query and the update take as long at most, with all retries.  Smaller: a record could live longer
#: with each reader.  Larger: a record that soon expires is on fewer nodes.
TRANSIT_TIME = 24

_log = Logger()

_seen = SeenRecords()


def publish(
    node: Node,
    key: Ed25519PrivateKey,
    value: bytes,
    *,
    sequence: int | None = None,
    salt: bytes = b"",
    expected: int | None = None,
) -> Deferred[Record]:
    """
    Sign a value, and store it as the newest record of a key on the 20 nodes closest to its target.

    The newest record is looked up first.  If a node then refuses the update, it is looked up once
    more, so that a writer learns that another one was faster.

    To keep a record for longer than a day, publish its value again with the same or a higher
    sequence number.

    :param key: an ``Ed25519PrivateKey`` of ``cryptography``; see `createKey` and `loadKey`
    :param value: up to 1,000 bytes
    :param sequence: the sequence number, up to 2**64 - 1; by default one more than that of the
        newest record that is found, and 1 for the first
    :param salt: tells the records of one key apart; up to 64 bytes
    :param expected: the sequence number of the record that this one replaces (compare-and-swap): if
        the newest record has another one, because somebody else has changed it, it is not replaced
    :return: fires with the record; fails with `SequenceTooLow` when a record with a higher number
        is found, with `RecordRefused` when the record is refused for another reason, with
        `NoResponse` when there are other nodes but none answered, with `NoCloseNodes` when no node
        took the record, and with `TooManyRequests` when too many queries wait already
    :raises TypeError: when an argument has the wrong type
    :raises ValueTooLarge: when the value has more than 1,000 bytes, or the salt more than 64
    :raises ValueError: when a sequence number is out of range, or ``node`` isn't a node
    """
    checkNode(node)
    survey = Survey(publicKeyOf(key), checkSalt(salt))
    value = checkValue(value)
    checkSequence(sequence, "sequence")
    checkSequence(expected, "expected")

    async def run() -> Record:
        newest = await _newest(node, survey)
        _checkExpected(newest, expected)
        number = sequence
        if number is None:
            number = 1 if newest is None else newest.sequence + 1
        if number > MAXIMUM_SEQUENCE:
            raise RecordRefused(f"no sequence number is above {MAXIMUM_SEQUENCE}", MAXIMUM_SEQUENCE)
        record = signed(key, value, number, salt)
        _checkNewest(newest, record)
        await _send(node, record, expected)
        _seen.newest(node, record.target, record)
        return record

    return fromCoroutine(run())


def publishSigned(node: Node, record: Record, *, expected: int | None = None) -> Deferred[Record]:
    """
    Store a record that its owner has signed, as `publish` does.  The private key stays elsewhere.

    :param record: the record, with the sequence number that its owner has chosen
    :param expected: as for `publish`
    :return: fires with the record; fails as that of `publish`
    :raises ValueTooLarge: when the value has more than 1,000 bytes, or the salt more than 64
    :raises ValueError: when the signature isn't valid, a sequence number is out of range, or
        ``node`` isn't a node
    """
    checkNode(node)
    survey = Survey(checkId(record.publicKey, "a public key"), checkSalt(record.salt))
    checkValue(record.value)
    checkSequence(record.sequence, "sequence")
    checkSequence(expected, "expected")
    if not isSigned(record):
        raise ValueError("the signature of the record isn't that of its key")

    async def run() -> Record:
        newest = await _newest(node, survey)
        _checkExpected(newest, expected)
        _checkNewest(newest, record)
        await _send(node, record, expected)
        _seen.newest(node, record.target, record)
        return record

    return fromCoroutine(run())


def resolve(
    node: Node, publicKey: bytes, *, salt: bytes = b"", newerThan: int | None = None
) -> Deferred[Record]:
    """
    Find the newest record of a key.

    All 20 nodes closest to the target are asked.  A node never gives an older record than it has
    published or resolved before, as long as it remembers: it remembers its last 1,024 records.

    Those of the 20 nodes that have an older record, or none, are sent the newest one before the
    Deferred fires.  A failure of this is logged at level debug, and changes nothing else.

    :param publicKey: 32 bytes
    :param salt: the salt with which the record was published
    :param newerThan: a sequence number; only a record with a higher one is given.  A program that
        was restarted passes the last number that it has seen.
    :return: fires with the record; fails with `ValueNotFound` when none of the asked nodes holds a
        valid record, or none that is newer than ``newerThan``, with `NoResponse` when there are
        other nodes but none answered, and with `TooManyRequests` when too many queries wait already
    :raises InvalidTarget: when the public key isn't 32 bytes
    :raises ValueTooLarge: when the salt has more than 64 bytes
    :raises ValueError: when ``newerThan`` is out of range, or ``node`` isn't a node
    """
    checkNode(node)
    survey = Survey(checkId(publicKey, "a public key"), checkSalt(salt))
    checkSequence(newerThan, "newerThan")

    async def run() -> Record:
        newest = await _newest(node, survey)
        if newest is None or survey.newest is None:
            raise ValueNotFound(f"no node holds a valid record of the key {publicKey.hex()}")
        await _mend(node, survey, newest)
        if newerThan is not None and newest.sequence <= newerThan:
            raise ValueNotFound(
                f"the newest record of the key {publicKey.hex()} has the sequence number "
                f"{newest.sequence}, and one above {newerThan} was asked for"
            )
        return newest

    return fromCoroutine(run())


async def _newest(node: Node, survey: Survey) -> Record | None:
    """Ask the nodes closest to the target.  Return the newest record that this node knows."""
    for reply in await node.query(RECORDS, survey.target, takersOnly=True).collect():
        survey.add(reply)
    return _seen.newest(node, survey.target, survey.newest)


async def _send(node: Node, record: Record, expected: int | None) -> None:
    """
    Store a record.  If a node refuses it, find out whether another record has replaced it.

    :raises RecordRefused: when another record has precedence
    """
    stream = node.update(RECORDS, record.target, encode(Message(record, expected)))
    failure: NoCloseNodes | None = None
    try:
        await stream.collect()
    except NoCloseNodes as error:
        failure = error
    if stream.errors or failure is not None:
        # The count doesn't tell a refusal from a node that was silent to the lookup.
        survey = Survey(record.publicKey, record.salt)
        newest = await _newest(node, survey)
        _checkNewest(newest, record)
        if failure is not None:
            raise failure
        await _mend(node, survey, record)


async def _mend(node: Node, survey: Survey, newest: Record) -> None:
    """
    Send the newest record to those of the closest nodes that lack it.

    There it lives as long as on the others, so that readers don't prolong its life.
    """
    lacking = [contact.address for contact in survey.lacking(newest) if contact.id != node.id]
    lifetime = survey.lifetime(newest)
    if lifetime is not None:
        lifetime -= TRANSIT_TIME
    if not lacking or (lifetime is not None and lifetime <= 0):
        return
    message = encode(Message(newest, lifetime=lifetime))
    try:
        await node.update(RECORDS, newest.target, message, nodes=lacking).collect()
    except DHTError as error:
        _log.debug(
            "could not mend the record {target} on {count} nodes: {reason}",
            target=newest.target.hex(),
            count=len(lacking),
            reason=str(error),
        )


def _checkExpected(newest: Record | None, expected: int | None) -> None:
    if expected is None:
        return
    if newest is None:
        raise RecordRefused(f"no record is found to replace; {expected} was expected")
    if newest.sequence != expected:
        _refuse(
            f"the newest record has the sequence number {newest.sequence}, not {expected}", newest
        )


def _checkNewest(newest: Record | None, record: Record) -> None:
    if newest is None or newest == record or record.sequence > newest.sequence:
        return
    if record.sequence < newest.sequence:
        raise SequenceTooLow(
            f"a newer record is kept: its sequence number is {newest.sequence}, "
            f"not {record.sequence}",
            newest.sequence,
        )
    _refuse(f"another record with the sequence number {newest.sequence} is kept", newest)


def _refuse(reason: str, newest: Record) -> NoReturn:
    raise RecordRefused(reason, newest.sequence)


__all__ = ["publish", "publishSigned", "resolve"]
