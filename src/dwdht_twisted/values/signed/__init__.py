"""
Records under a public key, which the owner of the key can change.  Other values can't be changed.

A record is signed as in BEP 44: Ed25519, a sequence number, and an optional salt that tells several
records of one key apart.  The 20 nodes closest to its target keep it.

* `record`: `Record`, its target, its signed text, and which of two records is the newer one.
* `encoding`: records on the network and in a store.
* `signing`: signatures.  Only this module and `keyfiles` import ``cryptography``, at first use.
* `keyfiles`: private keys in files that only their owner may read.
* `survey`: which nodes answer with the newest record, and which have an older one or none.
* `seen`: the newest records that a node has seen.
* `client`: `publish` and `resolve`, for a node that changes or finds a record.
* `handler`: `RecordHandler`, for a node that keeps records for others.  `turns` runs one update of
  a target at a time, and `kept` reads and writes the store.
"""
