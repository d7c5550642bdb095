"""
A program that holds 500 connections that it reads slowly, and 500 with half of a request.

It connects again whenever one is closed, until it is killed. Its argument is a port on loopback.
"""

from __future__ import annotations

import socket
import sys
import time

#: How many connections of each kind there are.
CONNECTIONS = 500

#: What a slow reader asks for: answers that are long, many of them at once.
LONG = b"GET /status HTTP/1.1\r\nHost: localhost\r\n\r\n" * 40

#: Half of a request.
HALF = b"GET /status HT"

#: The seconds between two looks at the connections.
PAUSE = 0.5


def connect(port: int, request: bytes) -> socket.socket | None:
    """Open a connection with a small window, and send a request."""
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    made.settimeout(2)
    try:
        made.connect(("127.0.0.1", port))
        made.sendall(request)
    except OSError:
        made.close()
        return None
    made.setblocking(False)
    return made


def isOpen(connection: socket.socket) -> bool:
    """Read a few bytes, and return whether the connection is still there."""
    try:
        return connection.recv(16) != b""
    except BlockingIOError:
        return True
    except OSError:
        return False


def main(port: int) -> None:
    """Hold the connections."""
    requests = [LONG, HALF] * CONNECTIONS
    held: list[socket.socket | None] = [None] * len(requests)
    while True:
        for number, request in enumerate(requests):
            connection = held[number]
            if connection is not None and not isOpen(connection):
                connection.close()
                connection = None
            held[number] = connection or connect(port, request)
        print("held", flush=True)
        time.sleep(PAUSE)


if __name__ == "__main__":
    main(int(sys.argv[1]))
