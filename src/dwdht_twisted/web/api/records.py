"""
The operations on records, which are signed values.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from http import HTTPStatus
from typing import Any, TypeGuard

from twisted.web.server import Request

from ... import values
from ...values.signed.record import MAXIMUM_SEQUENCE, SIGNATURE_BYTES
from ..answers import Problem, answer
from ..subject import Subject
from .operation import HEX_ID, JSON, Content, Operation, Parameter, readId, readObject, readQuery
from .turns import Turns

_KEY = Parameter("publicKey", "path", HEX_ID, "The Ed25519 public key of the owner.")

_SALT = {"type": "string", "pattern": f"^([0-9a-fA-F]{{2}}){{0,{values.MAXIMUM_SALT_BYTES}}}$"}

_SEQUENCE = {"type": "integer", "minimum": 0, "maximum": MAXIMUM_SEQUENCE}

_SIGNATURE = {"type": "string", "pattern": f"^[0-9a-fA-F]{{{2 * SIGNATURE_BYTES}}}$"}

_RECORD = {
    "type": "object",
    "properties": {
        "publicKey": HEX_ID,
        "salt": _SALT,
        "sequence": _SEQUENCE,
        "value": {"type": "string", "contentEncoding": "base64"},
        "signature": _SIGNATURE,
    },
    "required": ["publicKey", "salt", "sequence", "value", "signature"],
    "additionalProperties": False,
}


class Records:
    """
    Publishes and resolves records.

    :param subject: the node
    :param turns: limits the queries of clients
    """

    def __init__(self, subject: Subject, turns: Turns) -> None:
        self._node = subject.node
        self._turns = turns

    def operations(self) -> list[Operation]:
        """The operations."""
        return [
            Operation(
                "GET",
                "/records/{publicKey}",
                "resolveRecord",
                "Find the newest record of a key.",
                self.get,
                Content(JSON, _RECORD, "The record."),
                (
                    _KEY,
                    Parameter("salt", "query", _SALT, "The salt, in hexadecimal digits."),
                    Parameter(
                        "newerThan",
                        "query",
                        _SEQUENCE,
                        "Only a record with a higher sequence number is given.",
                    ),
                ),
                errors=(HTTPStatus.NOT_FOUND, HTTPStatus.GATEWAY_TIMEOUT),
            ),
            Operation(
                "PUT",
                "/records/{publicKey}",
                "publishRecord",
                "Store a record that its owner has signed.",
                self.put,
                Content(JSON, _RECORD, "The record that was stored."),
                (_KEY,),
                Content(
                    JSON,
                    {
                        "type": "object",
                        "properties": {
                            "salt": _SALT,
                            "sequence": _SEQUENCE,
                            "value": {"type": "string", "contentEncoding": "base64"},
                            "signature": _SIGNATURE,
                            "expected": {"anyOf": [_SEQUENCE, {"type": "null"}]},
                        },
                        "required": ["sequence", "value", "signature"],
                    },
                    "The record. `expected` is the number of the record that it replaces.",
                ),
                (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT, HTTPStatus.GATEWAY_TIMEOUT),
                isWrite=True,
            ),
        ]

    async def get(self, request: Request, publicKey: str) -> bytes:
        """Find a record."""
        key = readId(publicKey, "a public key")
        salt = _readHex(readQuery(request, "salt") or "", "salt")
        newerThan = readQuery(request, "newerThan")
        number = None if newerThan is None else _readNumber(newerThan)
        with self._turns.take():
            record = await values.resolve(self._node, key, salt=salt, newerThan=number)
        return answer(request, _describe(record))

    async def put(self, request: Request, publicKey: str) -> bytes:
        """Store a record."""
        key = readId(publicKey, "a public key")
        given = readObject(request)
        sequence, expected = given.get("sequence"), given.get("expected")
        if not _isNumber(sequence):
            raise Problem(HTTPStatus.BAD_REQUEST, "sequence is a whole number")
        if expected is not None and not _isNumber(expected):
            raise Problem(HTTPStatus.BAD_REQUEST, "expected is a whole number")
        record = values.Record(
            key,
            _readHex(given.get("salt", ""), "salt"),
            sequence,
            _readBase64(given.get("value")),
            _readHex(given.get("signature"), "signature"),
        )
        with self._turns.take():
            try:
                stored = values.publishSigned(self._node, record, expected=expected)
            except ValueError as error:
                raise Problem(HTTPStatus.BAD_REQUEST, str(error)) from None
            await stored
        return answer(request, _describe(record))


def _describe(record: values.Record) -> dict[str, Any]:
    return {
        "publicKey": record.publicKey.hex(),
        "salt": record.salt.hex(),
        "sequence": record.sequence,
        "value": b64encode(record.value).decode("ascii"),
        "signature": record.signature.hex(),
    }


def _isNumber(given: object) -> TypeGuard[int]:
    return isinstance(given, int) and not isinstance(given, bool)


def _readNumber(text: str) -> int:
    # A longer text may take long to convert.
    isShort = text.isascii() and text.isdigit() and len(text) <= len(str(MAXIMUM_SEQUENCE))
    number = int(text) if isShort else -1
    if not 0 <= number <= MAXIMUM_SEQUENCE:
        raise Problem(HTTPStatus.BAD_REQUEST, f"newerThan is from 0 to {MAXIMUM_SEQUENCE}")
    return number


def _readHex(text: object, name: str) -> bytes:
    try:
        if not isinstance(text, str) or (not text.isalnum() and text):
            raise ValueError("not digits")
        return bytes.fromhex(text)
    except ValueError:
        raise Problem(HTTPStatus.BAD_REQUEST, f"{name} has hexadecimal digits") from None


def _readBase64(text: object) -> bytes:
    try:
        if not isinstance(text, str):
            raise ValueError("not a text")
        return b64decode(text.encode("ascii"), validate=True)
    except ValueError:
        raise Problem(HTTPStatus.BAD_REQUEST, "value is base64") from None
