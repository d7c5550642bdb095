"""
Measures this package beside its alternatives: C{python -m benchmarks}.

The subjects run side by side in one run, each in a process of its own, in rounds that alternate
between them: this package, C{dht-rpc} of npm, C{kademlia} of PyPI, and a bare Twisted echo as the
floor.  Each workload is a module: L{benchmarks.serving}, L{benchmarks.networks},
L{benchmarks.internet}, L{benchmarks.growth} and L{benchmarks.start}.  Nothing that is shown was
measured before the run.
"""
