"""
Peers find each other under a topic.  This package uses only the public API of a node.

The command is ``peers``, that of npm's ``hyperdht@1.3.0``.  A topic is 32 bytes, or a text whose
SHA-256 is taken.  A peer announces a port under a topic.  The 20 nodes closest to the topic keep
the announcement for six minutes, and name the peer to all that look the topic up.

* `topics`: `topicOf` and `readTopic`, the 32 bytes of a topic.
* `client`: `announce`, `unannounce` and `lookUp`, for a node that is a peer or looks for peers.
* `stream`: `PeerStream`, the peers that a look-up finds, and `Peer`.
* `announcer`: `Announcer`, a service that keeps a port announced.
* `handler`: `PeerHandler`, for a node that keeps announcements for others.
* `announcements`: what such a node keeps.  `bounds` has the limits of that, and `record` its form
  in a file.
* `messages`: the form of requests and answers in bytes.
"""

from .announcer import Announcer
from .client import Announced, announce, lookUp, unannounce
from .handler import PeerHandler
from .messages import COMMAND
from .stream import Peer, PeerStream
from .topics import readTopic, topicOf

__all__ = [
    "COMMAND",
    "Announced",
    "Announcer",
    "Peer",
    "PeerHandler",
    "PeerStream",
    "announce",
    "lookUp",
    "readTopic",
    "topicOf",
    "unannounce",
]
