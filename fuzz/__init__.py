"""
Fuzzing of `DHTNode.datagramReceived`.

``python -m fuzz`` sends mutated datagrams to a node that has a full table and open queries.
``python -m fuzz.guided`` searches for new datagrams with atheris, guided by coverage, and adds the
ones that it finds to ``fuzz/corpus``.  The first program also sends the datagrams of the corpus.
"""
