"""
The command lines, ``dwdht`` and ``twistd dwdht``.

* `main` and `program`: the program ``dwdht``.
* `command`: the base classes of its commands.
* `commands`: a module for each command or each pair of them.
* `demonstration`: the network that the command demo shows.
* `payload`: the value of a command, from an argument, a file, or standard input.
* `console`: standard output and standard error.
* `progress`: the line that shows that a command is at work.
* `tap`: the plugin of ``twistd``.
* `running`: a node as a process that runs for long: its signals, and its private network.
* `systemd`: what a node tells systemd.
* `options`: the options that several commands share, and functions that read their values.
"""
