"""
The bounds of private networks on what strangers, replays and wrong clocks can cost a node.

``docs/reliability.rst``, "What is bounded", lists these numbers by name.  ``docs/security.rst``
says how they work together.
"""

from __future__ import annotations

# Networks by key.

#: The most seconds by which the time in a datagram may differ from the clock of the receiver.  A
#: datagram that was recorded is refused later, whatever the receiver remembers.  Larger: a node
#: that was restarted answers older replays.  Smaller: machines whose clocks differ more can't talk.
CLOCK_TOLERANCE = 120

#: How long a node seals under one key, in seconds.  Larger: more datagrams are sealed under a key,
#: and whoever sees them can link them for longer.  Smaller: nodes derive keys more often.
STREAM_LIFETIME = 3600

#: The number of datagrams under one key after which a node seals under another, from the next
#: second on.  Each has a number of 32 bits, and no node sends the other half of them in a second.
STREAM_DATAGRAMS = 2**31

#: The most streams of its own that a node remembers, so that their datagrams can't be sent back to
#: it.  It begins another one each hour, when it seals with another key, and when the clock of its
#: machine was set.  Smaller: a node whose clock is set often hears its own requests, if somebody
#: sends them back.
OWN_STREAMS_REMEMBERED = 16

#: The most streams of members of which a receiver remembers which datagrams came.  To make room for
#: a further stream, the one that was heard longest ago is forgotten.  Its datagrams of the last
#: `CLOCK_TOLERANCE` could be replayed then.  A member can begin so many streams by itself.  Larger:
#: more memory, some 1 kB for each.  Smaller: a node that more members talk to within the tolerance
#: is open to replays.
STREAMS_REMEMBERED = 4096

#: The numbers of a stream's datagrams that are remembered: the highest of each remainder.  Larger:
#: more memory.  Smaller: a datagram that many later ones of its sender overtook is dropped.
NUMBERS_REMEMBERED = 128

#: The most requests without an answer whose stream a node remembers, so that their answers can't
#: be passed to others.  The room is shared by hosts.  The answer to a forgotten request is not
#: bound to its asker.
ASKERS_REMEMBERED = 4096

#: How long such a request is remembered, in seconds.  A handler may take less.  Smaller: late
#: answers are not bound to their askers.
ASKERS_REMEMBERED_FOR = 60

#: The shortest time between two datagrams out of time that are opened to tell a wrong clock from
#: noise, in seconds.  Smaller: a flood of replays costs more.
CLOCK_CHECK_INTERVAL = 1.0

# Networks by certificate.

#: The most associations of a node, with those whose handshake has not ended.  To make room for a
#: further one, the association that was used the longest ago is closed.  An association takes
#: some 63 kB of memory.  Larger: members take up more memory.  Smaller: a node that talks to many
#: members makes handshakes anew, each of which takes a millisecond of its processor.
ASSOCIATIONS = 512

#: The most associations with one certificate.  For a further one, that of them which was heard the
#: longest ago is closed.  A member has several addresses when it was restarted on other ports, or
#: its NAT has given it new ones.  Larger: a member with many addresses pushes out more of the
#: others.  Smaller: a member that gets new addresses often makes more handshakes.
ASSOCIATIONS_OF_MEMBER = 8

#: The most handshakes at the same time that other nodes have begun.  Each of them has shown by a
#: cookie that it receives datagrams at its address.  For a further one the oldest of the /24
#: network with the most is given up; each private host counts as a network.
#: Larger: addresses that begin handshakes and don't end them take up more memory.  Smaller: fewer
#: members can begin one at the same moment.
HALF_OPEN = 64

#: The most handshakes at the same time that the node has begun itself.  A further one waits.
#: Larger: other nodes that name dead addresses make the node send more.  Smaller: a lookup of nodes
#: that it has no association with takes longer.
OPENING = 64

#: The most handshakes at the same time that the node has begun for answers to addresses that it has
#: no association with.  Other members name such addresses for hole punches.  For a further one the
#: oldest is given up.  Larger: a member that names addresses where nobody is makes the node send
#: more.  Smaller: fewer hole punches at the same moment succeed.
UNASKED = 16

#: The most links without an association for which an established association gives way, when there
#: are `ASSOCIATIONS` links.  With more of them, the oldest of them gives way.  It is `OPENING` and
#: `HALF_OPEN` together.  Larger: addresses where nobody is push out more associations.  Smaller: a
#: node with many associations begins fewer handshakes at the same time.
UNESTABLISHED = 128

#: How long an association is kept that nothing was received on, in seconds.  A node pings its
#: contacts more often than this, so it keeps the associations with them.
ASSOCIATION_IDLE = 900.0

#: How long a handshake may take, in seconds, with all its repetitions.  Larger: datagrams wait for
#: longer that nobody will read.  Smaller: fewer handshakes succeed on a bad line.
HANDSHAKE_DEADLINE = 15.0

#: The most bytes of a datagram of a handshake, and of any other with several records.  It is what
#: no network cuts into fragments; see `dwdht_twisted._core.wire.UNFRAGMENTED_BYTES`.  A longer one
#: is dropped, unless it is one protected record.  Larger: a forged datagram of thousands of records
#: takes a millisecond or more to read.  Smaller: handshakes need more datagrams.
FLIGHT_DATAGRAM_BYTES = 1232

#: The most bytes that a handshake takes from the other end, without repetitions.  That of two
#: members takes some 1,500 bytes.  A further one ends it.  Larger: addresses that begin handshakes
#: and don't end them take up more memory.  Smaller: members with long certificates can't talk.
HANDSHAKE_BYTES = 32768

#: The bytes of `HANDSHAKE_BYTES` that a protected message of a handshake counts as.  There is one
#: such message, which may be repeated.  A member could seal fragments of other messages:
#: for each of them OpenSSL takes up to a page of memory.  Larger: fewer repetitions are read.
#: Smaller: a member can make a handshake take more memory.
SEALED_MESSAGE_COST = 1024

#: The most bytes of one message of a handshake.  A record in the clear with a part of a longer one
#: is dropped.  The longest message is a certificate, which has some 600 bytes.  OpenSSL takes the
#: memory for a whole message, and for ten messages at once, as soon as it has a byte of each.
#: Larger: strangers that send such bytes take up more memory.  Smaller: members with long
#: certificates can't talk.
HANDSHAKE_MESSAGE_BYTES = 8192

#: The most hellos without a valid cookie that are answered per second, with a burst of the same
#: number.  Those of private addresses are counted apart from those of public ones, up to the same
#: number.  Further ones are dropped.  Their senders repeat them.  Members with an association
#: notice nothing.  Larger: a flood of hellos slows a node down, because it sends an answer to each.
#: Smaller: during a flood from forged addresses, fewer new members get their cookie.  Of 20,000
#: hellos per second one in ten is answered, and a member sends 20 before it gives up.
HELLO_RATE = 2000.0

#: The most of these hellos that are answered per second for one public /24 network, with a burst of
#: the same number.  Larger: fewer networks that flood a node take all cookies.  Smaller: members
#: behind one NAT that begin at the same moment wait for each other.
HELLO_RATE_OF_NETWORK = 50.0

#: The most networks whose hellos are counted in this way, and as many others.  A forgotten network
#: may have its burst again.  Larger: a flood from forged addresses fills more memory, some 200
#: bytes for each.  Smaller: such a flood makes a node forget the network of another one sooner.
HELLO_NETWORKS = 1024

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

# The authority.

#: The most days for which a certificate or a revocation list is valid.  A larger number is taken
#: for a mistake.  Larger: the calendar ends before it.  Smaller: an authority has to be replaced
#: sooner.
LONGEST_DAYS = 36500
