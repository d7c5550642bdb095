"""
A program that runs another one, and tells the largest resident memory that it had.

The command line is that of the other program. Its exit status is kept. The last line on standard
error is the peak, in bytes, as ``getrusage`` counts it.
"""

from __future__ import annotations

import subprocess
import sys
from resource import RUSAGE_CHILDREN, getrusage


def main() -> None:
    """Run the program of the command line."""
    status = subprocess.run(sys.argv[1:]).returncode
    # ru_maxrss is in kibibytes on Linux, and in bytes on macOS.
    unit = 1 if sys.platform == "darwin" else 1024
    print(getrusage(RUSAGE_CHILDREN).ru_maxrss * unit, file=sys.stderr)
    sys.exit(status)


if __name__ == "__main__":
    main()
