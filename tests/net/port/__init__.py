"""
Tests of the UDP port of a node.
"""
