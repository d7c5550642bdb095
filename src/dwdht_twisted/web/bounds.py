"""
The bounds on what clients can cost a node that is served over HTTP, with their reasons.

``docs/reliability.rst``, "What is bounded", lists these numbers by name.
"""

from __future__ import annotations

# Connections.

#: The most connections.  A further one takes the place of the oldest that waits for its client to
#: send a request; if there is none, it is closed at once.  Larger: connections use up the file
#: descriptors of the process, of which it often has 1,024, and up to 100 kB each, beside the answer
#: that waits for its client.  Smaller: the readers of streams keep out others.
MAXIMUM_CONNECTIONS = 128

#: The time within which a request has to arrive, from the connection or the end of the request
#: before, in seconds.  It covers the handshake of TLS.  Larger: half-open connections stay longer.
#: Smaller: clients on slow lines fail.
REQUEST_TIMEOUT = 20.0

#: The time for which a client may read nothing while more than 64 kB wait for it, in seconds.
#: Larger: slow readers stay longer.  Smaller: a reader that was suspended for a moment fails.
STALL_TIMEOUT = 20.0

#: The bytes that a client may send while its last request is served, beside the 64 kB that a socket
#: gives at once.  With more, nothing is read until that answer is written.  Larger: connections
#: take more memory.  Smaller: the end of a connection is noticed later while a request is served.
READ_AHEAD_BYTES = 16_384

#: The bytes that are split into lines at once.  The rest is copied for each line.  Larger: many
#: short lines take more of the processor.  Smaller: long requests take more calls.
PARSED_AT_ONCE = 4096

#: The most headers of a request.  Each takes some 300 bytes beside its text.  Larger: a request
#: takes more memory.  Smaller: requests fail that browsers and proxies make.
MAXIMUM_HEADERS = 100

#: The most fields in the query of a request.  Each takes some 300 bytes beside its text, and no
#: operation has more than two.  Larger: a request takes more memory.  Smaller: no request needs
#: more.
MAXIMUM_QUERY_FIELDS = 32

#: The most bytes of headers that follow a body.  Nothing reads them.  Larger: a request takes more
#: memory.  Smaller: no client is known that sends any.
MAXIMUM_TRAILER_BYTES = 1024

#: The largest body of a request that is read, in bytes.  A signed value of 1,000 bytes takes 2,000
#: as JSON.  Larger: each connection may take as much memory.  Smaller: records don't fit.
MAXIMUM_BODY_BYTES = 4096

#: The bytes of a body that is too large, after which its connection is closed without an answer.
#: Larger: a client may send more in vain.  Smaller: fewer clients learn what was wrong.
MAXIMUM_DISCARDED_BYTES = 1_048_576


# Work.

#: The most lookups, puts and announcements that clients have made and that have not ended.  A
#: further one is refused.  The node runs 64 queries at once.  Larger: HTTP may take all of these
#: from the program.  Smaller: fewer clients are served at once.
MAXIMUM_HTTP_QUERIES = 32

#: The most clients that watch all lookups of the node.  Larger: each step of a lookup costs more.
#: Smaller: fewer pages are open at once.
MAXIMUM_WATCHERS = 16

#: The time for which the metrics and the status are given again as they are, in seconds.  Larger:
#: a page that reads the status each second shows old numbers.  Smaller: a client that reads them
#: all the time takes more of the processor.
SHOWN_FOR = 0.25

#: The time for which it is shown how full the store is, in seconds.  Larger: the number is older.
#: Smaller: a database with a million values is summed up more often, which takes a tenth of a
#: second in a thread.
USAGE_SHOWN_FOR = 30.0


# What is shown.

#: The lookups that are shown at once, those that run and the latest that have ended.  Larger: the
#: status of a busy node takes more memory and bytes.  Smaller: a page misses lookups.
LOOKUPS_SHOWN = 32

#: The nodes of one lookup that are shown.  A lookup sends 144 datagrams at most.
NODES_SHOWN = 160


# What is read.

#: The largest status that ``dwdht status`` reads, in bytes.  That of a node with 5,000 contacts and
#: 32 lookups of 160 nodes has some 1,700,000.  Larger: a server that sends without end takes more
#: memory.  Smaller: a busy node is not shown.
MAXIMUM_STATUS_BYTES = 4_194_304
