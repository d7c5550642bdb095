"""
The bounds on what strangers can cost by announcements and by lists of peers.

``docs/reliability.rst``, "What is bounded", lists these numbers by name, as it does those of
``_core/limits/bounds.py``.
"""

from __future__ import annotations

#: The most announcements that a node keeps for others.  ``hyperdht`` has the same number.  Larger:
#: strangers use up more memory; one takes some 800 bytes.  Smaller: with many announcers, each host
#: keeps fewer announcements.
MAXIMUM_ANNOUNCEMENTS = 65_536

#: The most announcements of one host, of all topics together.  A loopback host stands for all nodes
#: of a machine, so there each port counts as a host.  Larger: a host has more of the announcements,
#: until the others need their place.  Smaller: a host with many services, or a NAT with many
#: announcers, is found under fewer topics.
ANNOUNCEMENTS_PER_HOST = 256

#: The most announcements of one host under one topic; see `ANNOUNCEMENTS_PER_HOST` for loopback.
#: Larger: fewer hosts fill a topic with ports that nobody listens at.  Smaller: behind a NAT, fewer
#: peers of one topic are found.
HOST_ANNOUNCEMENTS_PER_TOPIC = 64

#: The most announcements of one topic.  An answer names 150 of them at most.  Larger: an answer
#: takes longer to draw.  Smaller: fewer of the peers of a popular topic are found.
ANNOUNCEMENTS_PER_TOPIC = 2048

#: How long an announcement is kept after it was last made, in seconds.  ``hyperdht@1.3.0`` has the
#: same number, so that an announcement ends at the same time on all nodes.  Its users announce
#: again every 4 to 5 minutes.  Larger: a peer that is gone is found for longer.  Smaller: a peer
#: vanishes between two announcements.
ANNOUNCEMENT_LIFETIME = 368.64

#: One more peer is added to an answer while its lists have fewer than this number of bytes.  The
#: last one adds up to 10 bytes.  The other fields fit beside them into a datagram that no network
#: cuts into fragments.  ``hyperdht`` has the same number.
PEER_LIST_BYTES = 900

#: The most entries of a list of peers that a look-up takes from one answer.  The largest honest
#: list has 150.  Larger: a liar names more peers that don't exist.
PEERS_PER_LIST = 150

#: The most servers of a topic that an endpoint remembers, and the most failed ones.  A look-up ends
#: when it has found this number.  Larger: liars use up more memory.  Smaller: fewer of the servers
#: of a popular topic get connections of one client.
SERVERS_REMEMBERED = 1000

#: The most servers of one host that an endpoint takes from a look-up.  Larger: fewer hosts fill
#: `SERVERS_REMEMBERED`.  Smaller: fewer of the servers of one host get connections of one client.
SERVERS_PER_HOST = 64

#: The most servers that an endpoint tries for one connection.  Larger: liars who name addresses
#: that belong to others make a client knock at more of them.  Smaller: they keep a client from the
#: honest servers more easily.
ATTEMPTS_PER_CONNECTION = 100
