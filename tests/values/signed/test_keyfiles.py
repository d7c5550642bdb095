"""
`values.createKey` and `values.loadKey`.
"""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
)
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import values
from dwdht_twisted.errors import CannotUseKey


class KeyFileTests(SynchronousTestCase):
    """
    The files of private keys.
    """

    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def assertRefused(self, reason: str) -> None:
        """Require that the file can't be loaded for this reason, which has one line."""
        with self.assertRaisesRegex(CannotUseKey, reason) as raised:
            values.loadKey(self.path)
        self.assertIn(str(self.path), str(raised.exception))
        self.assertNotIn("\n", str(raised.exception))

    def write(self, text: bytes, mode: int = 0o600) -> None:
        """Write a file with a mode."""
        self.path.write_bytes(text)
        self.path.chmod(mode)

    def test_loadedKeyIsTheCreatedOne(self) -> None:
        """A key is loaded as it was created, from a file of PEM and PKCS #8."""
        key = values.createKey(self.path)
        self.assertEqual(values.publicKeyOf(values.loadKey(self.path)), values.publicKeyOf(key))
        self.assertTrue(self.path.read_bytes().startswith(b"-----BEGIN PRIVATE KEY-----\n"))

    def test_onlyTheOwnerMayReadANewKey(self) -> None:
        """A new key file has the mode 0600, whatever the umask is."""
        for mask in (0, 0o022, 0o077):
            before = os.umask(mask)
            try:
                values.createKey(self.path)
            finally:
                os.umask(before)
            self.assertEqual(self.path.stat().st_mode & 0o777, 0o600)
            self.path.unlink()

    def test_existingFileIsNotOverwritten(self) -> None:
        """A file that exists is left as it is, and so is a link to nothing."""
        self.path.write_text("mine")
        with self.assertRaisesRegex(CannotUseKey, "File exists"):
            values.createKey(self.path)
        self.assertEqual(self.path.read_text(), "mine")
        self.path.unlink()
        self.path.symlink_to("nowhere")
        with self.assertRaisesRegex(CannotUseKey, "File exists"):
            values.createKey(self.path)

    def test_fileThatOthersMayReadIsRefused(self) -> None:
        """A key file with any right of the group or of others is refused."""
        values.createKey(self.path)
        for mode in (0o640, 0o604, 0o620, 0o602, 0o610, 0o644):
            self.path.chmod(mode)
            self.assertRefused(f"may be read or written by others \\(mode {mode:04o}\\)")
        self.path.chmod(0o400)
        values.loadKey(self.path)

    def test_otherFilesAreRefused(self) -> None:
        """
        A file is refused if it is missing, a folder or a pipe, if it holds no key, a key of another
        kind, or a key with a password, and if it was cut.
        """
        self.assertRefused("No such file")
        self.path.mkdir(mode=0o700)
        self.assertRefused("not a regular file|Is a directory")
        self.path.rmdir()
        os.mkfifo(self.path, 0o600)
        self.assertRefused("not a regular file")
        self.path.unlink()
        values.createKey(self.path)
        whole = self.path.read_bytes()
        for text in (b"", b"\xff" * 300, whole[: len(whole) // 2]):
            self.write(text)
            self.assertRefused("holds no private key in PEM")
        other = X25519PrivateKey.generate()
        self.write(other.private_bytes_raw())
        self.assertRefused("holds no private key in PEM")
        key = Ed25519PrivateKey.generate()
        secret = BestAvailableEncryption(b"secret")
        self.write(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, secret))
        self.assertRefused("protected by a password")

    def test_keyOfAnotherKindIsRefused(self) -> None:
        """A file with a private key that is not one of Ed25519 is refused."""
        from cryptography.hazmat.primitives.serialization import NoEncryption

        other = X25519PrivateKey.generate()
        self.write(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        self.assertRefused("holds no Ed25519 key")
