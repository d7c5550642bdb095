"""
What is shown of a node: its health, its status, its metrics, its lookups, and the page.
"""
