"""
The programs that the benchmarks start: each is one process, takes calls and answers them.
"""
