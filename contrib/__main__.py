"""
Make the files that are made from the options of the programs.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from . import completions, man, page

ROOT = Path(__file__).parents[1]

#: What makes each file.
MADE: dict[str, Callable[[], str]] = {
    "contrib/man/dwdht.1": man.dwdht,
    "contrib/man/twistd-dwdht.1": man.twistd,
    "contrib/completions/dwdht.bash": completions.bash,
    "contrib/completions/_dwdht": completions.zsh,
    "contrib/completions/dwdht.fish": completions.fish,
    "docs/commands.rst": page.page,
}


def main() -> None:
    """Write each file."""
    for name, make in MADE.items():
        path = ROOT / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(make())


if __name__ == "__main__":
    main()
