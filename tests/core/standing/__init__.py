"""
`dwdht_twisted._core.standing`: where a node stands.
"""
