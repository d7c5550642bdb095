'use strict'

// Loaded before dht-rpc's own test.js, this replaces each bootstrap node of the suite by a Python
// node. A connection to the port in DWDHT_BOOTSTRAP_PORT stands for one such node. The Python side
// starts the node, writes the node's UDP port as a line, and destroys the node when the connection
// ends. All other nodes of the suite are unchanged.

const Module = require('module')
const net = require('net')
const path = require('path')

const suite = path.join(__dirname, 'node_modules', 'dht-rpc', 'test.js')
const load = Module._load

class BootstrapNode {
  listen (done) {
    this.connection = net.connect(Number(process.env.DWDHT_BOOTSTRAP_PORT), '127.0.0.1')
    this.connection.setEncoding('utf8').once('data', (line) => {
      this.port = Number(line)
      done()
    })
  }

  address () {
    return { port: this.port }
  }

  destroy () {
    this.connection.end()
  }
}

Module._load = function (request, parent, ...rest) {
  const loaded = load.call(this, request, parent, ...rest)
  if (request !== './' || !parent || parent.filename !== suite) return loaded
  return (options) => options.ephemeral && !options.bootstrap ? new BootstrapNode() : loaded(options)
}
