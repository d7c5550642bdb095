"""
Extensions of Sphinx for the manual.

The documents use no markup of Sphinx except the table of contents, so that they can be read in the
repository, too.

* `links`: links between files become links between pages.
* `names`: public names become links to the reference.
* `check`: each link leads somewhere.
"""
