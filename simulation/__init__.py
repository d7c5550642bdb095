"""
Networks of real nodes in simulated time, built and disturbed from one seed.

A schedule of faults is drawn from a seed.  The nodes run on the in-memory network of
`dwdht_twisted.testing`, and invariants are checked after each step.  Databases are tested in this
way, too.  The seed of a failed run is enough to repeat the run to the last datagram::

    python -m simulation --seeds 300 --nodes 100
    python -m simulation --seed 17 --nodes 100

Experiments measure the promises of the project::

    python -m simulation liars
    python -m simulation combined --seeds 300
    python -m simulation loss
    python -m simulation massacre
    python -m simulation records

The modules, from the lowest to the highest:

- `hosts`: the addresses of hosts, and the delays of their links
- `record`: the trace of a run, and the invariants that it broke
- `partitions`: which hosts are or were separated or off the network, and when
- `members`: an honest host, whose node is started, crashes, and is started again
- `swarm`: the network with all its hosts
- `liars`: hostile hosts
- `combined`: hostile hosts whose behaviour is drawn from a seed
- `faults`, `machines`, `schedule`: the faults, and their times
- `reach`: the nodes that a perfect lookup finds
- `tally`, `workload`: the puts, gets and pings of the nodes, and their outcomes
- `invariants`: the conditions that must hold
- `run`: a whole run
- `experiments`: one module for each experiment
"""
