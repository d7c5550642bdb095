"""
IPv4 addresses: their forms in options and on the wire, and the kinds of networks.
"""

from __future__ import annotations

from typing import cast

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from dwdht_twisted._addresses import parseAddress, parseAddresses
from dwdht_twisted._core.wire import (
    DEFAULT_PORT,
    Address,
    Contact,
    isIPv4,
    isLoopback,
    isPublic,
    isRoutable,
    isSendable,
    packAddress,
    subnet,
    unpackAddress,
)
from dwdht_twisted._core.wire.addresses import COMPACT_ADDRESS_BYTES
from dwdht_twisted.errors import InvalidAddress
from dwdht_twisted.interfaces import AddressLike
from tests.helpers.strategies import hosts, octets, ports, thorough

ID = bytes(range(32))


class ParseAddressTests(SynchronousTestCase):
    """
    `parseAddress`, which reads one address given as an option.
    """

    def test_eachFormOfAnAddressIsRead(self) -> None:
        """Each of the 12 forms in the API reference is read as the right address."""
        forms: list[tuple[AddressLike, Address]] = [
            ("example.com:4224", Address("example.com", 4224)),
            ("192.0.2.7:1", Address("192.0.2.7", 1)),
            ("192.0.2.7:65535", Address("192.0.2.7", 65535)),
            ("example.com", Address("example.com", DEFAULT_PORT)),
            (":10001", Address("127.0.0.1", 10001)),
            (10001, Address("127.0.0.1", 10001)),
            (("example.com", 4224), Address("example.com", 4224)),
            ({"host": "example.com", "port": 4224}, Address("example.com", 4224)),
            (Address("example.com", 4224), Address("example.com", 4224)),
            (Contact(ID, "192.0.2.7", 4224), Address("192.0.2.7", 4224)),
            (Contact(None, "192.0.2.7", 4224), Address("192.0.2.7", 4224)),
            ("  example.com:4224\n", Address("example.com", 4224)),
        ]
        for given_, expected in forms:
            self.assertEqual(parseAddress(given_), expected)
            self.assertIsInstance(parseAddress(given_), Address)

    def test_hostAloneMeansPort6620(self) -> None:
        """A host without a port has the default port 6620."""
        self.assertEqual(parseAddress("example.com").port, 6620)

    def test_listOfHostAndPort(self) -> None:
        """A list of a host and a port is read like a tuple, because JSON has no tuples."""
        pair = cast(AddressLike, ["example.com", 4224])
        self.assertEqual(parseAddress(pair), Address("example.com", 4224))

    def test_invalidAddressIsRefused(self) -> None:
        """An argument that is no address raises `InvalidAddress` with the allowed forms."""
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
            bytearray(b"host:80"),
            memoryview(b"host:80"),
            {},
            {"host": "host"},
            {"port": 80},
            {"host": "host", "port": 80, "weight": 1},
            {"host": "host", "port": "80"},
            {"host": "host", "port": True},
            {"host": "host", "port": 0},
            {"host": b"host", "port": 80},
            {"host": "", "port": 80},
            {"host": 80},
            {"host", 80},
            {"host", "port"},
            frozenset({"host:80"}),
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

    def test_refusalShowsWhatWasGiven(self) -> None:
        """The error for bytes, a mapping or a set contains the argument and the allowed forms."""
        for each in (b"host:80", {"host": "host"}, {"host", 80}):
            for read in (parseAddress, parseAddresses):
                text = str(self.assertRaises(InvalidAddress, read, each))
                self.assertIn(repr(each), text)
                self.assertIn('HOST:PORT, ("host", port), {"host": "host", "port": port}', text)

    def test_portOf5000DigitsIsRefused(self) -> None:
        """A port of 5,000 digits raises `InvalidAddress`, like other wrong ports."""
        self.assertRaises(InvalidAddress, parseAddress, "host:" + "9" * 5000)

    def test_unprintableHostIsRefused(self) -> None:
        """A host with an unprintable character is refused when it is read."""
        for host in ("\0", "ho\0st", "host\x7f"):
            self.assertRaises(InvalidAddress, parseAddress, f"{host}:80")
            self.assertRaises(InvalidAddress, parseAddress, (host, 80))

    @thorough
    @given(st.text() | st.from_regex(r"[a-z0-9.:/ ]*:[0-9]{0,6}"))
    def test_anyTextIsReadOrRefused(self, text: str) -> None:
        """
        Random text is either refused or read as an address with a host and a port from 1 to 65535.
        """
        try:
            address = parseAddress(text)
        except InvalidAddress:
            return
        self.assertTrue(address.host)
        self.assertTrue(1 <= address.port <= 65535)
        self.assertEqual(parseAddress(str(address)), address)

    @thorough
    @given(hosts, ports)
    def test_shownAddressIsReadBack(self, host: str, port: int) -> None:
        """The text of an address is read as the same address."""
        address = Address(host, port)
        self.assertEqual(parseAddress(str(address)), address)


class ParseAddressesTests(SynchronousTestCase):
    """
    `parseAddresses`, which reads one address or several given as an option.
    """

    ONE = Address("example.com", 4224)
    OTHER = Address("127.0.0.1", 10001)

    def test_oneAddressIsAListOfOne(self) -> None:
        """A single address in any form is read as a list of one address."""
        for given_ in (
            "example.com:4224",
            ("example.com", 4224),
            {"host": "example.com", "port": 4224},
            self.ONE,
            Contact(ID, *self.ONE),
        ):
            self.assertEqual(parseAddresses(cast(AddressLike, given_)), [self.ONE])
        self.assertEqual(parseAddresses(10001), [self.OTHER])

    def test_severalAddressesAreReadInOrder(self) -> None:
        """A list, a tuple or an iterator of addresses in any form is read in order."""
        several = [{"host": "example.com", "port": 4224}, 10001, "example.com:4224"]
        for given_ in (several, tuple(several), iter(several)):
            read = parseAddresses(cast(list[AddressLike], given_))
            self.assertEqual(read, [self.ONE, self.OTHER, self.ONE])

    def test_setOfWholeAddressesIsRead(self) -> None:
        """A set whose members are whole addresses is read like a list."""
        self.assertEqual(parseAddresses({"example.com:4224"}), [self.ONE])
        self.assertEqual(parseAddresses(frozenset({Contact(ID, *self.ONE)})), [self.ONE])
        self.assertEqual(set(parseAddresses({self.ONE, self.OTHER})), {self.ONE, self.OTHER})

    def test_partsOfAnAddressAreRefused(self) -> None:
        """
        These are refused, alone and inside a list: bytes, a mapping whose keys are not exactly host
        and port, and a set whose members are not whole addresses.
        """
        wrong: list[object] = [
            b"example.com:4224",
            bytearray(b"example.com:4224"),
            memoryview(b"example.com:4224"),
            {},
            {"host": "example.com"},
            {"example.com": 4224},
            {"host": "example.com", "port": 4224, "id": None},
            {"example.com", 4224},
            {"example.com", "4224"},
            frozenset({b"example.com:4224"}),
        ]
        for each in wrong:
            for given_ in (each, [each], ["example.com:1", each]):
                self.assertRaises(InvalidAddress, parseAddresses, given_)


class CompactAddressTests(SynchronousTestCase):
    """
    The compact form of an address.
    """

    def test_compactAddressIsOctetsThenPort(self) -> None:
        """A compact address consists of the four octets and the port, with its high byte first."""
        compact = bytes.fromhex("c0000207 19dc")
        self.assertEqual(packAddress("192.0.2.7", 6620), compact)
        self.assertEqual(unpackAddress(compact), Address("192.0.2.7", 6620))

    @thorough
    @given(hosts, ports)
    def test_packedAddressIsReadBack(self, host: str, port: int) -> None:
        """The compact form of an address has 6 bytes, from which the same address is read."""
        compact = packAddress(host, port)
        self.assertEqual(len(compact), COMPACT_ADDRESS_BYTES)
        self.assertEqual(COMPACT_ADDRESS_BYTES, 6)
        self.assertEqual(unpackAddress(compact), Address(host, port))

    def test_onlyIPv4IsPacked(self) -> None:
        """`packAddress` refuses a host that isn't an IPv4 address in dotted form."""
        for host in ("example.com", "::1", "", "1.2.3", "127.1", "1", "1.2.3.4 x", "1.2.3.4\0"):
            self.assertRaises(InvalidAddress, packAddress, host, 80)

    def test_portOfMoreThan16BitsIsNotPacked(self) -> None:
        """`packAddress` refuses a port below 0 or above 65535."""
        for port in (-1, 65536):
            self.assertRaises(InvalidAddress, packAddress, "192.0.2.7", port)

    def test_port0IsRefused(self) -> None:
        """A compact address with port 0 is refused, because no datagram can be sent to port 0."""
        self.assertRaises(InvalidAddress, unpackAddress, bytes.fromhex("c0000207 0000"))

    @thorough
    @given(st.binary(max_size=10))
    def test_anyBytesAreReadOrRefused(self, compact: bytes) -> None:
        """Random bytes are either refused or read as the address with this compact form."""
        try:
            address = unpackAddress(compact)
        except InvalidAddress:
            self.assertTrue(len(compact) != COMPACT_ADDRESS_BYTES or compact[4:] == b"\0\0")
        else:
            self.assertEqual(packAddress(*address), compact)


class HostTests(SynchronousTestCase):
    """
    The kinds of networks to which hosts belong.
    """

    @given(octets)
    def test_sendableHostsBeginWith1To223(self, first: int) -> None:
        """
        A datagram can be sent to hosts whose first octet is 1 to 223. 0 is this network, and 224 to
        255 are multicast or reserved.
        """
        self.assertEqual(isSendable(first), 1 <= first <= 223)

    def test_fourDecimalOctetsAreIPv4(self) -> None:
        """Only four decimal octets from 0 to 255 are an IPv4 address."""
        for host in ("127.0.0.1", "8.8.8.8", "255.255.255.255"):
            self.assertTrue(isIPv4(host), host)
        for host in ("localhost", "127.1", "::1", "", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 "):
            self.assertFalse(isIPv4(host), host)

    def test_privateAndLocalHostsAreNotPublic(self) -> None:
        """Private, loopback, link-local and shared addresses are not public."""
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
    def test_loopbackIs127(self, host: str) -> None:
        """Exactly the addresses in 127.0.0.0/8 are loopback addresses."""
        self.assertEqual(isLoopback(host), host.split(".")[0] == "127")

    def test_subnetIsThreeOctets(self) -> None:
        """Two hosts that differ only in the last octet are in the same /24 network."""
        self.assertEqual(subnet("192.0.2.7"), subnet("192.0.2.255"))
        self.assertNotEqual(subnet("192.0.2.7"), subnet("192.0.3.7"))

    def test_routableHostsByNamer(self) -> None:
        """
        A public address is routable if any host names it. A private address is routable if a
        private or loopback host names it. A loopback address is routable if a loopback host names
        it.
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


class AddressTests(SynchronousTestCase):
    """
    An `Address`.
    """

    def test_equalsThePairOfATransport(self) -> None:
        """An address equals the tuple of host and port that a transport uses."""
        self.assertEqual(Address("192.0.2.7", 80), ("192.0.2.7", 80))

    def test_addressIsImmutable(self) -> None:
        """The port of an address can't be set."""
        self.assertRaises(AttributeError, setattr, Address("192.0.2.7", 80), "port", 81)

    def test_shownAsHostAndPort(self) -> None:
        """An address is shown as its host, a colon and its port."""
        self.assertEqual(str(Address("192.0.2.7", 80)), "192.0.2.7:80")
