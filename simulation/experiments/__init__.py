"""
Experiments that show, in figures, what the project promises.

Each gives its figures as a tuple that says by ``isMet`` whether the promise is kept.
"""
