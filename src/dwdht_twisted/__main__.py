"""``python -m dwdht_twisted`` is ``dwdht``."""

from ._cli.main import main

if __name__ == "__main__":
    main()
