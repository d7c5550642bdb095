"""
The security of a network whose members share a key.
"""

from __future__ import annotations

from weakref import WeakSet

from ..._core.wire import MAX_DATAGRAM_BYTES
from ..seam import Transport
from .layer import KeyedLayer
from .sealing import NETWORK_KEY_BYTES, OVERHEAD, DerivedKeys


class KeyedNetwork:
    """
    A private network whose members share one secret, the network key.

    Who has the key is a member: may read, store, and answer.  Nobody else can read a datagram, and
    nobody else is answered.  See ``docs/security.rst``.

    :param keys: one network key of 32 bytes, or, while it is replaced, several.  The first one
        seals what is sent.  Datagrams that are sealed with any of them are accepted.
    :raises ValueError: when there is no key, one doesn't have 32 bytes, or two are the same
    """

    id: bytes | None = None
    overhead = OVERHEAD
    maximumBytes = MAX_DATAGRAM_BYTES

    def __init__(self, *keys: bytes) -> None:
        self._keys = _derived(keys)
        self._layers: WeakSet[KeyedLayer] = WeakSet()

    @property
    def fingerprints(self) -> list[str]:
        """
        A fingerprint of each key in use, 8 hexadecimal digits; the first one is that of the key
        that seals.

        Nodes with the same key have the same fingerprint.  It says nothing about the key, and is no
        secret: it stands in each datagram.
        """
        return [each.id.hex() for each in self._keys]

    @property
    def network(self) -> str:
        """The kind of network, with the fingerprints, in words."""
        fingerprints = self.fingerprints
        noun = "fingerprint" if len(fingerprints) == 1 else "fingerprints"
        return f"a network by key, with the {noun} {' and '.join(fingerprints)}"

    @property
    def reasonOfSilence(self) -> str:
        """What it may mean that no node answers, beside that none is there."""
        return "a wrong network key looks the same, because nodes are silent to it"

    def layer(self, transport: Transport) -> KeyedLayer:
        """Make the layer of a node."""
        layer = KeyedLayer(transport, self._keys)
        self._layers.add(layer)
        return layer

    def replaceKeys(self, *keys: bytes) -> None:
        """
        Use other keys from now on, in all nodes that were made with this object.

        To replace the key of a network that goes on, take three steps, each at all members before
        the next: ``replaceKeys(old, new)``, ``replaceKeys(new, old)``, ``replaceKeys(new)``.

        :raises ValueError: see the class; the former keys stay in use then
        """
        self._keys = _derived(keys)
        for layer in self._layers:
            layer.useKeys(self._keys)


def _derived(keys: tuple[bytes, ...]) -> list[DerivedKeys]:
    if not keys:
        raise ValueError("a private network needs a network key")
    for key in keys:
        if not isinstance(key, bytes) or len(key) != NETWORK_KEY_BYTES:
            raise ValueError(f"a network key is {NETWORK_KEY_BYTES} random bytes")
    derived = [DerivedKeys(key) for key in keys]
    if len({each.id for each in derived}) < len(derived):
        raise ValueError("two network keys are the same")
    return derived


__all__ = ["KeyedNetwork"]
