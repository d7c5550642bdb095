"""
The command ``dwdht network``, and the options of networks by certificate.
"""

from __future__ import annotations

import os
from pathlib import Path

from twisted.python.usage import UsageError

from dwdht_twisted._bootstrap import KEY_FILE_VARIABLE
from dwdht_twisted._cli.tap import Options
from dwdht_twisted.private import AuthorityFolder, loadNetworkKey
from tests.cli.sessions import CommandLineTestCase, CommandTestCase
from tests.helpers.processes.programs import TWISTD, ProgramTestCase


class NetworkTests(CommandTestCase):
    """
    The command ``dwdht network``.
    """

    size = 0

    def setUp(self) -> None:
        super().setUp()
        self.path = self.mktemp()

    def test_key(self) -> None:
        """``network key`` writes a network key that only its owner may read."""
        self.assertEqual(self.result("network", "key", self.path).lines, [self.path])
        self.assertEqual(len(loadNetworkKey(self.path)), 32)

    def test_authority(self) -> None:
        """
        ``network new`` makes an authority, ``certify`` certifies members, and ``revoke`` revokes
        them; each prints the files for the members.
        """
        new = self.result("network", "new", self.path)
        self.assertEqual(
            new.lines, [f"{self.path}/{name}.pem" for name in ("authority", "revoked")]
        )
        certified = self.result("network", "certify", "--days", "30", self.path, "a", "b")
        self.assertEqual(
            certified.lines,
            [f"{self.path}/{name}" for name in ("a.pem", "a.key", "b.pem", "b.key")],
        )
        revoked = self.result("network", "revoke", self.path, "b")
        self.assertEqual(revoked.lines, [f"{self.path}/revoked.pem"])
        self.assertTrue((Path(self.path) / "issued").is_dir())

    def test_nothingIsOverwritten(self) -> None:
        """A second ``network new`` in a folder fails in one line."""
        self.result("network", "new", self.path)
        self.assertFails(
            f"dwdht network: cannot make the key file '{self.path}/authority.key': File exists",
            *("network", "new", self.path),
        )

    def test_unknownMember(self) -> None:
        """To revoke a member that is unknown fails in one line."""
        self.result("network", "new", self.path)
        self.assertFails(
            "dwdht network: cannot read the certificate 'a': No such file or directory",
            *("network", "revoke", self.path, "a"),
        )

    def test_revokedKey(self) -> None:
        """To certify a member again whose key was revoked fails in one line, with what to do."""
        self.result("network", "new", self.path)
        self.result("network", "certify", self.path, "carol")
        self.result("network", "revoke", self.path, "carol")
        key = Path(self.path).absolute() / "carol.key"
        self.assertFails(
            f"dwdht network: the key of 'carol' was revoked; move {key} away, "
            "and a new one is made",
            *("network", "certify", self.path, "carol"),
        )

    def test_filesBeforeAFailure(self) -> None:
        """If one of several members can't be certified, the files of those before it are named."""
        self.result("network", "new", self.path)
        self.result("network", "certify", self.path, "b")
        Path(self.path, "b.key").write_text("nothing")
        result = self.attempt("network", "certify", self.path, "a", "b")
        self.assertEqual(result.status, 1)
        self.assertEqual(result.output, f"{self.path}/a.pem\n{self.path}/a.key\n".encode())


class OptionsTests(CommandLineTestCase):
    """
    Command lines of private networks.
    """

    def test_networkIsRefused(self) -> None:
        """An unknown action, and missing or unexpected arguments, are refused."""
        self.assertRefused("is not one of key, new, certify and revoke", "network", "x", "y")
        self.assertRefused("the arguments must be", "network", "new")
        self.assertRefused("unexpected argument: z", "network", "new", "y", "z")
        self.assertRefused("give the NAME of the member", "network", "certify", "y")
        self.assertRefused("--days must be", "network", "certify", "--days=x", "y", "z")
        self.assertRefused("give no --days", "network", "key", "--days=1", "y")
        for name in ("../x", "x" * 65, ""):
            self.assertRefused("can't be the name of a member", "network", "certify", "y", name)

    def test_namesOfTheAuthorityAreReserved(self) -> None:
        """The names of the authority's own files are refused as such."""
        for name in ("authority", "revoked"):
            self.assertRefused(
                f"{name!r} can't be the name of a member: {name}.pem is a file of the authority",
                *("network", "certify", "y", name),
            )

    def test_errorOfAKeyNamesItsSource(self) -> None:
        """The error of a key file names the option, or the variable that holds the file."""
        get = ("get", "--bootstrap=10.0.0.1:1", "00" * 32)
        self.assertRefused("--network-key-file: ", *get, "--network-key-file=/no/such")
        self.patch(os, "environ", {**os.environ, KEY_FILE_VARIABLE: "/no/such"})
        self.assertRefused(f"{KEY_FILE_VARIABLE}: ", *get)
        os.environ[KEY_FILE_VARIABLE] = "a:b:c"
        self.assertRefused(f"{KEY_FILE_VARIABLE} names 3 files; give one, or two", *get)

    def test_filesOfAMemberBelongTogether(self) -> None:
        """A certificate without its key or its authority is refused."""
        for given, missing in (
            (["--certificate=c"], "--private-key and --authority"),
            (["--certificate=c", "--private-key=k"], "--certificate needs --authority"),
            (["--revocations=r"], "--revocations needs --certificate"),
        ):
            for command in (["get", "--bootstrap=10.0.0.1:1", "00" * 32], ["node"]):
                self.assertRefused(missing, *command, *given)

    def test_certificateFixesTheId(self) -> None:
        """A node with a certificate and an id is refused, wherever each of the two is given."""
        message = (
            "give --id or --certificate, not both: the id of a member is that of its certificate"
        )
        files = ("--certificate=c", "--private-key=k", "--authority=a")
        id = "01" * 32
        self.assertRefused(message, "node", f"--id={id}", *files)
        self.assertRefused(message, *files, "node", f"--id={id}")
        path = self.mktemp()
        Path(path).write_text(f'port = 1\nid = "{id}"\n')
        self.assertRefused(f"{path}, line 2: {message}", "node", "--config", path, *files)
        with self.assertRaisesRegex(UsageError, message):
            Options().parseOptions([f"--id={id}", *files])


class TwistdTests(ProgramTestCase):
    """
    ``twistd dwdht`` with files of a private network that can't be used.
    """

    async def test_unusableFilesEndWithOneLine(self) -> None:
        """A file that can't be used ends twistd with one line and exit status 1."""
        folder, other = (AuthorityFolder.make(self.folder / name) for name in ("a", "b"))
        certificate, key = map(str, folder.certify("member"))
        authorities = [str(each.certificateFile) for each in (folder, other)]
        for files, line in (
            ((certificate, "/no/such", authorities[0]), "cannot read the key file '/no/such': "),
            (("/no/such", key, authorities[0]), "cannot read the certificate '/no/such': "),
            ((certificate, key, authorities[1]), ""),
        ):
            options = zip(("--certificate", "--private-key", "--authority"), files, strict=True)
            arguments = [each for option in options for each in option]
            program = await self.finish(*TWISTD, "dwdht", *arguments)
            self.assertEqual((program.exitCode, program.text), (1, ""), program.errorText)
            (said,) = program.errorText.splitlines()
            self.assertTrue(said.startswith(f"twistd dwdht: {line}"), said)


class MemberTests(CommandTestCase):
    """
    Commands with the certificate of a member.
    """

    size = 0

    def test_unreadableFile(self) -> None:
        """A command whose certificate can't be read fails in one line."""
        folder = AuthorityFolder.make(self.mktemp())
        _, key = folder.certify("a")
        self.assertFails(
            "dwdht ping: cannot read the certificate 'missing': No such file or directory",
            *("ping", "10.0.0.1:1", "--certificate", "missing"),
            *("--private-key", str(key), "--authority", str(folder.certificateFile)),
        )
