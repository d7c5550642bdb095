'use strict'

// A node that joins a network and prints that it has, as twistd dwdht does.

const dgram = require('dgram')
const dht = require('dht-rpc')

const node = dht({ bootstrap: [`127.0.0.1:${process.argv[2]}`], socket: dgram.createSocket('udp4') })
node.ready(() => process.stdout.write('joined the network\n'))
