"""
The command lines, ``dwdht`` and ``twistd dwdht``.

* `main`: the program ``dwdht``; `commands` has its commands, and `demo` the network that
  ``dwdht demo`` shows.
* `tap`: the plugin of ``twistd``.
* `options`: the options that both share, and how their values are read.
"""
