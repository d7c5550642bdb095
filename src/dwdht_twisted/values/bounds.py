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


# Values that are handed on to other nodes.

#: The most keys of one offer: 1,024 bytes.  Larger: a request makes a node look up more keys.
OFFERED_KEYS = 32

#: The most offers per second that a node answers.  Offers in queries, whose addresses may be
#: forged, are counted apart from those in updates, whose addresses are validated.  Each of them
#: takes about a millisecond if the store is a database.  A /24 network gets the less, the fewer are
#: left (`RESERVE_PER_TOKEN`).
OFFERS_ANSWERED = 50.0

#: The most offers per second that a node makes.  An attacker that joins under new ids causes them.
OFFER_RATE = 2.0

#: The most values per second that a node hands on, 2.5 kB for each value of 1,000 bytes.
HAND_OVER_RATE = 4.0

#: The most values that one contact is handed in one pass over the store, while others wait.
HANDED_ON_PER_CONTACT = 512
