"""
Experiments that measure the promises of the project.

Each experiment returns its figures as a named tuple.  The property ``isMet`` of the tuple tells
whether the promise is kept.
"""
