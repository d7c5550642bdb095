"""
Tests for `dwdht_twisted.contact`.
"""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._core.wire import (
    COMPACT_CONTACT_BYTES,
    DEFAULT_PORT,
    ID_BYTES,
    Address,
    Contact,
    checkId,
    distance,
    isIPv4,
    isLoopback,
    isPublic,
    isRoutable,
    isSendable,
    packAddress,
    packContact,
    splitContacts,
    subnet,
    unpackAddress,
    unpackContact,
)
from dwdht_twisted._core.wire.addresses import COMPACT_ADDRESS_BYTES
from dwdht_twisted._net.arguments import parseAddress
from dwdht_twisted.errors import InvalidAddress, InvalidTarget
from dwdht_twisted.interfaces import AddressLike
from tests.helpers.strategies import (
    contacts,
    ephemeralContacts,
    hosts,
    ids,
    octets,
    ports,
    thorough,
)

ID = bytes(range(32))


class ParseAddressTests(SynchronousTestCase):
    """
    Tests for `parseAddress`.
    """

    def test_forms(self) -> None:
        """Each form that the reference allows means what it says there."""
        forms: list[tuple[AddressLike, Address]] = [
            ("example.com:4224", Address("example.com", 4224)),
            ("192.0.2.7:1", Address("192.0.2.7", 1)),
            ("192.0.2.7:65535", Address("192.0.2.7", 65535)),
            ("example.com", Address("example.com", DEFAULT_PORT)),
            (":10001", Address("127.0.0.1", 10001)),
            (10001, Address("127.0.0.1", 10001)),
            (("example.com", 4224), Address("example.com", 4224)),
            (Address("example.com", 4224), Address("example.com", 4224)),
            (Contact(ID, "192.0.2.7", 4224), Address("192.0.2.7", 4224)),
            (Contact(None, "192.0.2.7", 4224), Address("192.0.2.7", 4224)),
            ("  example.com:4224\n", Address("example.com", 4224)),
        ]
        for given_, expected in forms:
            self.assertEqual(parseAddress(given_), expected)
            self.assertIsInstance(parseAddress(given_), Address)

    def test_defaultPort(self) -> None:
        """A host name alone means port 6620."""
        self.assertEqual(parseAddress("example.com").port, 6620)

    def test_list(self) -> None:
        """A pair from JSON is a pair too."""
        pair = cast(AddressLike, ["example.com", 4224])
        self.assertEqual(parseAddress(pair), Address("example.com", 4224))

    def test_invalid(self) -> None:
        """What is no address is refused, with what was given and what is allowed."""
        wrong: list[object] = [
            "",
            " ",
            ":",
            "host:",
            "host:0",
            "host:65536",
            "host:-1",
            "host:+1",
            "host:1_0",
            "host:http",
            "host:\u0661",
            "host: 80",
            "ho st:80",
            "host/path:80",
            "http://host:80",
            "::1:80",
            "[::1]:80",
            0,
            -1,
            65536,
            True,
            1.5,
            None,
            b"host:80",
            ("host",),
            ("host", 80, 1),
            ("host", 0),
            ("host", 65536),
            ("host", True),
            ("host", "80"),
            ("", 80),
            (b"host", 80),
            ("::1", 80),
            Contact(ID, "192.0.2.7", 0),
        ]
        for each in wrong:
            error = self.assertRaises(InvalidAddress, parseAddress, each)
            self.assertTrue(str(error), each)
            self.assertTrue("HOST:PORT" in str(error) or "1 to 65535" in str(error), str(error))

    def test_endlessPort(self) -> None:
        """A port of thousands of digits is refused as any other wrong port."""
        self.assertRaises(InvalidAddress, parseAddress, "host:" + "9" * 5000)

    def test_unprintable(self) -> None:
        """A host with a byte in it that no name can have is refused before it is looked up."""
        for host in ("\0", "ho\0st", "host\x7f"):
            self.assertRaises(InvalidAddress, parseAddress, f"{host}:80")
            self.assertRaises(InvalidAddress, parseAddress, (host, 80))

    @thorough
    @given(st.text() | st.from_regex(r"[a-z0-9.:/ ]*:[0-9]{0,6}"))
    def test_anyText(self, text: str) -> None:
        """Any text is either refused or read as an address that can be used."""
        try:
            address = parseAddress(text)
        except InvalidAddress:
            return
        self.assertTrue(address.host)
        self.assertTrue(1 <= address.port <= 65535)
        self.assertEqual(parseAddress(str(address)), address)

    @thorough
    @given(hosts, ports)
    def test_ownForm(self, host: str, port: int) -> None:
        """An address is read back from the form that it is shown in."""
        address = Address(host, port)
        self.assertEqual(parseAddress(str(address)), address)


class CheckIdTests(SynchronousTestCase):
    """
    Tests for `checkId`.
    """

    def test_bytesLike(self) -> None:
        """Each kind of bytes is taken, and given back as bytes."""
        for value in (ID, bytearray(ID), memoryview(ID)):
            self.assertIs(type(checkId(value, "target")), bytes)
            self.assertEqual(checkId(value, "target"), ID)

    def test_wrong(self) -> None:
        """What isn't 32 bytes is refused, in a message that names it and what was given."""
        for value, shown in ((b"", "0"), (ID[1:], "31"), (ID + b"x", "33"), ("a" * 32, "str")):
            error = self.assertRaises(InvalidTarget, checkId, value, "the target")
            self.assertIn("the target", str(error))
            self.assertIn("32 bytes", str(error))
            self.assertIn(shown, str(error))
        self.assertRaises(InvalidTarget, checkId, None, "target")


class CompactTests(SynchronousTestCase):
    """
    Tests for the compact forms.
    """

    def test_addressVector(self) -> None:
        """A compact address is the four octets, then the port with its high byte first."""
        compact = bytes.fromhex("c0000207 19dc")
        self.assertEqual(packAddress("192.0.2.7", 6620), compact)
        self.assertEqual(unpackAddress(compact), Address("192.0.2.7", 6620))

    def test_contactVector(self) -> None:
        """A compact contact is the id, then the compact address."""
        compact = bytes.fromhex("000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")
        compact += bytes.fromhex("0a000001ffff")
        contact = Contact(ID, "10.0.0.1", 65535)
        self.assertEqual(packContact(contact), compact)
        self.assertEqual(unpackContact(compact), contact)

    @thorough
    @given(contacts)
    def test_roundTrip(self, contact: Contact) -> None:
        """An address and a contact are what was packed."""
        address = packAddress(contact.host, contact.port)
        self.assertEqual(len(address), COMPACT_ADDRESS_BYTES)
        self.assertEqual(unpackAddress(address), contact.address)
        compact = packContact(contact)
        self.assertEqual(len(compact), COMPACT_CONTACT_BYTES)
        self.assertEqual(unpackContact(compact), contact)

    def test_notIPv4(self) -> None:
        """A host that isn't an IPv4 address in dotted form can't be packed."""
        for host in ("example.com", "::1", "", "1.2.3", "127.1", "1", "1.2.3.4 x", "1.2.3.4\0"):
            self.assertRaises(InvalidAddress, packAddress, host, 80)

    def test_portOutOfRange(self) -> None:
        """A port that two bytes don't hold can't be packed."""
        for port in (-1, 65536):
            self.assertRaises(InvalidAddress, packAddress, "192.0.2.7", port)

    def test_noPort(self) -> None:
        """A compact address with port 0 is refused, for nothing can be sent there."""
        self.assertRaises(InvalidAddress, unpackAddress, bytes.fromhex("c0000207 0000"))

    @thorough
    @given(st.binary(max_size=10))
    def test_anyAddress(self, compact: bytes) -> None:
        """Bytes are either refused or an address whose compact form they are."""
        try:
            address = unpackAddress(compact)
        except InvalidAddress:
            self.assertTrue(len(compact) != COMPACT_ADDRESS_BYTES or compact[4:] == b"\0\0")
        else:
            self.assertEqual(packAddress(*address), compact)

    @thorough
    @given(ephemeralContacts)
    def test_ephemeral(self, contact: Contact) -> None:
        """A contact without an id has no compact form."""
        self.assertRaises(InvalidTarget, packContact, contact)

    def test_unsendable(self) -> None:
        """A contact that nothing can be sent to is none."""
        for host, port in (("10.0.0.1", 0), ("0.0.0.0", 80), ("224.0.0.1", 80), ("255.0.0.1", 80)):
            compact = ID + packAddress(host, port)
            self.assertIsNone(unpackContact(compact), f"{host}:{port}")

    @given(octets)
    def test_isSendable(self, first: int) -> None:
        """Hosts begin with 1 to 223; the rest is this network, multicast and reserved."""
        self.assertEqual(isSendable(first), 1 <= first <= 223)

    @thorough
    @given(st.lists(contacts, max_size=25), st.binary(max_size=COMPACT_CONTACT_BYTES - 1))
    def test_splitContacts(self, listed: list[Contact], rest: bytes) -> None:
        """A list comes apart into what was joined, without a rest that is too short."""
        compact = b"".join(packContact(contact) for contact in listed)
        parts = [unpackContact(part) for part in splitContacts(compact + rest)]
        self.assertEqual(parts, listed)

    @given(st.lists(contacts, max_size=8), st.integers(0, 10))
    def test_splitMost(self, listed: list[Contact], most: int) -> None:
        """Of a list that is longer than allowed the rest is left out."""
        compact = b"".join(packContact(contact) for contact in listed)
        parts = [unpackContact(part) for part in splitContacts(compact, most)]
        self.assertEqual(parts, listed[:most])


class DistanceTests(SynchronousTestCase):
    """
    Tests for `distance`.
    """

    def test_vector(self) -> None:
        """Distance is the XOR, with the first byte weighing most."""
        one = b"\x01" + bytes(31)
        self.assertEqual(distance(one, bytes(32)), 1 << 248)
        self.assertEqual(distance(bytes(31) + b"\x05", bytes(31) + b"\x03"), 6)

    @thorough
    @given(ids, ids, ids)
    def test_metric(self, a: bytes, b: bytes, c: bytes) -> None:
        """Distance is a metric, as section 2.1 of the Kademlia paper has it."""
        self.assertEqual(distance(a, b), distance(b, a))
        self.assertEqual(distance(a, b) == 0, a == b)
        self.assertTrue(distance(a, c) <= distance(a, b) + distance(b, c))


class HostTests(SynchronousTestCase):
    """
    Tests for what is told from a host.
    """

    def test_isIPv4(self) -> None:
        """Only four decimal octets need no resolving."""
        for host in ("127.0.0.1", "8.8.8.8", "255.255.255.255"):
            self.assertTrue(isIPv4(host), host)
        for host in ("localhost", "127.1", "::1", "", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 "):
            self.assertFalse(isIPv4(host), host)

    def test_isPublic(self) -> None:
        """Private, loopback, link-local and shared networks aren't the public internet."""
        for host in ("8.8.8.8", "172.32.0.1", "192.169.0.1", "11.0.0.1"):
            self.assertTrue(isPublic(host), host)
        for host in (
            "10.0.0.1",
            "172.16.0.1",
            "172.31.255.255",
            "192.168.1.1",
            "127.0.0.1",
            "169.254.1.1",
            "100.64.0.1",
            "0.0.0.0",
        ):
            self.assertFalse(isPublic(host), host)

    @given(hosts)
    def test_isLoopback(self, host: str) -> None:
        """This machine is all of 127.0.0.0/8, and no more."""
        self.assertEqual(isLoopback(host), host.split(".")[0] == "127")

    def test_subnet(self) -> None:
        """The /24 network of a host is all but its last octet."""
        self.assertEqual(subnet("192.0.2.7"), subnet("192.0.2.255"))
        self.assertNotEqual(subnet("192.0.2.7"), subnet("192.0.3.7"))

    def test_isRoutable(self) -> None:
        """
        A public host may be named by anybody, a private one by hosts that aren't public, and this
        machine only by itself.
        """
        namers = {
            "8.8.8.8": {"8.8.4.4", "10.0.0.1", "127.0.0.1"},
            "10.0.0.2": {"10.0.0.1", "127.0.0.1"},
            "127.0.0.2": {"127.0.0.1"},
        }
        for named, expected in namers.items():
            found = {
                source
                for source in ("8.8.4.4", "10.0.0.1", "127.0.0.1")
                if isRoutable(named, source)
            }
            self.assertEqual(found, expected)


class ContactTests(SynchronousTestCase):
    """
    Tests for `Contact` and `Address`.
    """

    def test_equality(self) -> None:
        """An address equals the plain pair that a transport gives."""
        self.assertEqual(Address("192.0.2.7", 80), ("192.0.2.7", 80))
        self.assertEqual(Contact(ID, "192.0.2.7", 80).address, Address("192.0.2.7", 80))

    def test_immutable(self) -> None:
        """Neither can be changed once it is made."""
        contact = Contact(ID, "192.0.2.7", 80)
        self.assertRaises(AttributeError, setattr, contact, "port", 81)
        self.assertRaises(AttributeError, setattr, contact.address, "port", 81)

    def test_shown(self) -> None:
        """They are shown with where they are, and with who it is as far as is known."""
        self.assertEqual(str(Address("192.0.2.7", 80)), "192.0.2.7:80")
        self.assertEqual(str(Contact(ID, "192.0.2.7", 80)), "00010203@192.0.2.7:80")
        self.assertEqual(str(Contact(None, "192.0.2.7", 80)), "ephemeral@192.0.2.7:80")
        self.assertEqual(len(ID), ID_BYTES)
