"""
The files of a member that change while its node runs, and can't be used.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from cryptography.x509 import Certificate, load_pem_x509_certificate

from dwdht_twisted.private import AuthorityFolder, SecurityContext
from tests.private.certified.members import MemberTestCase

BROKEN = b"broken"


def load(path: Path) -> Certificate:
    """Read a certificate."""
    return load_pem_x509_certificate(path.read_bytes())


class UnusableFilesTests(MemberTestCase):
    """
    What a node does with the others of its files when one can't be used.
    """

    def setUp(self) -> None:
        """Make the files of three further members."""
        super().setUp()
        self.members = {name: load(self.folder.certify(name)[0]) for name in "bcd"}

    def broken(self) -> dict[str, Callable[[], object]]:
        """The ways in which the certificate and the key of a node become unusable."""
        other = AuthorityFolder.make(self.mktemp())
        _, key = other.certify("a")
        foreign, _ = self.folder.certify("d")

        def move(file: Path, mode: int | None = None) -> None:
            os.replace(file, self.mktemp())
            if mode is not None:
                file.write_bytes(BROKEN)
                file.chmod(mode)

        def renew() -> None:
            self.folder.certify("a")
            self.key.chmod(0o640)

        def certifyElsewhere() -> None:
            key.write_bytes(self.key.read_bytes())
            self.certificate.write_bytes(other.certify("a")[0].read_bytes())

        return {
            "a key that others may read": renew,
            "a missing key": lambda: move(self.key),
            "a broken key": lambda: move(self.key, 0o600),
            "a missing certificate": lambda: move(self.certificate),
            "a broken certificate": lambda: move(self.certificate, 0o644),
            "a key of another": lambda: self.key.write_bytes(key.read_bytes()),
            "a certificate of another": lambda: self.certificate.write_bytes(foreign.read_bytes()),
            "a certificate of another authority": certifyElsewhere,
        }

    def test_listsCountWithUnusableOwnFiles(self) -> None:
        """
        New revocation lists are used while the node's own certificate or key can't be used,
        whatever is wrong; the former ones stay in use, and the renewed ones are used afterwards.
        """
        for name in self.broken():
            self.setUp()
            context = self.context()
            serial, secret = context.serial, self.key.read_bytes()
            messages = self.messages()
            self.broken()[name]()
            self.assertFalse(context.refresh(), name)
            for member in "bc":
                former = context.context
                self.assertIsNone(context.refuses(self.members[member]), name)
                self.folder.revoke([member])
                self.assertTrue(context.refresh(), name)
                self.assertFalse(context.refresh(), name)
                self.assertIsNot(context.context, former)
                self.assertIn("revoked", context.refuses(self.members[member]) or "", name)
            self.assertEqual(context.serial, serial, name)
            self.assertEqual(len(messages), 1, messages)
            self.assertIn("the former certificate and key stay in use", messages[0])
            self.key.write_bytes(secret)
            self.key.chmod(0o600)
            self.folder.certify("a")
            self.assertTrue(context.refresh(), name)
            self.assertNotEqual(context.serial, serial, name)

    def test_authoritiesCountWithUnusableKey(self) -> None:
        """New authorities are used, and former ones not any more, while the key can't be used."""
        authority = AuthorityFolder.make(self.mktemp())
        member = load(authority.certify("e")[0])
        context = SecurityContext(self.certificate, self.key, self.authority)
        messages = self.messages()
        os.replace(self.key, self.mktemp())
        own, other = self.authority.read_bytes(), authority.certificateFile.read_bytes()
        for content, accepted in ((own + other, 2), (other, 1)):
            self.authority.write_bytes(content)
            self.assertTrue(context.refresh())
            refused = [context.refuses(each) for each in (member, self.members["b"])]
            self.assertEqual(refused.count(None), accepted)
        self.assertIn("authority is not accepted", refused[1] or "")
        # Of its own certificate there is something else to say now.
        self.assertEqual(len(messages), 2, messages)
        self.assertIn("no authority in use has signed the certificate of this node", messages[1])
        self.authority.write_bytes(own)
        self.assertTrue(context.refresh())
        self.assertIsNone(context.refuses(self.members["b"]))

    def test_listsCountWithUnusableAuthorities(self) -> None:
        """
        New revocation lists are used while the authorities can't be used, or are others than those
        of the lists.
        """
        other = AuthorityFolder.make(self.mktemp()).certificateFile.read_bytes()
        for content in (BROKEN, other):
            self.setUp()
            messages = self.messages()
            # The authority knows its own certificate.
            self.authority = Path(self.mktemp())
            self.authority.write_bytes(self.folder.certificateFile.read_bytes())
            context = self.context()
            self.authority.write_bytes(content)
            for member in "bc":
                self.folder.revoke([member])
                self.assertTrue(context.refresh())
                self.assertIn("revoked", context.refuses(self.members[member]) or "")
            self.assertIsNone(context.refuses(self.members["d"]))
            self.assertIn("the former authorities stay in use", messages[0])

    def test_authoritiesCountWithUnusableList(self) -> None:
        """A new authority is used while the revocation list can't be."""
        other = AuthorityFolder.make(self.mktemp())
        member = load(other.certify("e")[0])
        context = self.context()
        messages = self.messages()
        self.revocations.write_bytes(BROKEN)
        with open(self.authority, "ab") as file:
            file.write(other.certificateFile.read_bytes())
        self.assertTrue(context.refresh())
        self.assertIsNone(context.refuses(member))
        self.assertIn("the former revocation lists stay in use", messages[0])

    def test_unusableFilesAreLoggedAgainWhenTheyChange(self) -> None:
        """Files that can't be used are logged once, and once again for each time they change."""
        context = self.context()
        messages = self.messages()
        for number in range(1, 4):
            os.replace(self.certificate, self.mktemp())
            self.certificate.write_bytes(BROKEN + bytes(number))
            for _ in range(3):
                self.assertFalse(context.refresh())
            self.assertEqual(len(messages), number)
        self.folder.revoke()
        self.assertTrue(context.refresh())
        self.assertEqual(len(messages), 3)

    def test_missingFilesAndTheirReturnAreLogged(self) -> None:
        """Each time that a file goes missing is logged, and each return of it."""
        for file in (self.certificate, self.key, self.authority, self.revocations):
            context = self.context()
            errors, events = self.logged()
            kept = Path(self.mktemp())
            for number in range(1, 4):
                os.replace(file, kept)
                for _ in range(2):
                    self.assertFalse(context.refresh())
                self.assertEqual((len(errors), len(events)), (number, number - 1))
                os.replace(kept, file)
                for _ in range(2):
                    context.refresh()
                self.assertEqual((len(errors), len(events)), (number, number))
                self.assertRegex(events[-1], "^recovered: the .* can be used again$")
