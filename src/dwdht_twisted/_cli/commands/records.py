"""
``dwdht keygen``, ``dwdht publish`` and ``dwdht resolve``: records under a public key.
"""

from __future__ import annotations

import os
from typing import Any

from twisted.python import usage

from ... import values
from ...interfaces import IDHTNode
from ...values.signed.record import MAXIMUM_SEQUENCE
from ..command import Command, NetworkCommand
from ..console import Console, valueFields
from ..options import readHex, readNumber
from ..payload import ValueOptions

#: The size of a public key, in bytes.
KEY_BYTES = 32


class Keygen(Command):
    """Make a private key for records."""

    synopsis = "FILE"
    longdesc = (
        "Makes an Ed25519 key, writes it to FILE, which only its owner may read, and prints its "
        "public key in hexadecimal. A file that exists is not overwritten."
    )

    def parseArgs(self, path: str) -> None:  # type: ignore[override]
        """Read the name of the file."""
        self["path"] = path

    async def run(self, reactor: Any, console: Console) -> None:
        """Make the key and print its public key."""
        key = values.createKey(self["path"])
        console.line(values.publicKeyOf(key).hex())


class SaltOptions(usage.Options):
    """
    A command line with a salt.

    After ``postOptions``, ``self["salt"]`` is bytes.
    """

    optParameters = [
        ["salt", None, "", "A text of up to 64 bytes that tells the records of one key apart."]
    ]

    def postOptions(self) -> None:
        """Read the salt: the bytes of the argument."""
        super().postOptions()
        salt = os.fsencode(self["salt"])
        if len(salt) > values.MAXIMUM_SALT_BYTES:
            raise usage.UsageError(
                f"--salt may have up to {values.MAXIMUM_SALT_BYTES} bytes, "
                f"and this one has {len(salt)}"
            )
        self["salt"] = salt


class Publish(ValueOptions, SaltOptions, NetworkCommand):
    """Sign a value, and store it as a record."""

    synopsis = "[options] --key FILE [VALUE]"
    longdesc = (
        "Signs VALUE, up to 1,000 bytes, with a key of `dwdht keygen`, stores it as the newest "
        "record of this key, and prints the public key, by which `dwdht resolve` finds the record. "
        "The sequence number is written to standard error. VALUE is read as by `dwdht put`."
    )
    optParameters = [
        ["key", None, None, "The file of the private key."],
        ["sequence", None, None, "The sequence number; by default the next one."],
        ["expect", None, None, "Fail unless the newest record has this sequence number."],
    ]
    maximumBytes = values.MAXIMUM_VALUE_BYTES
    requiresValue = True

    def parseArgs(self, value: str | None = None) -> None:
        """Read the value: the bytes of the argument, as the shell passed them."""
        self["value"] = value

    def postOptions(self) -> None:
        """Read the key and the sequence numbers."""
        super().postOptions()
        if self["key"] is None:
            raise usage.UsageError("give --key FILE, a file of `dwdht keygen`")
        for name in ("sequence", "expect"):
            if self[name] is not None:
                self[name] = readNumber(self[name], f"--{name}", 0, MAXIMUM_SEQUENCE)

    async def run(self, reactor: Any, console: Console) -> None:
        """Read the key before a node is started."""
        self["key"] = values.loadKey(self["key"])
        await super().run(reactor, console)

    async def runOn(self, node: IDHTNode, reactor: Any, console: Console) -> None:
        """Publish the record and print its public key."""
        record = await values.publish(
            node,
            self["key"],
            self["value"],
            sequence=self["sequence"],
            salt=self["salt"],
            expected=self["expect"],
        )
        key = record.publicKey.hex()
        if self["json"]:
            console.record(key=key, sequence=record.sequence, target=record.target.hex())
        else:
            console.line(key)
            console.report(f"published with sequence number {record.sequence}")


class Resolve(SaltOptions, NetworkCommand):
    """Find the newest record of a key."""

    synopsis = "[options] PUBLICKEYHEX"
    longdesc = (
        "Finds the newest record of this public key, and prints its value unchanged. On a "
        "terminal, it is shown as by `dwdht get`."
    )
    optFlags = [["raw", None, "Print the value unchanged to a terminal, too."]]

    def parseArgs(self, key: str) -> None:  # type: ignore[override]
        """Read the public key."""
        self["key"] = readHex(key, "the public key", KEY_BYTES)

    def postOptions(self) -> None:
        """Refuse --raw together with --json."""
        super().postOptions()
        if self["raw"] and self["json"]:
            raise usage.UsageError("give --raw or --json, not both")

    async def runOn(self, node: IDHTNode, reactor: Any, console: Console) -> None:
        """Find the record and print its value."""
        record = await values.resolve(node, self["key"], salt=self["salt"])
        if self["json"]:
            console.record(
                key=self["key"].hex(), sequence=record.sequence, **valueFields(record.value)
            )
        else:
            console.value(record.value, isRaw=self["raw"])
