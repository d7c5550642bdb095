"""
Network keys and their files.
"""

from __future__ import annotations

import os
import stat

from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import CannotUseKey
from dwdht_twisted.private import createNetworkKey, loadNetworkKey, newNetworkKey


class FileTests(SynchronousTestCase):
    """
    The file of one network key.
    """

    def setUp(self) -> None:
        self.path = self.mktemp()

    def test_keyIsReadAsItWasMade(self) -> None:
        """A file that was made holds the key that was returned, and only its owner may read it."""
        key = createNetworkKey(self.path)
        self.assertEqual(loadNetworkKey(self.path), key)
        self.assertEqual(len(key), 32)
        self.assertEqual(stat.S_IMODE(os.stat(self.path).st_mode), 0o600)

    def test_keysDiffer(self) -> None:
        """No two new keys are the same."""
        self.assertEqual(len({newNetworkKey() for _ in range(100)}), 100)

    def test_fileIsNotOverwritten(self) -> None:
        """A second key in the same file is refused, and the first one is kept."""
        key = createNetworkKey(self.path)
        with self.assertRaisesRegex(CannotUseKey, "File exists"):
            createNetworkKey(self.path)
        self.assertEqual(loadNetworkKey(self.path), key)

    def test_fileThatOthersMayReadIsRefused(self) -> None:
        """A file that others may read or write is refused, with the command that mends it."""
        createNetworkKey(self.path)
        for mode in (0o640, 0o604, 0o620, 0o666):
            os.chmod(self.path, mode)
            with self.assertRaisesRegex(
                CannotUseKey, "may be read or written by others.*chmod 600"
            ):
                loadNetworkKey(self.path)

    def test_otherContentIsRefused(self) -> None:
        """A file with anything else than a network key is refused."""
        mark = b"dwdht-network-key:"
        digits = bytes(32).hex().encode()
        for text in (b"", b"\0" * 32, digits, mark, mark + digits[2:], mark + digits + b"00", b"x"):
            with open(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as to:
                to.write(text)
            with self.assertRaisesRegex(CannotUseKey, "holds no network key"):
                loadNetworkKey(self.path)

    def test_missingFileIsRefused(self) -> None:
        """A file that is missing, or is a folder, is refused with the reason."""
        with self.assertRaisesRegex(CannotUseKey, "No such file"):
            loadNetworkKey(self.path)
        os.mkdir(self.path)
        with self.assertRaises(CannotUseKey):
            loadNetworkKey(self.path)
