"""
Fuzzing of `DHTNode.datagramReceived`.

``python -m fuzz`` sends mutated datagrams, as many as it is told, at a node that has a full table
and queries open.  ``python -m fuzz.guided`` searches for new ones with atheris, by coverage, and
keeps those that it finds in ``fuzz/corpus``; from there the former takes them.
"""
