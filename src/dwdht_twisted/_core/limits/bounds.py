"""
Every number that limits what a stranger can cost a node, each defined here and nowhere else.

``docs/reliability.rst``, "What is bounded", lists them by these names, and a test holds that table
to this module.  A number that only tunes a node's own work stands where it is used.

Three units recur.  A *rate* is events a second in the long run.  A *burst* is events at once after
a pause.  *Waits* are the times that each transmission of a ping is waited for, in units of
`PROBE_TIMEOUT`, and their number is the number of transmissions.
"""

from __future__ import annotations

# Requests that are served.

#: Requests of one host that are served: a rate.  A lookup asks a node once, so this is a hundred
#: lookups a second.  Smaller: busy hosts are dropped.  Larger: one host takes a larger share of a
#: node, which can serve some 50,000.
REQUEST_RATE = 100.0

#: The burst of `REQUEST_RATE`: what a host that starts many lookups at once sends.
REQUEST_BURST = 300.0

#: Hosts whose rate is remembered.  A flood from more hosts than this makes each start over with a
#: full burst, and is then bounded by `STRANGER_REQUEST_RATE` alone.
RATE_LIMITED_HOSTS = 4096

#: Requests that are served from all addresses together that have not shown that they receive: a
#: rate, and the burst as well.  It is a tenth of what a node can serve, so a flood from forged
#: addresses leaves the rest to others.
STRANGER_REQUEST_RATE = 5000.0

# Handlers of users.

#: Handlers that run at once.  Each holds a request and whatever the handler holds.
MAXIMUM_HANDLERS = 256

#: Handlers that run at once before none is started for an address that has not shown that it
#: receives.  Half: strangers never keep out those who have.
HANDLERS_FOR_STRANGERS = MAXIMUM_HANDLERS // 2

#: Seconds that a handler may take.  The asker has given up long before.
HANDLER_TIMEOUT = 30.0

# Updates that are remembered, so that each runs once.

#: Updates that are remembered with their answers: more than one host may send at `REQUEST_RATE`
#: within `UPDATES_REMEMBERED_FOR`.
REMEMBERED_UPDATES = 8192

#: Seconds that an update is remembered: longer than a node goes on sending one request.
UPDATES_REMEMBERED_FOR = 30.0

#: Bytes of the largest answer to an update that is remembered whole; of a larger one the value is
#: left out.  It holds 20 contacts.
REMEMBERED_ANSWER_BYTES = 1024

# Answers to addresses that have not shown that they receive.

#: Bytes that are sent to such an address for each byte that came from there.  A request that
#: carries an id has at least 73 bytes.  A full answer to it and the pings that check the id, with
#: all retries, come to 13.2 times that.
AMPLIFICATION = 14

#: Addresses that are validated, or whose silence is remembered, at once.
VALIDATED_ADDRESSES = 2048

#: Seconds that an address counts as validated.
VALIDATED_FOR = 900.0

#: Seconds that an address that left a validation unanswered is sent short answers at once, instead
#: of being asked again.
VALIDATION_SILENCE_REMEMBERED_FOR = 30.0

#: Answers that are held for one address until it is validated; one more is sent short.
HELD_ANSWERS_PER_ADDRESS = 16

#: Bytes of the answers that are held for all addresses; for more, the oldest validation is given
#: up.
HELD_BYTES = 4_000_000

# Pings that others make a node send.

#: Seconds that the answer to a probe is waited for, times its waits.  It is fixed, so that the
#: silence of strangers teaches a node nothing about its own line.
PROBE_TIMEOUT = 0.75

#: Waits of a probe that checks a claim, and of one that rechecks a contact: three seconds in all,
#: which is long for a round trip.
CLAIM_WAITS = (1.0, 1.0, 2.0)

#: Waits of a probe that validates an address: a held answer waits no longer than three seconds.
VALIDATION_WAITS = (1.0, 3.0)

#: Waits of a probe that tells whether a node is there whose handler was silent.
SILENCE_WAITS = (1.0, 1.0, 1.0, 1.0)

#: Claims that are checked: a rate, once for public addresses and once for private ones.  To ping
#: all who claim an id in a flood costs more than to serve them.
CLAIM_RATE = 500.0

#: Tokens that must be left, for each token that a public /24 network has had within a second,
#: before it gets another.  With 500 tokens a network gets about 30, and 300 networks that claim all
#: they can leave some.
RESERVE_PER_TOKEN = 16.0

#: Tokens that one public host gets within a second, so that it does not use up those of its
#: network.
TOKENS_PER_HOST = 8.0

#: Claims that wait for an answer.  For one more the oldest is given up: a node that is there has
#: mostly answered by then.
MAXIMUM_CLAIMS = 512

#: Addresses that are validated at once: as many as `STRANGER_REQUEST_RATE` serves in a tenth of a
#: second.
MAXIMUM_VALIDATIONS = 512

#: Contacts that are checked at once, for whatever reason.
MAXIMUM_CHECKS = 128

#: Probes of all kinds at once: claims, rechecks of contacts, validations and checks.
MAXIMUM_PROBES = 2 * MAXIMUM_CLAIMS + MAXIMUM_VALIDATIONS + MAXIMUM_CHECKS

#: Unexpected answers from an address that end its probe.  All that tells an answer is a transaction
#: id of 15 bits: whoever sends in the name of an address where it can't read has to guess it.
MAXIMUM_GUESSES = 16

#: Addresses whose silence is remembered: those that left the node's own requests unanswered, and,
#: apart from them, those that were silent to anything.
SILENCES_REMEMBERED = 512

#: Seconds that such a silence is remembered.  Meanwhile a request from there earns no ping, and a
#: lookup waits for that address no longer than a hole punch takes.
SILENCE_REMEMBERED_FOR = 60.0

# Hole punches of others.

#: Pings that are relayed to one address, and relayed pings that are answered to one: a rate, once
#: for contacts and once for all others.
RELAY_RATE = 5.0

#: The burst of `RELAY_RATE`.
RELAY_BURST = 20.0

#: Relayed pings that are answered for all referrers together that are not contacts: a rate.
STRANGER_RELAY_RATE = 20.0

#: The burst of `STRANGER_RELAY_RATE`.
STRANGER_RELAY_BURST = 100.0

# The routing table.

#: Contacts of one public host that a table holds.  Addresses are what an attacker has to pay for.
CONTACTS_PER_HOST = 4

#: Contacts of one public /24 network that a table holds.
CONTACTS_PER_SUBNET = 16

#: Bits that two contacts of a bucket share, beyond those that the whole bucket shares, before they
#: count as alike.  Of 20 random ids two share more in one bucket of twenty; ids that were chosen
#: next to one target share far more.
SHARED_IN_BUCKET = 12

#: Public contacts of a bucket that are alike and find a place.  More than one, so that a liar that
#: was there first can't keep out the only honest one.
MAXIMUM_ALIKE = 3

#: Contacts that wait for a place in a full bucket; for one more the oldest is dropped.
SPARES_PER_BUCKET = 4

#: Answers that the buckets of a table cache together.
CACHED_ANSWERS = 4096

# Lookups.

#: Datagrams that a lookup sends before it asks nobody new.  An honest lookup among 100,000 nodes
#: takes some 30.
LOOKUP_BUDGET = 144

#: Requests that a search has in flight that are not late: the original's number.
LOOKUP_WINDOW = 16

#: Requests of one lookup that go to one public host.
LOOKUP_REQUESTS_PER_HOST = 4

#: Requests of one lookup that go to one public /24 network.
LOOKUP_REQUESTS_PER_SUBNET = 12

#: Hosts that are asked at once under the same id.  All but one of them lie.  A late one makes room,
#: so that silent ones keep no other from being asked.
LOOKUP_ADDRESSES_PER_ID = 3

#: A node closer to a target than the mean distance between neighbouring ids divided by this has
#: chosen its id, even in a network that is a million times larger than the table tells.
TOO_CLOSE = 1 << 24

#: Nodes that answer from so close before no more of them are asked, except the one whose id is the
#: target.
MAXIMUM_TOO_CLOSE = 8

#: Nodes that are remembered as having named one candidate.
MAXIMUM_REFERRERS = 8

# What a node asks for itself.

#: Requests in flight at once.  Each may draw an answer of 1 kB at the same moment.
REQUEST_WINDOW = 256

#: Requests that wait for a free place; one more fails with `TooManyRequests`.
REQUEST_QUEUE = 4096

#: Addresses for which a time-out is estimated.
ESTIMATED_ADDRESSES = 128

#: Seconds that an estimate is kept after the last answer.
ESTIMATES_KEPT_FOR = 1800.0

#: Contacts of an earlier run that are asked at the start: more at once would push each other out.
MAXIMUM_RECALLED = 128

#: Names whose failed resolution is remembered, so that it is not logged again at once.
WARNINGS_REMEMBERED = 64

#: Seconds until it is logged again.
WARN_AGAIN_AFTER = 3600.0
