"""
Measurements of this package beside its alternatives: ``python -m benchmarks``.

The subjects are this package, ``dht-rpc`` of npm, ``kademlia`` of PyPI, and a bare Twisted echo.
The echo shows the least that a datagram can cost.  Each subject runs in a process of its own, and
each round of a run measures the subjects in turn.  All numbers that a run shows were measured in
that run.

Each workload is a module:

* `benchmarks.serving`: one node that answers requests.
* `benchmarks.networks`: networks of nodes in one process.
* `benchmarks.internet`: lookups on a simulated internet.
* `benchmarks.growth`: the requests of a lookup as the network grows.
* `benchmarks.dead`: lookups after a quarter of the nodes has died.
* `benchmarks.idle`: the datagrams of nodes that nobody uses.
* `benchmarks.start`: the time until a process has imported the package, or joined a network.

Two are programs of their own:

* `benchmarks.flood`: lookups of a node that is flooded with requests.
* `benchmarks.durability`: a node that stores values in a file.
"""
