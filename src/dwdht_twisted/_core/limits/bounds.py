"""
The bounds on the cost that strangers can cause a node.

The bounds on routing tables and lookups are in ``routing.bounds`` and ``lookup.bounds``.
``docs/reliability.rst``, "What is bounded", lists all of these numbers by name.  A test compares
its tables with the modules, and each number has one name.  A number that only tunes a node's own
work is defined where it is used.

Terms of the comments below (``docs/design.rst`` has a glossary of all terms):

- A *rate* is a number of events per second in the long run.
- A *burst* is a number of events at once, after a pause.
- A *stranger* is an address that is not validated: it has not shown that it receives datagrams.
- A *claim* is the id and address of a node that has sent a request and not answered one yet.
- A *probe* is a ping that a node sends because of another node's request or silence.
- The *waits* of a probe are the times to wait for an answer, one for each transmission, in units of
  `PROBE_TIMEOUT`.  With three waits a ping is sent three times.
"""

from __future__ import annotations

# Requests that are served.

#: The most requests per second that are served for one host.  A lookup asks a node once, so a host
#: may make a hundred lookups per second.  Smaller: the requests of busy hosts are dropped.  Larger:
#: one host takes a larger share of a node, which can serve some 50,000 requests per second.
REQUEST_RATE = 100.0

#: The most requests that are served for one host in a burst.  Smaller: a host that starts many
#: lookups at once loses some of its requests.
REQUEST_BURST = 300.0

#: The number of hosts whose rate is remembered at least, and half of the number that are at most,
#: because the oldest are forgotten together.  In a flood from more hosts, each host is soon
#: forgotten and then has a full burst again.  Only `STRANGER_REQUEST_RATE` bounds such a flood.
RATE_LIMITED_HOSTS = 4096

#: The most requests per second that are served for all strangers together.  Their burst is the same
#: number.  The costliest of them take some 70 microseconds each, so a flood from forged addresses
#: takes up to a third of a processor, and leaves the rest to validated addresses.
STRANGER_REQUEST_RATE = 5000.0

# Handlers of users.

#: The most handlers that run at the same time.  Larger: handlers take up more memory, because each
#: running handler keeps its request and its own data.  Smaller: slow handlers soon take all places,
#: and further requests are dropped.
MAXIMUM_HANDLERS = 256

#: A stranger's request is dropped while this many handlers are running.  The number is half of
#: all places, so strangers cannot take the other half.
HANDLERS_FOR_STRANGERS = MAXIMUM_HANDLERS // 2

#: A host with n running handlers gets another only if n times this number of places are free.  So
#: one host gets 64 of 256 places, and even 40 hosts leave some free.  Larger: a host with slow
#: handlers loses more requests.  Smaller: fewer hosts are enough to keep out strangers.  Loopback
#: hosts have no such limit, because one of them stands for all nodes of the machine.
RESERVE_PER_HANDLER = 3

#: The time after which a handler is cancelled, in seconds.  The asker has given up long before.
#: Larger: a handler that hangs keeps its place for longer.
HANDLER_TIMEOUT = 30.0

# Updates that are remembered, so that each runs once.

#: The number of updates that are remembered, each with its answer.  Two hosts may send about as
#: many at `REQUEST_RATE` within `UPDATES_REMEMBERED_FOR`.  Each host has a share, so a host loses
#: its own updates.  Smaller: repeated updates of busy hosts run twice.  Larger: they take up more
#: memory.
REMEMBERED_UPDATES = 8192

#: How long an update is remembered, in seconds.  An asker stops repeating its request before this
#: time has passed.  Smaller: a repeated update could run twice.
UPDATES_REMEMBERED_FOR = 30.0

#: The answer to an update is remembered whole if it has at most this many bytes.  A larger answer
#: is remembered without its value.  An answer with 20 contacts fits.
REMEMBERED_ANSWER_BYTES = 1024

# Answers to strangers.

#: The most bytes sent to a stranger for each byte received from it.  An address that has never
#: answered is sent as many for each byte that names it in an answer.  The smallest request with an
#: id has 73 bytes.  A full answer to this request, plus all transmissions of the ping that checks
#: the id, has 13.2 times as many bytes.  Smaller: such answers would be held.
#: Larger: an attacker that forges the address of a victim sends the victim more bytes.
AMPLIFICATION = 14

#: The most addresses that are remembered as validated.  Each host has a share; see `SharedMap`.  A
#: second memory of the same size holds the addresses that did not answer a validation in time.
#: Smaller: on a busy node, nodes that are no contacts count as strangers again sooner.
VALIDATED_ADDRESSES = 2048

#: How long an address counts as validated after it has last shown that it receives datagrams, in
#: seconds.
VALIDATED_FOR = 900.0

#: How long a node remembers that an address did not answer a validation in time, in seconds.
#: Meanwhile, large answers without a value are shortened and sent to the address at once.  Smaller:
#: a silent address is pinged more often.
VALIDATION_SILENCE_REMEMBERED_FOR = 30.0

#: The most answers that are held for one address until it is validated.  A further answer is
#: shortened and sent at once, or dropped if it has a value.
HELD_ANSWERS_PER_ADDRESS = 16

#: The most bytes of the held answers of all addresses together.  To make room for a further answer,
#: the oldest validation is given up.
HELD_BYTES = 4_000_000

# Answers to validated addresses.

#: The most bytes per second that one validated address is sent beyond `AMPLIFICATION` times its
#: requests.  A request with a valid token is not counted.  The address has shown that it receives
#: datagrams, but not that it has sent the request.  A lookup asks a node once.  The answer with a
#: value of 1,000 bytes exceeds 14 times its request by 300 bytes if the asker has an id, and by 600
#: if not.  So an honest address makes 13 or 7 such lookups per second.  Larger: an attacker that
#: forges the address of a node sends the node more bytes.  Smaller: fewer such lookups find their
#: value.
EXCESS_RATE = 4000.0

#: The burst of `EXCESS_RATE`, in bytes.  It allows for 50 such lookups at once.  The last answer of
#: a burst may exceed this number, because otherwise no larger value could be sent at all.
EXCESS_BURST = 32_000.0

# Pings that others make a node send.

#: The unit of the waits below, in seconds.  The number is fixed, not estimated from answers.  So
#: silent strangers cannot make a node believe that its own link is slow.
PROBE_TIMEOUT = 0.75

#: The waits of a probe that checks a claim, and of a probe that checks a contact again (a recheck).
#: They add up to three seconds, which is long for a round trip.
CLAIM_WAITS = (1.0, 1.0, 2.0)

#: The waits of a probe that validates an address.  They add up to three seconds, the longest time
#: that an answer is held.
VALIDATION_WAITS = (1.0, 3.0)

#: The waits of a probe of a node whose handler did not answer.  The probe finds out whether the
#: node itself is there.
SILENCE_WAITS = (1.0, 1.0, 1.0, 1.0)

#: The most claims per second that are checked.  Claims of private addresses are counted apart from
#: claims of public ones, up to the same number.  Without the bound, pinging every asker in a flood
#: would cost more than serving the requests.
CLAIM_RATE = 500.0

#: Each claim takes one token of `CLAIM_RATE`.  The more tokens a public /24 network has taken in
#: the last second, the more tokens must remain for others.  After n tokens, the network gets one
#: more only if at least n times this number remain.  So one network gets about 30 of 500 tokens.
#: Even if 300 networks claim as often as they can, some tokens remain for others.
RESERVE_PER_TOKEN = 16.0

#: The most tokens of `CLAIM_RATE` that one public host gets within a second.  Larger: one host uses
#: up the tokens of its /24 network.
TOKENS_PER_HOST = 8.0

#: The most claims that wait for the answer to a probe.  To make room for a further claim, the
#: oldest is given up.  A live node has usually answered before its claim is the oldest.
MAXIMUM_CLAIMS = 512

#: The most claims among which those in an answer are chosen: the newest.  Larger: an answer takes
#: longer to make; among all claims it took up to seven times as long as any other.  Smaller: nodes
#: that start together learn of fewer others.  With 40, too few to do without those that die.
CLAIMS_FOR_ANSWER = 100

#: The most addresses that are validated at the same time.  For a further address the oldest
#: validation is given up.  `STRANGER_REQUEST_RATE` allows about as many requests in a tenth of a
#: second.
MAXIMUM_VALIDATIONS = 512

#: The most contacts that are pinged at the same time to check whether they are still there.  Two
#: kinds of nodes are counted apart, each up to the same number: nodes that did not answer a
#: handler's request, with contacts that were late when a lookup ended; and silent addresses.
MAXIMUM_CHECKS = 128

#: A probe is given up after this many unexpected answers from its address.  Only the transaction
#: id, 15 bits, shows that an answer is genuine.  An attacker that forges the address and cannot
#: read its datagrams has to guess these bits.  Larger: a guess succeeds more often.
#: Smaller: a few late answers to the node's own requests end a probe.
MAXIMUM_GUESSES = 16

#: The most addresses that are remembered because they left one of the node's own requests
#: unanswered.  A second memory of the same size holds the addresses that left a request or a probe
#: of any kind unanswered.
SILENCES_REMEMBERED = 512

#: How long an address is remembered that was silent to a request or a probe of any kind, in
#: seconds.  Meanwhile, a request from the address causes no ping.
SILENCE_REMEMBERED_FOR = 60.0

#: How long an address is remembered that was silent to one of the node's own requests, in seconds.
#: Meanwhile, lookups ask it after all others.  Other nodes name a dead node for about as long.
#: Smaller: lookups ask the dead again.  Larger: a silent address is pinged more often in vain.
SILENCE_TO_REQUEST_REMEMBERED_FOR = 300.0

#: The time after which such an address is pinged first, in seconds.  It is pinged again whenever
#: its silence has lasted twice as long.  Larger: lookups pass over a node for longer after it has
#: come back.  Smaller: the dead are sent more pings.
SILENCE_CHECKED_AFTER = 10.0

#: The most such addresses that are pinged every ten seconds.  Larger: an attacker that names many
#: addresses to lookups makes the node send more pings to them.
MAXIMUM_SILENCE_CHECKS = 16

#: The waits of such a ping.  It is sent once, because another follows.
SILENCE_CHECK_WAITS = (4.0,)

#: The shortest time between two checks of the contacts that answers name, in seconds.  Larger:
#: after many nodes have died, lookups are named more of them.  Smaller: a stranger's requests make
#: the node send more pings to its contacts.
NAMED_CHECKS_INTERVAL = 5.0

#: The most contacts that are pinged in such a check.  Smaller: where a quarter of the nodes has
#: died, a check often finds none of them.  Larger: as for a smaller `NAMED_CHECKS_INTERVAL`.
MAXIMUM_NAMED_CHECKS = 4

#: The most probes at the same time, of all kinds together.  It is the sum of the limits of five
#: kinds: claims, rechecks of contacts (as many as claims), validations, checks of nodes that were
#: silent just now, and pings of silent addresses.
MAXIMUM_PROBES = 2 * MAXIMUM_CLAIMS + MAXIMUM_VALIDATIONS + 2 * MAXIMUM_CHECKS

# Hole punches of others.

#: The most datagrams per second that one host is sent for hole punches of other nodes, at all its
#: ports together.  Such a datagram is a ping that this node relays, or an answer to a relayed ping.
#: Those caused by contacts, by other validated addresses and by strangers are counted apart, each
#: up to this limit.  On a loopback host, each port is limited by itself, because the host stands
#: for all nodes of the machine.  Larger: a host with several contacts can be flooded with more
#: datagrams.  Smaller: of many nodes behind one NAT, fewer are reached.
RELAY_RATE = 5.0

#: The burst of `RELAY_RATE`.
RELAY_BURST = 20.0

#: The most datagrams per second that all hosts together are sent for hole punches of other nodes.
#: They are counted apart as with `RELAY_RATE`.  A lookup asks a node for
#: two or three relays at most, and only if a candidate is late.  Larger: an attacker makes a node
#: send more.  Smaller: in a flood of such requests, fewer hole punches of others succeed.
TOTAL_RELAY_RATE = 100.0

#: The burst of `TOTAL_RELAY_RATE`.
TOTAL_RELAY_BURST = 200.0

#: The most relayed pings per second that are answered for referrers that are not contacts.  All of
#: these referrers are counted together.
STRANGER_RELAY_RATE = 20.0

#: The burst of `STRANGER_RELAY_RATE`.
STRANGER_RELAY_BURST = 100.0

# Nodes that share an address.

#: The default of ``contactsPerHost``: the most contacts of one public host in a table.  The bounds
#: on a /24 network, and those on the requests of a lookup, grow with ``contactsPerHost``, in
#: proportion to this number.  An attacker makes ids for free, but has to pay for addresses.
#: Larger: one address takes more places.  Smaller: more nodes behind one NAT are not listed.
CONTACTS_PER_HOST = 4

#: The largest ``contactsPerHost``.  It is the number of ports of a host.
MAXIMUM_CONTACTS_PER_HOST = 65535

# What a node asks for itself.

#: The most queries of users that run at once.  The node's own lookups have as many slots again.  A
#: put among nodes that all answer has eleven requests in flight on average, so some 24 of them fill
#: `REQUEST_WINDOW`.  A query that waits for a few silent nodes at its end has fewer.  Larger: the
#: requests of queries that run wait longer for each other.  Smaller: a few queries of silent nodes
#: keep all others waiting, although there is room for their requests.
QUERY_WINDOW = 64

#: The most queries that wait until `QUERY_WINDOW` has room.  A further query fails with
#: `TooManyRequests` before it has sent anything.  A waiting query takes some 4 kB of memory, and
#: its value.  Larger: a program that asks for more than its node can do learns of it later.
#: Smaller: a program has to spread its queries by itself.
QUERY_QUEUE = 16384

#: The most requests of the node's own in flight.  Larger: more answers, of 1 kB each, may arrive at
#: the same moment.
REQUEST_WINDOW = 256

#: While this many requests wait for room in `REQUEST_WINDOW`, or for the pace of their address,
#: only requests of queries are taken.  Any other request fails with `TooManyRequests`.  The
#: requests of queries are bounded by `QUERY_WINDOW` and `LOOKUP_BUDGET`.
REQUEST_QUEUE = 4096

#: The most requests per second that a node sends to one address, with retries.  It is nine tenths
#: of `REQUEST_RATE`, because an address is also sent probes, which do not count.  Larger: other
#: nodes drop requests of a busy node, which takes them for dead.  Smaller: a busy node has to wait
#: longer.
PACE_RATE = 90.0

#: The burst of `PACE_RATE`.  It is less than `REQUEST_BURST`, by as much as datagrams that are
#: delayed on their way may arrive in half a second.  Larger: part of such a burst is dropped.
#: Smaller: less than `REQUEST_WINDOW` can be sent to one address at once.
PACE_BURST = 256.0

#: The most addresses whose pace is remembered.  An address that was sent one request needs to be
#: remembered for a ninetieth of a second only.
PACED_ADDRESSES = 4096

#: The most addresses that have a time-out estimate of their own.
ESTIMATED_ADDRESSES = 128

#: The time for which an estimate is kept after the last answer from its address, in seconds.
ESTIMATES_KEPT_FOR = 1800.0

#: The most contacts of an earlier run that are pinged at the start.  With more pings at once, the
#: later ones would push out the earlier ones or be dropped.
MAXIMUM_RECALLED = 128

#: The shortest time between two log lines about events of one kind, in seconds.  The events are
#: those that other nodes cause, for example malformed datagrams.  The first event of a kind is
#: logged at once.  Smaller: a stranger that repeats such an event for weeks fills more of the disk.
REPORT_AGAIN_AFTER = 600.0

#: The most kinds of such events that one part of a node tells apart.  All further kinds count as
#: one.  Without this limit, a handler that raises a new class of exception for each request would
#: cause a log line for each request.
REPORTED_KINDS = 64

#: A text from another node, for example the name of a command, is cut to this many characters in
#: the log.  Larger: a stranger causes longer lines.  Smaller: long names of commands cannot be told
#: apart.
REPORTED_TEXT = 64

#: The most askers for which it is remembered which address of this host each of them has asked.
#: Larger: askers from forged addresses take up more memory.  Smaller: an asker whose answer comes
#: late may get it from the wrong address.
LOCAL_ADDRESSES_REMEMBERED = 4096

#: The most addresses of a host name or a service name that are used; the first ones are.  Larger: a
#: name with many dead addresses uses up the budget of a lookup.  Smaller: a bootstrap server that
#: is listed late is never asked.
ADDRESSES_PER_NAME = 8

#: The most host names whose failed resolution is remembered.
WARNINGS_REMEMBERED = 64

#: The time after which such a failure may be logged again, in seconds.
WARN_AGAIN_AFTER = 3600.0
