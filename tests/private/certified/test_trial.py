"""
`dwdht_twisted.private.certified.trial`: certificates of authorities that others have made.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from random import Random
from typing import NamedTuple, TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted import CannotUseCertificate
from dwdht_twisted.private import SecurityContext
from dwdht_twisted.private.authority import newKey, pemOf, pemOfKey
from dwdht_twisted.private.certified import files
from dwdht_twisted.testing import MemoryNetwork, SimulatedClock
from simulation.certified_hosts import areLinked, makeHost, utcNow

SERVER, CLIENT = ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH
EMAIL, ANY = ExtendedKeyUsageOID.EMAIL_PROTECTION, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE

Usages = Sequence[x509.ObjectIdentifier] | None
Choice = TypeVar("Choice")


class Plan(NamedTuple):
    """
    What the certificates of a network are like.

    :ivar authorities: how many there are in the chain, from the root on
    :ivar listed: the indices of those in the authority file
    :ivar usages: the extended key usages of the members; None without the extension
    :ivar authorityUsages: the same of the last authority
    :ivar isAuthority: whether the last authority has the right to sign
    :ivar pathLength: the path length of the last authority
    :ivar signs: whether the key usage of the members allows signatures; None without the extension
    :ivar signsCertificates: whether that of the last authority allows to sign certificates
    :ivar signsLists: whether it allows to sign revocation lists; None without any list
    """

    authorities: int = 1
    listed: tuple[int, ...] = (0,)
    usages: Usages = (SERVER, CLIENT)
    authorityUsages: Usages = None
    isAuthority: bool = True
    pathLength: int | None = None
    signs: bool | None = True
    signsCertificates: bool | None = True
    signsLists: bool | None = None


class Signer(NamedTuple):
    """A certificate and its key."""

    certificate: x509.Certificate
    key: ec.EllipticCurvePrivateKey


def keyUsage(*, signs: bool, certificates: bool, lists: bool) -> x509.KeyUsage:
    """A key usage of these three rights.  It has one of them at least."""
    return x509.KeyUsage(
        digital_signature=signs,
        key_cert_sign=certificates,
        crl_sign=lists,
        content_commitment=not (signs or certificates or lists),
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def sign(name: str, issuer: Signer | None, extensions: Sequence[x509.ExtensionType]) -> Signer:
    """Make a key and its certificate; without an issuer, one that signs itself."""
    key = newKey()
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject if issuer is None else issuer.certificate.subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(utcNow() - timedelta(hours=1))
        .not_valid_after(utcNow() + timedelta(days=1))
    )
    for extension in extensions:
        builder = builder.add_extension(
            extension, critical=not isinstance(extension, x509.ExtendedKeyUsage)
        )
    return Signer(builder.sign((issuer.key if issuer else key), hashes.SHA256()), key)


def makeMembers(plan: Plan) -> list[tuple[bytes, bytes, bytes, bytes | None]]:
    """The files of two members: certificate, key, authorities and revocation list."""
    chain: list[Signer] = []
    for number in range(plan.authorities):
        isLast = number == plan.authorities - 1
        extensions: list[x509.ExtensionType] = []
        if isLast and not plan.isAuthority:
            extensions.append(x509.BasicConstraints(ca=False, path_length=None))
        else:
            length = plan.pathLength if isLast else None
            extensions.append(x509.BasicConstraints(ca=True, path_length=length))
        if isLast and plan.signsCertificates is not None:
            signsLists = bool(plan.signsLists)
            extensions.append(
                keyUsage(signs=False, certificates=plan.signsCertificates, lists=signsLists)
            )
        if isLast and plan.authorityUsages is not None:
            extensions.append(x509.ExtendedKeyUsage(plan.authorityUsages))
        chain.append(sign(f"authority {number}", chain[-1] if chain else None, extensions))
    issuer = chain[-1]
    lists = None
    if plan.signsLists is not None:
        lists = pemOf(
            x509.CertificateRevocationListBuilder()
            .issuer_name(issuer.certificate.subject)
            .last_update(utcNow() - timedelta(hours=1))
            .next_update(utcNow() + timedelta(days=1))
            .sign(issuer.key, hashes.SHA256())
        )
    extensions = [x509.BasicConstraints(ca=False, path_length=None)]
    if plan.signs is not None:
        extensions.append(keyUsage(signs=plan.signs, certificates=False, lists=False))
    if plan.usages is not None:
        extensions.append(x509.ExtendedKeyUsage(plan.usages))
    authorities = b"".join(pemOf(chain[each].certificate) for each in plan.listed)
    members = [sign(f"member {number}", issuer, extensions) for number in range(2)]
    return [
        (pemOf(member.certificate), pemOfKey(member.key), authorities, lists) for member in members
    ]


def drawPlan(random: Random) -> Plan:
    """A random plan, of which each part is as it should be in three cases of four."""

    def draw(usual: Choice, *others: Choice) -> Choice:
        return usual if random.random() < 0.75 else random.choice(others)

    authorities = random.choice((1, 2, 3))
    last = authorities - 1
    both: Usages = (SERVER, CLIENT)
    none: Usages = None
    allowed: bool | None = True
    unlimited: int | None = None
    return Plan(
        authorities,
        random.choice(((last,), tuple(range(authorities)), tuple(range(last, -1, -1)))),
        draw(both, none, (SERVER,), (CLIENT,), (EMAIL,), (ANY,), (CLIENT, EMAIL, SERVER)),
        draw(none, both, (SERVER,), (CLIENT,), (EMAIL,)),
        draw(True, False),
        draw(unlimited, 0, 1),
        draw(allowed, None, False),
        draw(allowed, None, False),
        random.choice((None, True, False)),
    )


class TrialTests(SynchronousTestCase):
    """
    Members whose files are read.
    """

    def talks(self, members: list[SecurityContext]) -> bool:
        """Whether two members make a handshake, whichever begins."""
        for first in (0, 1):
            clock = SimulatedClock()
            network = MemoryNetwork(clock, seed=1, latency=0.01)
            hosts = [makeHost(network, f"10.0.0.{1 + n}", members[n]) for n in range(2)]
            hosts[first].layer.send(b"\0\1", hosts[1 - first].address)
            clock.runFor(1)
            linked = areLinked(*hosts)
            for host in hosts:
                host.layer.stop()
            if not linked:
                return False
        return True

    def load(self, plan: Plan) -> list[SecurityContext]:
        """Load the files of two members."""
        return [
            SecurityContext(certificate, key, authorities, revocations=lists)
            for certificate, key, authorities, lists in makeMembers(plan)
        ]

    def test_loadsIfAndOnlyIfHandshakesSucceed(self) -> None:
        """
        Of 150 random networks, the members of each load if and only if two of them make handshakes,
        whichever begins.  Those that are refused fail with a `CannotUseCertificate`.
        """
        random = Random(1)
        counts = [0, 0]
        for _ in range(150):
            plan = drawPlan(random)
            isLoaded = True
            try:
                members = self.load(plan)
            except CannotUseCertificate as error:
                isLoaded = False
                self.assertRegex(str(error), "^the (certificate|authority) can't be used")
                patcher = self.patch(files, "tryHandshake", lambda context: None)
                members = self.load(plan)
                patcher.restore()
            self.assertEqual(self.talks(members), isLoaded, plan)
            counts[isLoaded] += 1
        self.assertGreater(min(counts), 30)

    def test_authorityThatAnotherHasSigned(self) -> None:
        """
        An authority file that holds only an authority that another one has signed is enough, with a
        revocation list and without one.  Members of the other authorities are not accepted.
        """
        for signsLists in (None, True):
            files = makeMembers(Plan(authorities=3, listed=(2,), signsLists=signsLists))
            members = [SecurityContext(*each[:3], revocations=each[3]) for each in files]
            self.assertTrue(self.talks(members))
        certificate, key, root, _ = makeMembers(Plan(authorities=2, listed=(0,)))[0]
        with self.assertRaisesRegex(CannotUseCertificate, "was signed by another authority"):
            SecurityContext(certificate, key, root)

    def test_usageOfOneRole(self) -> None:
        """
        A certificate that only a client or only a server may use is refused, with the other role
        and the reason in the message.  So is that of an authority.
        """
        forbids = "its key usage or its extended key usage forbids that"
        for usage, missing in ((SERVER, "client"), (CLIENT, "server")):
            reason = f"can't be used by a {missing}: {forbids}"
            with self.assertRaisesRegex(CannotUseCertificate, f"^the certificate {reason}$"):
                self.load(Plan(usages=(usage,)))
            with self.assertRaisesRegex(CannotUseCertificate, f"^the authority {reason}$"):
                self.load(Plan(authorityUsages=(usage,)))

    def test_otherFaults(self) -> None:
        """A certificate without the rights of an authority is refused in an authority file."""
        for plan, reason in (
            (
                Plan(isAuthority=False, signsCertificates=None),
                "not the certificate of an authority",
            ),
            (
                Plan(signsCertificates=False),
                "does not allow to sign certificates|not the certificate",
            ),
            (Plan(signsLists=False), "does not allow to sign revocation lists"),
        ):
            with self.assertRaisesRegex(CannotUseCertificate, f"^the authority .*({reason})"):
                self.load(plan)

    def test_fileIsNamed(self) -> None:
        """The message names the file."""
        certificate, key, authority, _ = makeMembers(Plan(usages=(SERVER,)))[0]
        path = self.mktemp()
        with open(path, "wb") as file:
            file.write(certificate)
        with self.assertRaisesRegex(CannotUseCertificate, f"^the certificate '{path}' can't be"):
            SecurityContext(path, key, authority)
