"""
The pure core: no Twisted, no clock, no socket, no source of randomness; these are arguments.
"""
