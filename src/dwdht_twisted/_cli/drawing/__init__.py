"""
Drawings of a lookup and of a node, for the terminal and as SVG.
"""
