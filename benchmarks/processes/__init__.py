"""
The programs that the benchmarks start.  Each is one process that answers calls, see `calls`.
"""
