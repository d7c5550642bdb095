"""
The bounds on reading the datagrams of a port.
"""

from __future__ import annotations

#: The most bytes of a datagram that are read.  A larger datagram can't be sent over UDP.  Smaller:
#: large datagrams would be cut off.
READ_BYTES = 65_536

#: The most datagrams that are read in one turn of the reactor.  Larger: during a flood, timers and
#: other sockets wait for longer, some 10 microseconds for each datagram.  Smaller: a turn, which
#: itself takes some 10 microseconds, reads less.
DATAGRAMS_A_TURN = 500

#: The size of the receive buffer that is asked of the operating system, in bytes.  The system may
#: grant less.  A datagram takes some 800 bytes of it, however short it is.  Larger: when a node is
#: overloaded, what it reads is older.  Smaller: during a flood of 20,000 datagrams a second, and
#: when the answers to many lookups arrive at once, some answers are lost.
RECEIVE_BUFFER_BYTES = 2_000_000
