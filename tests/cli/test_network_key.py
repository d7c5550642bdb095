"""
``dwdht network key``, and the option ``--network-key-file``.
"""

from __future__ import annotations

import os
import re
import shutil
import stat

from twisted.logger import capturedLogs, formatEvent

from dwdht_twisted._bootstrap import KEY_FILE_VARIABLE
from dwdht_twisted._cli.running.hangup import callOnHangup, hangUp
from dwdht_twisted._cli.tap import Options as NodeOptions
from dwdht_twisted._files.keys import createKeyFile
from dwdht_twisted.private import (
    KeyedNetwork,
    createNetworkKey,
    loadNetworkKey,
    newNetworkKey,
)
from dwdht_twisted.private.keyed.files import MARK
from tests.cli.sessions import KEY, CommandLineTestCase, CommandTestCase, parse
from tests.helpers.networks.values import BOOTSTRAP, ValueNetwork

#: The key of the value ``hello``.
HELLO = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"


class OptionTests(CommandLineTestCase):
    """
    How ``--network-key-file`` is read.
    """

    def setUp(self) -> None:
        super().setUp()
        self.files = [self.mktemp() for _ in range(3)]
        self.keys = [createNetworkKey(path) for path in self.files]

    def read(self, *arguments: str) -> list[bytes]:
        """Return the ids of the keys of a command line of ``dwdht ping``."""
        security = parse(*arguments).command.security  # type: ignore[attr-defined]
        return [each.id for each in security._keys] if security else []

    def ids(self, *numbers: int) -> list[bytes]:
        """Return the ids of these keys."""
        return [KeyedNetwork(self.keys[number])._keys[0].id for number in numbers]

    def test_optionMayStandBeforeOrAfterTheCommand(self) -> None:
        """The option after the command counts, else the one before it, else none."""
        before = ("--network-key-file", self.files[0])
        after = ("--network-key-file", self.files[1])
        self.assertEqual(self.read("ping", "10.0.0.1:1"), [])
        self.assertEqual(self.read(*before, "ping", "10.0.0.1:1"), self.ids(0))
        self.assertEqual(self.read(*before, "ping", *after, "10.0.0.1:1"), self.ids(1))

    def test_optionMayBeGivenTwice(self) -> None:
        """Two files are two keys in this order, and three are refused."""
        options = [part for path in self.files for part in ("--network-key-file", path)]
        self.assertEqual(self.read("ping", *options[:4], "10.0.0.1:1"), self.ids(0, 1))
        self.assertRefused("two while the key is replaced", "ping", *options, "10.0.0.1:1")

    def test_environmentNamesTheFiles(self) -> None:
        """DWDHT_NETWORK_KEY_FILE holds one file, or two with a colon between."""
        os.environ[KEY_FILE_VARIABLE] = self.files[2]
        self.assertEqual(self.read("ping", "10.0.0.1:1"), self.ids(2))
        os.environ[KEY_FILE_VARIABLE] = os.pathsep.join(self.files[1:])
        self.assertEqual(self.read("ping", "10.0.0.1:1"), self.ids(1, 2))
        given = ("--network-key-file", self.files[0])
        self.assertEqual(self.read("ping", *given, "10.0.0.1:1"), self.ids(0))

    def test_unusableFilesAreRefused(self) -> None:
        """A missing file, and one that others may read, are one line each."""
        option = "--network-key-file"
        self.assertRefused("No such file", "ping", option, "nothing", "10.0.0.1:1")
        os.chmod(self.files[1], 0o644)
        self.assertRefused("chmod 600", "ping", option, self.files[1], "10.0.0.1:1")

    def test_sameKeyTwiceIsOneKey(self) -> None:
        """The same file twice, and two files that hold the same key, are one key."""
        option = "--network-key-file"
        twice = (option, self.files[0], option, self.files[0])
        self.assertEqual(self.read("ping", *twice, "10.0.0.1:1"), self.ids(0))
        shutil.copy(self.files[0], self.files[1])
        both = (option, self.files[0], option, self.files[1])
        self.assertEqual(self.read("ping", *both, "10.0.0.1:1"), self.ids(0))
        os.environ[KEY_FILE_VARIABLE] = os.pathsep.join(self.files[:2])
        self.assertEqual(self.read("ping", "10.0.0.1:1"), self.ids(0))

    def test_demonstrationHasNoOption(self) -> None:
        """``dwdht demo``, which has a network of its own, refuses the option."""
        self.assertRefused(
            "no option --network-key-file", "--network-key-file", self.files[0], "demo"
        )


class ReloadTests(CommandLineTestCase):
    """
    The keys of a running node, whose files are read again at SIGHUP.
    """

    def setUp(self) -> None:
        super().setUp()
        self.old, self.new = newNetworkKey(), newNetworkKey()
        self.files = [self.mktemp(), self.mktemp()]
        self.write(self.old, self.new)
        options = NodeOptions()
        options.parseOptions([part for path in self.files for part in ("--network-key-file", path)])
        security = options.security
        assert isinstance(security, KeyedNetwork)
        self.security = security
        self.addCleanup(callOnHangup(options.readKeysAgain))

    def write(self, *keys: bytes) -> None:
        """Replace what the files hold."""
        for path, key in zip(self.files, keys, strict=True):
            if os.path.exists(path):
                os.unlink(path)
            createKeyFile(path, MARK + key.hex().encode())

    def hangUp(self) -> list[str]:
        """Send SIGHUP, and return the lines of the log, without the names of files."""
        with capturedLogs() as events:
            hangUp()
        return [re.sub(r"'\S+'", "FILE", formatEvent(event)) for event in events]

    def assertUsed(self, *keys: bytes) -> None:
        """Require that the node uses these keys, the first one to send."""
        self.assertEqual(self.security.fingerprints, KeyedNetwork(*keys).fingerprints)

    def test_keysAreReplaced(self) -> None:
        """A node takes the keys that its files hold now, and logs their fingerprints."""
        self.write(self.new, self.old)
        new, old = KeyedNetwork(self.new, self.old).fingerprints
        self.assertEqual(
            self.hangUp(),
            [
                f"network keys in use: 2; fingerprints: {new}, {old}",
                "SIGHUP: files were reloaded",
            ],
        )
        self.assertUsed(self.new, self.old)

    def test_equalFilesAreOneKey(self) -> None:
        """When both files hold the new key, the old one opens nothing any more."""
        self.write(self.new, self.new)
        (new,) = KeyedNetwork(self.new).fingerprints
        self.assertEqual(
            self.hangUp(),
            [
                f"network keys in use: 1; fingerprints: {new}",
                "SIGHUP: files were reloaded",
            ],
        )
        self.assertUsed(self.new)

    def test_failureKeepsTheFormerKeys(self) -> None:
        """Unless all files hold keys, a line says which does not and that the former keys stay."""
        path = self.files[1]

        def fails(line: str) -> None:
            self.assertEqual(self.hangUp(), [f"SIGHUP: {line}; the former keys stay in use"])
            self.assertUsed(self.old, self.new)

        self.write(self.new, self.old)
        os.chmod(path, 0o644)
        (line,) = self.hangUp()
        self.assertIn("chmod 600", line)
        os.unlink(path)
        fails("cannot read the key file FILE: No such file or directory")
        createKeyFile(path, b"")
        fails("the key file FILE holds no network key; see `dwdht network key`")
        self.write(self.new, self.old)
        self.hangUp()
        self.assertUsed(self.new, self.old)


class NetworkCommandTests(CommandTestCase):
    """
    ``dwdht network``.
    """

    size = 0

    def test_keyIsMade(self) -> None:
        """``dwdht network key FILE`` makes a file for its owner alone, and prints its name."""
        path = self.mktemp()
        # The environment may name a file that doesn't exist yet.
        os.environ[KEY_FILE_VARIABLE] = path
        self.assertEqual(self.result("network", "key", path).lines, [path])
        self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), 0o600)
        self.assertEqual(len(loadNetworkKey(path)), 32)

    def test_existingFileIsKept(self) -> None:
        """``dwdht network key`` overwrites no file."""
        path = self.mktemp()
        key = createNetworkKey(path)
        self.assertFails(
            f"dwdht network: cannot make the key file {path!r}: File exists", "network", "key", path
        )
        self.assertEqual(loadNetworkKey(path), key)


class PrivateCommandTests(CommandTestCase):
    """
    Commands on a network with a key.
    """

    def setUp(self) -> None:
        super().setUp()
        self.path, self.other = self.mktemp(), self.mktemp()
        key = createNetworkKey(self.path)
        createNetworkKey(self.other)
        self.network = ValueNetwork(self.size, networkKey=key)

    def test_valueIsFoundWithTheKey(self) -> None:
        """``dwdht put`` and ``dwdht get`` work with the network's key, given in either way."""
        key = ("--network-key-file", self.path)
        put = self.result("put", "--bootstrap", BOOTSTRAP, *key, "hello")
        self.assertEqual(put.lines, [HELLO])
        os.environ[KEY_FILE_VARIABLE] = self.path
        self.assertEqual(self.result("get", "--bootstrap", BOOTSTRAP, HELLO).output, b"hello")

    def test_wrongKeyIsNotToldFromSilence(self) -> None:
        """``dwdht get`` and ``dwdht ping`` with a wrong key say in a line that it may be wrong."""
        wrong = ("--network-key-file", self.other)
        self.assertFails(
            f"dwdht get: no node answered; asked {BOOTSTRAP}; a wrong network key looks the same, "
            "because nodes are silent to it",
            *("get", "--bootstrap", BOOTSTRAP, *wrong, KEY),
        )
        self.assertFails(
            f"dwdht ping: no answer from {BOOTSTRAP}; a wrong network key looks the same, because "
            "nodes are silent to it",
            *("ping", *wrong, BOOTSTRAP),
        )

    def test_strangerFindsNobody(self) -> None:
        """``dwdht get`` without a key is answered by no node of a private network."""
        self.assertFails(
            f"dwdht get: no node answered; asked {BOOTSTRAP}", "get", "--bootstrap", BOOTSTRAP, KEY
        )
        bootstrap = self.network.bootstrap
        self.assertGreater(bootstrap.counters.strangersRefused, 0)
