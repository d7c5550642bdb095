"""
Tests of drawings for the terminal and as SVG.
"""
