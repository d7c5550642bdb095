"""
Changes that no test can notice, because they change nothing that a program does.
"""

from __future__ import annotations

#: The reason why a change makes no difference, by the path below ``src/dwdht_twisted``, and by the
#: changed lines before and after the change.
UNCHANGED: dict[tuple[str, str, str], str] = {
    (
        "_core/lookup/commit.py",
        "self._waiting.append(Candidate(address, None, 0))",
        "self._waiting.append(Candidate(address, None, -1))",
    ): "a fixed list of nodes is asked in its order, whatever their distances",
    (
        "_core/lookup/commit.py",
        "self._waiting.append(Candidate(address, None, 0))",
        "self._waiting.append(Candidate(address, None, 1))",
    ): "a fixed list of nodes is asked in its order, whatever their distances",
    (
        "_core/lookup/lookup.py",
        "spacing: int = 0,",
        "spacing: int = 1,",
    ): "both mean that no id is implausibly close to the target, and no k nodes are a crowd",
    (
        "_core/routing/bucket.py",
        "packAddress(host, 0)[:HOST_BYTES] for host in repeated",
        "packAddress(host, 1)[:HOST_BYTES] for host in repeated",
    ): "the port is cut off",
    (
        "_core/routing/bucket.py",
        "if places > 1 or change < 0:",
        "if places > 1 or change < -1:",
    ): "a host that is no longer repeated has one contact, which no answer leaves out",
    (
        "_core/routing/bucket.py",
        "if places > 1 or change < 0:",
        "if places > 0 or change < 0:",
    ): "the first contact of a host makes no host repeated, so the set stays as it was",
    (
        "_core/routing/buckets.py",
        "bucket.share(host, isShared=len(holders) > 1)",
        "bucket.share(host, isShared=len(holders) > 0)",
    ): "a host in one bucket is met once in an answer, so none of its contacts is left out",
    (
        "_core/routing/buckets.py",
        "if missingBytes <= 0:",
        "if missingBytes < 0:",
    ): "the next bucket is farther than all wanted contacts, and is cut off the answer",
    (
        "_core/routing/buckets.py",
        "if missingBytes <= 0:",
        "if missingBytes <= 1:",
    ): "the number is a multiple of the 38 bytes of a contact",
    (
        "_core/routing/buckets.py",
        "self, isWanted: Callable[[int, Bucket | None], bool], nearer: int = 0",
        "self, isWanted: Callable[[int, Bucket | None], bool], nearer: int = 1",
    ): "without nearer contacts, a bucket among the k closest contacts is full, and is not wanted",
    (
        "_core/routing/cache.py",
        "self._shift = max(0, free - SORT_KEY_BITS)",
        "self._shift = max( 1, free - SORT_KEY_BITS)",
    ): "contacts that then share a sort key are sorted by their full ids: slower, same order",
    (
        "_core/routing/cache.py",
        "self._sortKeys[number >> self._shift & _SORT_KEY_MASK] = compact",
        "pass",
    ): "where sort keys are missing, contacts are sorted by their full ids: slower, same order",
    (
        "_core/routing/cache.py",
        "_SORT_KEY_MASK = (1 << SORT_KEY_BITS) - 1",
        "_SORT_KEY_MASK = ( 0 << SORT_KEY_BITS) - 1",
    ): "without a mask, a sort key begins with the prefix, which the contacts of a bucket share",
    (
        "_core/routing/table.py",
        "return bool(self._claims) and (not known or (withClaims and known < count))",
        "return bool(self._claims) and (not known or (withClaims and known <= count))",
    ): "the contacts fill the answer, so no claim is added",
    (
        "_core/wire/codec.py",
        "super().__init__()",
        "pass",
    ): "a new dictionary is empty before it is initialized",
    (
        "_core/wire/codec.py",
        "if high > 0x7F:",
        "if high > 126:",
    ): "the function for any fields reads this length too, with the same result",
    (
        "_core/wire/codec.py",
        "if position < end and data[position] < 0x80:",
        "if position < end and data[position] < 127:",
    ): "the function for longer varints reads this byte too, with the same result",
    (
        "_core/wire/contacts.py",
        "_CACHED_CONTACTS = 16384",
        "_CACHED_CONTACTS = 16385",
    ): "a contact is the same whether it was cached or not",
    (
        "_core/wire/tokens.py",
        r'hashed.update(b"\0" if id is None else b"%c%b" % (1 + len(id), id))',
        r'hashed.update(b"\0" if id is None else b"%c%b" % ( 2 + len(id), id))',
    ): "only the node itself compares its hashes, and the byte still differs from that of no id",
    (
        "_net/answering/local.py",
        "done(ResponseMessage(0, ownId))",
        "done(ResponseMessage( -1, ownId))",
    ): "no transaction id is read in a node's answer to itself",
    (
        "_net/answering/local.py",
        "done(ResponseMessage(0, ownId))",
        "done(ResponseMessage( 1, ownId))",
    ): "no transaction id is read in a node's answer to itself",
    (
        "_net/answering/local.py",
        "done(ResponseMessage(0, ownId, None, value, _TOKEN if takesUpdates else None))",
        "done(ResponseMessage( -1, ownId, None, value, _TOKEN if takesUpdates else None))",
    ): "no transaction id is read in a node's answer to itself",
    (
        "_net/answering/local.py",
        "done(ResponseMessage(0, ownId, None, value, _TOKEN if takesUpdates else None))",
        "done(ResponseMessage( 1, ownId, None, value, _TOKEN if takesUpdates else None))",
    ): "no transaction id is read in a node's answer to itself",
    (
        "_net/asking/driver.py",
        "self._receiver: Receiver | None = None",
        "pass",
    ): "the receiver is set before the search, and read only while there is a search",
    (
        "_net/asking/driver.py",
        "del self._requests[candidate]",
        "pass",
    ): "the ended request is cancelled at the end of the search, which does nothing to it",
    (
        "_net/asking/driver.py",
        "assert self._search is not None and self._receiver is not None",
        "assert self._search is not None or self._receiver is not None",
    ): "the assertion only tells the type checker that both are set, as they are in each call",
    (
        "_net/requests/outgoing.py",
        "self.deadline = 0.0",
        "self.deadline = -1.0",
    ): "the deadline is set when the request is sent, and is not read before",
    (
        "_net/requests/outgoing.py",
        "self.deadline = 0.0",
        "self.deadline = 1.0",
    ): "the deadline is set when the request is sent, and is not read before",
}
