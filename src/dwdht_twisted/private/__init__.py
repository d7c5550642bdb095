"""
Private networks: nodes that hear each other, and nobody else.

A node is given a `NetworkSecurity`.  The layer that this makes stands between the node and its UDP
port: it gets each datagram first, and hands the opened ones to the node.  What the node sends goes
through the layer, too.  The rest of the node does not know of it.  So its limits on rates and on
amplification see opened datagrams only.

* `seam`: what a node and a layer are to each other.
"""

from .seam import DatagramLayer, NetworkSecurity, Transport, requiredId

__all__ = ["DatagramLayer", "NetworkSecurity", "Transport", "requiredId"]
