"""
The Twisted layer of a node, on the pure core.
"""
