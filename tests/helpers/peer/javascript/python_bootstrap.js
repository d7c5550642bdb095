'use strict'

// Loaded before dht-rpc's own test.js: each bootstrap node that the suite makes for itself is then
// one of ours. A connection to the port in DWDHT_BOOTSTRAP_PORT stands for a node: the other side
// starts it, writes its UDP port as a line, and destroys it when the connection ends. Every other
// node of the suite stays what it was.

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
