"""
The command lines, ``dwdht`` and ``twistd dwdht``.

* `main` and `program`: the program ``dwdht``.
* `command`: what its commands share.  `commands` has put, get, query and update; `ping`,
  `foreground` (``dwdht node``) and `demo` have the others.
* `payload`: the value of a command, from an argument, a file, or standard input.
* `console` and `progress`: what a command writes, and how.
* `tap`: the plugin of ``twistd``.
* `options`: options that several of these share, and how their values are read.
"""
