"""
The bounds on what strangers and members can cost a node of a certified network, beside those of
`dwdht_twisted._core.limits.bounds`.
"""

#: The most associations of a node, with those whose handshake has not ended.  To make room for a
#: further one, the association that was used the longest ago is closed.  An association takes
#: some 90 kB of memory.  Larger: members take up more memory.  Smaller: a node that talks to many
#: members makes handshakes anew, each of which takes a millisecond of its processor.
ASSOCIATIONS = 512

#: The most handshakes at the same time that other nodes have begun.  Each of them has shown by a
#: cookie that it receives datagrams at its address.  For a further one the oldest is given up.
#: Larger: addresses that begin handshakes and don't end them take up more memory.  Smaller: fewer
#: members can begin one at the same moment.
HALF_OPEN = 64

#: The most handshakes at the same time that the node has begun itself.  A further one waits.
#: Larger: other nodes that name dead addresses make the node send more.  Smaller: a lookup of nodes
#: that it has no association with takes longer.
OPENING = 64

#: How long an association is kept that nothing was received on, in seconds.  A node pings its
#: contacts more often than this, so it keeps the associations with them.
ASSOCIATION_IDLE = 900.0

#: How long a handshake may take, in seconds, with all its repetitions.  Larger: datagrams wait for
#: longer that nobody will read.  Smaller: fewer handshakes succeed on a bad line.
HANDSHAKE_DEADLINE = 15.0

#: The most handshakes per second that a node begins to take part in, for others that have shown a
#: cookie.  Those of private addresses are counted apart from those of public ones, up to the same
#: number.  A handshake takes half a millisecond of the node's processor.  The tokens are shared by
#: /24 networks as with `CLAIM_RATE`.  Larger: addresses that begin handshakes take up more of the
#: processor.  Smaller: a node that many members ask at once, as after its restart, answers later.
HANDSHAKE_RATE = 200.0

#: The most datagrams that wait for one handshake.  A further one is dropped.  A node sends a
#: request up to four times, and equal datagrams wait once.
WAITING_DATAGRAMS = 16

#: The most bytes of all datagrams that wait for handshakes.  A further one is dropped.
WAITING_BYTES = 1_000_000

#: How long a certificate is refused whose owner sent an id that isn't its own, in seconds.
#: Smaller: a member that lies costs more handshakes.
LIAR_REFUSED_FOR = 600.0

#: The most such certificates that are remembered.
LIARS_REMEMBERED = 512
