"""
``python -m fuzz.guided fuzz/corpus``: a search for datagrams that reach new code, with atheris.

Each input is sent to a new node.  All nodes are made from the same seed, so an input has the same
effect each time.  See `fuzz.input` for the form of an input.
"""

from __future__ import annotations

import sys

import atheris

with atheris.instrument_imports(include=["dwdht_twisted"]):
    from fuzz.input import play


def main() -> None:
    """Search until interrupted; the command line takes the arguments of libFuzzer."""
    atheris.Setup(sys.argv, play)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
