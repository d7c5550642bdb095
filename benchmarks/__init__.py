"""
Measures this package beside its alternatives: ``python -m benchmarks``.

The subjects run side by side in one run, each in a process of its own, in rounds that alternate
between them: this package, ``dht-rpc`` of npm, ``kademlia`` of PyPI, and a bare Twisted echo as the
floor.  Each workload is a module: `benchmarks.serving`, `benchmarks.networks`,
`benchmarks.internet`, `benchmarks.growth` and `benchmarks.start`.  Nothing that is shown was
measured before the run.
"""
