"""
The bounds on what strangers can cost a node that keeps or fetches values, with their reasons.

``docs/reliability.rst``, "What is bounded", lists these numbers by name, as it does those of
``_core/limits/bounds.py``.
"""

from __future__ import annotations

# Signed records.

#: The most signatures per second that are checked for records of other nodes.  Records of private
#: and loopback addresses are counted apart from those of public ones, up to the same number.  A
#: check takes some 0.15 ms, so all checks together take up to 15 % of a processor for either kind.
#: Larger: strangers take a larger share.  Smaller: records are refused when many are published.
SIGNATURE_CHECK_RATE = 1000.0

#: The most signatures per second that are checked for one public host.  A public /24 network gets
#: about as many: `RESERVE_PER_TOKEN` times its checks of the last second must be left to others.
#: Smaller: a publisher of many records has to be slower.  Larger: no effect.
SIGNATURE_CHECKS_PER_HOST = 60.0


# Large values.

#: The largest value of `putLarge` and `getLarge`, in bytes: 1 MiB.  A stranger may publish the root
#: of any tree.  With this limit, a tree has at most 1,087 values, so a get of it makes at most as
#: many lookups, and the attempts of the one that fails.  Larger: a key costs whoever reads it more.
#: Smaller: fewer values fit.
MAXIMUM_LARGE_BYTES = 1_048_576

#: How often a plain value of a tree is put or looked up before the whole put or get fails.  Larger:
#: a get of a tree that lacks a piece sends more requests before it fails.  Smaller: a get fails
#: when the nodes with a piece were out of reach for a moment.
PIECE_ATTEMPTS = 3
