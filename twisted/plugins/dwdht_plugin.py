from twisted.application.service import ServiceMaker

dwdht = ServiceMaker(
    "dwdht",
    "dwdht_twisted._cli.tap",
    "A node of a Kademlia DHT on which any command can be an RPC.",
    "dwdht",
)
