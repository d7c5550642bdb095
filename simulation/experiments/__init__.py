"""
Experiments that measure the promises of the project.

Each returns its figures as a named tuple, whose ``isMet`` tells whether the promise is kept.
"""
