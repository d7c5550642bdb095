"""C{python -m dwdht_twisted} is C{dwdht}."""

from .cli import main

if __name__ == "__main__":
    main()
