"""
`dwdht_twisted.private.AuthorityFolder`
"""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import CannotUseCertificate, CannotUseKey
from dwdht_twisted.private import AuthorityFolder, SecurityContext


def modeOf(path: Path) -> int:
    """The permissions of a file."""
    return path.stat().st_mode & 0o777


class FolderTests(SynchronousTestCase):
    """
    An authority in a folder.
    """

    def setUp(self) -> None:
        """Make an authority."""
        self.path = Path(self.mktemp())
        self.folder = AuthorityFolder.make(self.path)

    def context(self, name: str, folder: AuthorityFolder | None = None) -> SecurityContext:
        """The security context of a member."""
        folder = folder or self.folder
        return SecurityContext(
            folder.path / f"{name}.pem",
            folder.path / f"{name}.key",
            folder.certificateFile,
            revocations=folder.revocationsFile,
        )

    def revoked(self) -> set[int]:
        """The serial numbers in the revocation list."""
        entries = x509.load_pem_x509_crl(self.folder.revocationsFile.read_bytes())
        return {each.serial_number for each in entries}

    def test_onlyOwnerReadsKeys(self) -> None:
        """Only the owner may read the folder and the keys in it."""
        _, key = self.folder.certify("a")
        self.assertEqual(
            [modeOf(each) for each in (self.path, self.path / "authority.key", key)],
            [0o700, 0o600, 0o600],
        )

    def test_members(self) -> None:
        """Each certified member has an id of its own, 32 bytes."""
        for name in ("a", "b"):
            self.folder.certify(name)
        ids = {self.context(name).id for name in ("a", "b")}
        self.assertEqual([len(id) for id in ids], [32, 32])

    def test_renewal(self) -> None:
        """A member that is certified again keeps its key and its id, and gets a new certificate."""
        self.folder.certify("a")
        former = self.context("a")
        self.folder.certify("a")
        renewed = self.context("a")
        self.assertEqual(former.id, renewed.id)
        self.assertNotEqual(former.serial, renewed.serial)

    def test_renewalOfBrokenCertificate(self) -> None:
        """A member whose newest certificate is missing or broken is certified again."""
        certificate, _ = self.folder.certify("a")
        id = self.context("a").id
        certificate.write_bytes(b"broken")
        self.folder.certify("a")
        certificate.unlink()
        self.folder.certify("a")
        self.assertEqual(self.context("a").id, id)

    def test_revocation(self) -> None:
        """Revoking a member lists all its certificates, also renewed ones, and those of nobody
        else."""
        expected = set()
        for _ in range(2):
            self.folder.certify("a")
            expected.add(self.context("a").serial)
        self.folder.certify("b")
        self.folder.revoke(["a"])
        self.assertEqual(self.revoked(), expected)
        self.folder.revoke(["b"])
        self.assertEqual(self.revoked(), expected | {self.context("b").serial})

    def test_revokedKeyIsNotCertified(self) -> None:
        """
        A key of which a certificate was revoked gets no other one, because it may be stolen; its
        files stay, and without them a new key is made.
        """
        certificate, key = self.folder.certify("carol")
        self.folder.certify("carol")
        newest = certificate.read_bytes()
        self.folder.revoke(["carol"])
        kept = key.read_bytes()
        with self.assertRaisesRegex(CannotUseKey, "the key of 'carol' was revoked; move .* away"):
            self.folder.certify("carol")
        self.assertEqual((key.read_bytes(), certificate.read_bytes()), (kept, newest))
        self.assertEqual(len(list((self.path / "issued").iterdir())), 2)
        key.unlink()
        self.folder.certify("carol")
        self.assertNotEqual(key.read_bytes(), kept)
        self.folder.certify("carol")
        self.folder.certify("b")

    def test_keyThatWasRevokedByAFileIsNotCertified(self) -> None:
        """A key is known as revoked although only the file that named it had its certificate."""
        certificate, _ = self.folder.certify("a")
        copy = Path(self.mktemp())
        os.replace(certificate, copy)
        for each in (self.path / "issued").iterdir():
            each.unlink()
        (self.path / "issued").rmdir()
        self.folder.revoke([copy])
        with self.assertRaisesRegex(CannotUseKey, "was revoked"):
            self.folder.certify("a")

    def test_revocationOfAllKeysOfAName(self) -> None:
        """
        All certificates that were made under a name are revoked, whatever key they have, also when
        the files of the member are gone.
        """
        expected = set()
        nobody = self.folder.revocationsFile.read_bytes()
        for _ in range(2):
            certificate, key = self.folder.certify("eve")
            expected.add(self.context("eve").serial)
            key.unlink()
        self.folder.certify("b")
        self.folder.revoke(["eve"])
        self.assertEqual(self.revoked(), expected)
        for content in (None, b"broken"):
            certificate.unlink()
            if content is not None:
                certificate.write_bytes(content)
            self.folder.revocationsFile.write_bytes(nobody)
            self.folder.revoke(["eve"])
            self.assertEqual(self.revoked(), expected)
            certificate.touch()

    def test_revocationsAtOnce(self) -> None:
        """Of eight members that are revoked at once, none is missing in the list."""
        names = [f"m{number}" for number in range(8)]
        for name in names:
            self.folder.certify(name)
        with ThreadPoolExecutor(len(names)) as pool:
            revoke = [pool.submit(AuthorityFolder(self.path).revoke, [name]) for name in names]
        for each in revoke:
            each.result()
        self.assertEqual(len(self.revoked()), 8)

    def test_failedAuthorityLeavesNoKey(self) -> None:
        """An authority that can't be written whole leaves no key, and can be made later."""
        path = Path(self.mktemp())
        path.mkdir()
        (path / "revoked.pem").touch()
        with self.assertRaises(CannotUseCertificate):
            AuthorityFolder.make(path)
        (path / "revoked.pem").unlink()
        self.assertEqual([each.name for each in path.iterdir()], ["issued"])
        AuthorityFolder.make(path)

    def test_revocationOfFile(self) -> None:
        """A member is revoked by a file with any of its certificates, too."""
        certificate, key = self.folder.certify("a")
        copy = Path(self.mktemp())
        copy.write_bytes(certificate.read_bytes())
        certificate.unlink()
        key.unlink()
        self.folder.revoke([copy])
        self.assertEqual(len(self.revoked()), 1)

    def test_linkToTheListIsKept(self) -> None:
        """A list that is kept elsewhere, behind a symbolic link, is replaced there."""
        shared = Path(self.mktemp())
        shared.mkdir()
        link = self.folder.revocationsFile
        link.rename(shared / "list.pem")
        link.symlink_to((shared / "list.pem").absolute())
        self.folder.certify("a")
        self.folder.revoke(["a"])
        self.assertTrue(link.is_symlink())
        self.assertEqual([each.name for each in shared.iterdir()], ["list.pem"])
        self.assertEqual(len(self.revoked()), 1)

    def test_renewedList(self) -> None:
        """A revocation list that is made anew without members keeps its entries."""
        self.folder.certify("a")
        self.folder.revoke(["a"])
        before = self.folder.revocationsFile.read_bytes()
        self.folder.revoke()
        self.assertEqual(self.revoked(), {self.context("a").serial})
        self.assertNotEqual(self.folder.revocationsFile.read_bytes(), before)

    def test_nothingIsOverwritten(self) -> None:
        """A folder with an authority gets no second one."""
        before = (self.path / "authority.key").read_bytes()
        with self.assertRaisesRegex(CannotUseKey, "File exists"):
            AuthorityFolder.make(self.path)
        self.assertEqual((self.path / "authority.key").read_bytes(), before)

    def test_namesThatCannotBeUsed(self) -> None:
        """A name that isn't one of a file in the folder is refused."""
        for name in ("", "authority", "revoked", "../a", "a/b", ".a", "-a", "a" * 65, "a\n", "é"):
            with self.assertRaisesRegex(CannotUseCertificate, "can't be the name of a member"):
                self.folder.certify(name)

    def test_folderWithoutAuthority(self) -> None:
        """A folder without an authority is refused."""
        with self.assertRaisesRegex(CannotUseCertificate, "No such file"):
            AuthorityFolder(self.mktemp())

    def test_unknownMember(self) -> None:
        """A member that is unknown, or of another authority, can't be revoked."""
        with self.assertRaisesRegex(CannotUseCertificate, "No such file"):
            self.folder.revoke(["a"])
        for name in ("other", "dwdht"):
            other = AuthorityFolder.make(self.mktemp(), name=name)
            certificate, _ = other.certify("a")
            with self.assertRaisesRegex(CannotUseCertificate, "another authority"):
                self.folder.revoke([certificate])

    def test_membersThatAreNoList(self) -> None:
        """One name instead of a list is refused, and not taken for a list of letters."""
        self.folder.certify("a")
        for wrong in ("a", b"a", self.path / "a.pem"):
            with self.assertRaisesRegex(ValueError, r"members must be a list .*, not "):
                self.folder.revoke(wrong)  # type: ignore[arg-type]
        self.assertEqual(self.revoked(), set())

    def test_certificateOfTheAuthorityIsNotRevoked(self) -> None:
        """The certificate of the authority itself is no member's, and can't be revoked."""
        for wrong in ("authority", self.folder.certificateFile):
            with self.assertRaises(CannotUseCertificate):
                self.folder.revoke([wrong])

    def test_daysThatCannotBeUsed(self) -> None:
        """A number of days that isn't above 0, or is too large, is refused with what is allowed."""
        for wrong in (-1, 0, -0.5, 36501, 1e12, float("nan"), float("inf")):
            for use in (
                lambda days: self.folder.certify("a", days=days),
                lambda days: self.folder.revoke(days=days),
                lambda days: AuthorityFolder.make(self.mktemp(), days=days),
            ):
                with self.assertRaisesRegex(
                    ValueError, rf"days must be above 0 and at most 36,500, not {wrong}"
                ):
                    use(wrong)
        self.assertFalse((self.path / "a.key").exists())

    def test_folderThatCannotBeWritten(self) -> None:
        """A folder that can't be made or written is named in the error."""
        file = Path(self.mktemp())
        file.write_bytes(b"")
        with self.assertRaisesRegex(CannotUseCertificate, "cannot write to"):
            AuthorityFolder.make(file)
        os.mkdir(self.path / "a.pem.new")
        with self.assertRaisesRegex(CannotUseCertificate, "cannot write to"):
            self.folder.certify("a")
