"""
Tests of private networks.
"""
