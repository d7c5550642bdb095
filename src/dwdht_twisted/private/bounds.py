"""
The bounds of private networks on what strangers, replays and wrong clocks can cost a node.

``docs/reliability.rst``, "What is bounded", lists these numbers by name.  ``docs/security.rst`` says
how they work together.
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

#: The most datagrams that are sealed under one key.  Each has a number of 32 bits.
STREAM_DATAGRAMS = 2**32 - 1

#: The most streams of members of which a receiver remembers which datagrams came.  To make room for
#: a further stream, the one that was heard longest ago is forgotten.  Its datagrams of the last
#: `CLOCK_TOLERANCE` could be replayed then.  Larger: more memory, some 1 kB for each, up to 10 kB.
#: Smaller: a node that more members talk to within the tolerance is open to replays.
STREAMS_REMEMBERED = 4096

#: The most datagrams of a stream that are remembered one by one.  When there are more, those with
#: the lower half of the numbers count as received.  Larger: more memory.  Smaller: a datagram that
#: many later ones of its sender overtook is dropped.
NUMBERS_REMEMBERED = 128

#: The most askers whose stream a node remembers, so that their answers can't be passed to others.
#: The answer to a forgotten asker is not bound to it.
ASKERS_REMEMBERED = 4096

#: How long the stream of an asker is remembered, in seconds.  It is longer than a handler may take.
#: Larger: a node that was restarted at its address gets no relayed ping for longer.
ASKERS_REMEMBERED_FOR = 60.0

#: The shortest time between two datagrams out of time that are opened to tell a wrong clock from
#: noise, in seconds.  Smaller: a flood of replays costs more.
CLOCK_CHECK_INTERVAL = 1.0
