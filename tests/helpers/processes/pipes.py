"""
Named pipes in place of files.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread


@contextmanager
def pipe(path: str, content: bytes) -> Iterator[None]:
    """Make a named pipe.  A thread writes a content to it, so that no reader waits for long."""
    os.mkfifo(path, 0o600)

    def write() -> None:
        # A pipe that was opened, and not read, is broken.
        with suppress(BrokenPipeError):
            Path(path).write_bytes(content)

    writer = Thread(target=write, daemon=True)
    writer.start()
    try:
        yield
    finally:
        while writer.is_alive():
            # The writer waits until somebody has opened the pipe.
            os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
            writer.join(0.01)


__all__ = ["pipe"]
