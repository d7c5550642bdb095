"""
`dwdht_twisted._net.standing`: what a node finds out about itself.
"""
