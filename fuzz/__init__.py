"""
Fuzzing of `DHTNode.datagramReceived`.

``python -m fuzz`` sends mutated datagrams to a node that has a full table and open queries.
``python -m fuzz.guided`` searches for datagrams that reach new code, with atheris, and adds them to
``fuzz/corpus``.  ``python -m fuzz`` also sends the datagrams of this corpus.
"""
