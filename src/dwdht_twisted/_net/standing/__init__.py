"""
What a node finds out about itself: its address, and who reaches it.

* `survey`: how others see the node.
* `adapting`: `Adapting`, the adaptive mode.  It is loaded when a node is adaptive.
* `reachability`: whether others reach the node, for the adaptive mode.
"""
