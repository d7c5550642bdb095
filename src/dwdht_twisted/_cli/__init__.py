"""
The command lines: ``dwdht`` and ``twistd dwdht``.
"""
