"""
The bounds on what other nodes can put into a routing table.
"""

from __future__ import annotations

#: The most contacts of one public /24 network in a table.
CONTACTS_PER_SUBNET = 16

#: Two ids of a bucket count as alike if they share at least this many bits after the prefix that
#: the whole bucket shares.  Among 20 random ids, chance makes two alike in one of twenty buckets.
#: Ids that were chosen next to one target share far more bits.
SHARED_IN_BUCKET = 12

#: The most public contacts of a bucket whose ids are alike.  With a limit of one, a liar that came
#: first could keep out the only honest contact with a similar id.
MAXIMUM_ALIKE = 3

#: The most contacts that wait for a place in a full bucket.  For a further contact the oldest is
#: dropped.
SPARES_PER_BUCKET = 4

#: The most addresses that claim the id of one contact; a further one replaces another.  They are
#: pinged when the contact is silent.  Larger: a silent contact causes more pings to addresses that
#: may be forged.  Smaller: a liar keeps out a moved node more easily, until that asks again.
CLAIMANTS_PER_CONTACT = 4

#: The most former contacts that get their places back from users of their ids.
FORMER_CONTACTS = 512

#: The time for which such a contact is remembered, in seconds.  Larger: a node that has moved is
#: longer open to liars at its old address.  Smaller: liars keep an id after a shorter absence of
#: its node.
FORMER_KEPT_FOR = 86_400.0

#: The most answers that all buckets of a table cache together.
CACHED_ANSWERS = 4096
