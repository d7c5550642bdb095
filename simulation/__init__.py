"""
Networks of real nodes in simulated time, made and harmed from one seed.

As databases are tested: a schedule of faults is drawn from a seed, the nodes run on the in-memory
network of `dwdht_twisted.testing`, and what must always hold is checked after each step.  A run
that fails is named by its seed, and runs again to the last datagram::

    python -m simulation --seeds 300 --nodes 100
    python -m simulation --seed 17 --nodes 100

What the project promises in figures is shown by experiments::

    python -m simulation liars
    python -m simulation loss
    python -m simulation massacre

The rooms: `hosts` (addresses and delays), `swarm` (the
network and its nodes), `liars` (the hostile ones), `faults` and `schedule` (what happens to them), `workload` (what is asked of them), `reach` (what can be found),
`invariants` (what must hold), `run` (all of it
together), and the experiments.
"""
