"""
The bounds on what a lookup costs, whatever the answers say.
"""

from __future__ import annotations

#: The most datagrams that a lookup sends.  After the last one it asks no further node.  A lookup
#: among 100,000 honest nodes sends some 30.
LOOKUP_BUDGET = 144

#: The most requests that a search has in flight, apart from late ones.  ``dht-rpc`` has the same
#: number.
LOOKUP_WINDOW = 16

#: The most requests that one lookup sends to one public host.
LOOKUP_REQUESTS_PER_HOST = 4

#: The most requests that one lookup sends to one public /24 network.
LOOKUP_REQUESTS_PER_SUBNET = 12

#: The most hosts that a lookup asks at the same time under one id.  At most one of these hosts is
#: honest.  A host whose answer is late makes room for the next, so silent hosts keep out no other.
LOOKUP_ADDRESSES_PER_ID = 3

#: A node is too close to a target if its distance is below the mean distance between neighbouring
#: ids, divided by this number.  Such a node has chosen its id.  Chance puts no node there, even in
#: a network that is a million times larger than the table suggests.
TOO_CLOSE = 1 << 24

#: After this many answers from nodes that are too close to the target, a lookup asks no further
#: such node.  The node whose id is the target may still be asked.
MAXIMUM_TOO_CLOSE = 8

#: The most nodes that are remembered as having named one candidate.
MAXIMUM_REFERRERS = 8
