"""
The Twisted layer of a node: sockets, timers and Deferreds around the pure core.
"""
