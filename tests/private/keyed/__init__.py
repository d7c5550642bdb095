"""
Tests of private networks by key.
"""
