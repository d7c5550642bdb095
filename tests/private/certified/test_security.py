"""
`dwdht_twisted.private.SecurityContext`
"""

from __future__ import annotations

import os
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.x509 import load_pem_x509_certificate

from dwdht_twisted import CannotUseCertificate, CannotUseKey
from dwdht_twisted.private import AuthorityFolder, SecurityContext
from dwdht_twisted.private.authority import Authority, newKey, pemOf, pemOfKey
from dwdht_twisted.private.certified.security import hasDTLS13
from simulation.certified_hosts import makeAuthority, utcNow
from tests.private.certified.members import MemberTestCase

PEM = serialization.Encoding.PEM
PKCS8 = serialization.PrivateFormat.PKCS8


class SecurityContextTests(MemberTestCase):
    """
    The files of a member.
    """

    def test_id(self) -> None:
        """The id is the SHA-256 of the public key, as DER SubjectPublicKeyInfo."""
        key = serialization.load_pem_private_key(self.key.read_bytes(), None)
        public = key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        self.assertEqual(self.context().id, sha256(public).digest())

    def test_contents(self) -> None:
        """Contents in PEM are taken instead of the names of files."""
        context = SecurityContext(
            self.certificate.read_bytes(), self.key.read_bytes(), self.authority.read_bytes()
        )
        self.assertEqual(context.id, self.context().id)
        self.assertFalse(context.refresh())

    def test_unchangedFiles(self) -> None:
        """Files that have not changed are not read again."""
        context = self.context()
        former = context.context
        self.assertFalse(context.refresh())
        self.assertIs(context.context, former)

    def test_changedFiles(self) -> None:
        """A renewed certificate and a new revocation list are each read once."""
        context = self.context()
        for change in (lambda: self.folder.certify("a"), self.folder.revoke):
            change()
            self.assertTrue(context.refresh())
            self.assertFalse(context.refresh())

    def test_brokenFile(self) -> None:
        """A file that can't be used is logged, and the former content stays in use."""
        context = self.context()
        former = context.context
        messages = self.messages()
        self.certificate.write_bytes(b"broken")
        self.assertFalse(context.refresh())
        self.assertFalse(context.refresh())
        self.assertIs(context.context, former)
        self.assertEqual(len(messages), 1)
        self.assertIn("stay in use", messages[0])

    def test_mendedMode(self) -> None:
        """A key file that others may read is used as soon as its mode is mended."""
        context = self.context()
        messages = self.messages()
        self.folder.certify("a")
        self.key.chmod(0o644)
        self.assertFalse(context.refresh())
        self.assertFalse(context.refresh())
        self.assertEqual(len(messages), 1)
        self.key.chmod(0o600)
        self.assertTrue(context.refresh())
        self.assertFalse(context.refresh())

    def test_certificateOfAnotherKey(self) -> None:
        """A certificate of another key is not used by a node that runs."""
        context = self.context()
        messages = self.messages()
        other, key = self.folder.certify("b")
        os.replace(other, self.certificate)
        os.replace(key, self.key)
        self.assertFalse(context.refresh())
        self.assertIn("another id", messages[0])

    def test_expiredList(self) -> None:
        """An expired revocation list is logged once, with the way to a newer one."""
        messages = self.messages()
        self.past().revoke(days=1)
        context = self.context()
        context.refresh()
        self.assertEqual(len(messages), 1)
        self.assertIn("no member is accepted until there is a newer one", messages[0])

    def test_formerListBesideTheNewer(self) -> None:
        """An expired list is no fault while a newer one of its authority is in the same file."""
        messages = self.messages()
        newer = self.revocations.read_bytes()
        self.past().revoke(days=1)
        with open(self.revocations, "ab") as file:
            file.write(newer)
        self.context()
        self.assertEqual(messages, [])

    def test_authorityWithoutList(self) -> None:
        """An authority without a revocation list, beside one with a list, is logged by its name."""
        messages = self.messages()
        with open(self.authority, "ab") as file:
            file.write(pemOf(makeAuthority("other").certificate))
        self.context()
        self.assertEqual(len(messages), 1)
        self.assertIn("no revocation list of the authority CN=other", messages[0])

    def test_expiredCertificate(self) -> None:
        """An expired certificate of the node itself is logged once."""
        messages = self.messages()
        self.past().certify("a", days=1)
        context = self.context()
        context.refresh()
        self.assertEqual(len(messages), 1)
        self.assertIn("the certificate of this node has expired", messages[0])

    def test_revokedOwnCertificate(self) -> None:
        """A node whose own certificate was revoked logs it once, at its start and later."""
        messages = self.messages()
        running = self.context()
        self.folder.revoke(["a"])
        for _ in range(2):
            running.refresh()
        self.assertEqual(len(messages), 1)
        self.context().refresh()
        self.assertEqual(len(messages), 2)
        for message in messages:
            self.assertIn("the certificate of this node is revoked", message)

    def test_certificateOfTheFuture(self) -> None:
        """
        A node logs once that its own certificate, or that of an authority, isn't valid yet, as when
        its clock is wrong.
        """
        messages = self.messages()
        now = 0.0
        context = SecurityContext(
            self.certificate, self.key, self.authority, now=lambda: utcNow().timestamp() + now
        )
        self.assertEqual(messages, [])
        now = -86400.0
        for _ in range(2):
            context.refresh()
        self.assertEqual(len(messages), 2)
        self.assertRegex(messages[0], "the authority CN=dwdht is not valid before .* UTC")
        self.assertRegex(messages[1], "the certificate of this node is not valid before .* UTC")

    def test_expiredAuthority(self) -> None:
        """An expired certificate of an authority is logged once, also beside one that is valid."""
        messages = self.messages()
        former = Authority.make("former", utcNow() - timedelta(days=10), days=5)
        with open(self.authority, "ab") as file:
            file.write(pemOf(former.certificate))
        context = SecurityContext(self.certificate, self.key, self.authority)
        context.refresh()
        self.assertEqual(len(messages), 1)
        self.assertIn("the authority CN=former has expired", messages[0])

    def test_refusedFiles(self) -> None:
        """Files that can't be read or don't belong together are refused, and named in the error."""
        other = AuthorityFolder.make(self.mktemp(), name="other")
        otherCertificate, otherKey = other.certify("a")
        empty = Path(self.mktemp())
        empty.write_bytes(b"")
        cut = Path(self.mktemp())
        cut.write_bytes(self.certificate.read_bytes()[:300])
        for name, wrong, message in (
            ("certificate", Path("missing"), "cannot read the certificate 'missing': No such file"),
            ("certificate", empty, "certificate .* can't be used: it holds no certificate in PEM"),
            ("certificate", cut, "certificate .* can't be used: a certificate in it is damaged"),
            ("certificate", otherCertificate, "the certificate .* is not of the private key"),
            ("authority", other.certificateFile, "was signed by another authority than"),
            ("authority", empty, "the authority .* can't be used: it holds no certificate in PEM"),
            ("revocations", other.revocationsFile, "is of another authority"),
            ("revocations", empty, "the revocation list .* can't be used"),
            ("revocations", Path("."), "cannot read the revocation list '.'"),
        ):
            former = getattr(self, name)
            setattr(self, name, wrong)
            with self.assertRaisesRegex(CannotUseCertificate, message):
                self.context()
            setattr(self, name, former)
        self.key = otherKey
        with self.assertRaisesRegex(CannotUseCertificate, "is not of the private key"):
            self.context()

    def test_refusedKeys(self) -> None:
        """
        A key that others may read, that has a password, or is not on the curve P-256 is refused.
        """
        own = self.key.read_bytes()
        key = newKey()
        locked = key.private_bytes(PEM, PKCS8, serialization.BestAvailableEncryption(b"secret"))
        ed = ed25519.Ed25519PrivateKey.generate()
        edwards = ed.private_bytes(PEM, PKCS8, serialization.NoEncryption())
        larger = pemOfKey(ec.generate_private_key(ec.SECP384R1()))
        for content, mode, message in (
            (own, 0o644, "may be read or written by others"),
            (locked, 0o600, "is protected by a password"),
            (edwards, 0o600, "is not on the curve P-256"),
            (larger, 0o600, "is not on the curve P-256"),
            (b"nothing", 0o600, "holds no private key in PEM"),
        ):
            self.key.chmod(0o600)
            self.key.write_bytes(content)
            self.key.chmod(mode)
            with self.assertRaisesRegex(CannotUseKey, message):
                self.context()

    def test_severalAuthorities(self) -> None:
        """A file with two authorities is used, so that one can replace the other."""
        other = makeAuthority("other")
        with open(self.authority, "ab") as file:
            file.write(pemOf(other.certificate))
        with open(self.revocations, "ab") as file:
            file.write(pemOf(other.listRevoked((), utcNow())))
        context = self.context()
        member = other.certify(newKey().public_key(), "b", utcNow())
        self.assertIsNone(context.refuses(member))

    def test_removedAuthorityOfTheSameName(self) -> None:
        """The members of a removed authority are refused although the other has the same name."""
        former = AuthorityFolder.make(self.mktemp())
        certificate, _ = former.certify("b")
        member = load_pem_x509_certificate(certificate.read_bytes())
        own = self.authority.read_bytes()
        self.authority.write_bytes(own + former.certificateFile.read_bytes())
        context = self.context()
        self.assertIsNone(context.refuses(member))
        self.authority.write_bytes(own)
        self.assertTrue(context.refresh())
        self.assertIn("authority is not accepted", context.refuses(member) or "")

    def test_version(self) -> None:
        """Whether OpenSSL has DTLS 1.3 is known, and none of those tried has it."""
        self.assertFalse(hasDTLS13())
