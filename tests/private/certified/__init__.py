"""
Tests of private networks by certificate.
"""
