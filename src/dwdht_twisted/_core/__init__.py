"""
The pure core: it uses no Twisted, clock, socket or source of randomness.

Functions of the core get the present time and random numbers as arguments.
"""
