"""
``python -m fuzz.guided fuzz/corpus``: a search for new datagrams, guided by coverage, with atheris.

An input is a byte that says how the datagram is sent, and then the datagram.  Each input has a node
of its own, made from one seed, so that an input does the same each time.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["dwdht_twisted"]):
    from fuzz.input import play


def main() -> None:
    """Run the search until it is interrupted, with the arguments of libFuzzer."""
    atheris.Setup(sys.argv, play)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
