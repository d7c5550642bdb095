"""
Private networks by key: all members share one secret, the network key.

Each datagram is sealed with AES-256-GCM (NIST SP 800-38D), under a key that is derived from the
network key by HKDF (RFC 5869).  There is no handshake, and a datagram gets 40 bytes longer.
``docs/security.rst`` explains the design.

* `files`: network keys, and the files that hold them.
* `sealing`: the keys that are derived from a network key, and the format of a sealed datagram.
* `streams`: which datagrams of a sender were received.
* `layer`: the `DatagramLayer` that opens and seals.
* `network`: `KeyedNetwork`, the `NetworkSecurity` of such a network.
"""
