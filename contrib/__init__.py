"""
What a packager installs beside the package: files for systemd, manual pages, completions of shells.

``python -m contrib`` makes the manual pages, the completions, and the page of the manual on all
commands, from the options of the programs.

* `programs`: the commands and options of ``dwdht`` and ``twistd dwdht``, as data.
* `man`, `completions`, `page`: what is made of them.
"""
