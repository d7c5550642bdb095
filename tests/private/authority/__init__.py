"""
Tests of the authority of private networks by certificate.
"""
