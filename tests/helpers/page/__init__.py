"""
A real browser, for tests of the status page.
"""
