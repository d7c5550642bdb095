"""
The peers of a topic: announcements, look-ups, and the nodes that keep announcements.
"""
