'use strict'

// Runs nodes of dht-rpc, and of hyperdht, for the tests of the Python side.
//
// A line on stdin is a call, {"call": number, "command": name, ...arguments}. A line on stdout is
// its answer, {"call": number, "result": ...} or {"call": number, "error": text}, or the report of
// an uncaught exception, {"exception": text}. Bytes are hexadecimal text. A node is named by the
// number that "start" returned for it. The process ends when stdin is closed.

const crypto = require('crypto')
const dgram = require('dgram')
const readline = require('readline')
const dht = require('dht-rpc')
const hyperdht = require('hyperdht')
const messages = require('dht-rpc/messages')

const LOCAL_HOST = '127.0.0.1'

const toBytes = (hex) => hex === null || hex === undefined ? null : Buffer.from(hex, 'hex')
const toHex = (bytes) => bytes ? bytes.toString('hex') : null

class Node {
  constructor (socket, { bootstrap = [], ephemeral = false, id = null, hyper = false }) {
    const settings = { socket, bootstrap, ephemeral, id: toBytes(id) }
    // hyperdht adds the command 'peers' to a node of dht-rpc.
    this.hyper = hyper ? hyperdht(settings) : null
    this.dht = hyper ? this.hyper.dht : dht(settings)
    this.values = new Map()
    this.counts = { queries: 0, updates: 0, relayed: 0, punched: 0, warnings: 0 }

    const warn = () => { this.counts.warnings++ }
    for (const emitter of [this.dht, this.dht.socket]) {
      emitter.on('error', warn)
      emitter.on('warning', warn)
    }
    this.dht.on('holepunch', () => { this.counts.relayed++ })
    this.dht.socket.on('request', (request) => {
      if (request.forwardResponse) this.counts.punched++
    })
    // An update that takes a second, as one that writes to a slow disk does.
    this.handle('slow', (query) => query.value, (query) => query.value, 1000)
    this.handle('echo', (query) => query.value, (query) => query.value)
    this.handle('values', (query) => this.values.get(toHex(query.target)), (query) => this.store(query))
  }

  handle (command, onquery, onupdate, milliseconds = 0) {
    const answer = (handler, query, callback) => {
      try {
        callback(null, handler(query))
      } catch (error) {
        callback(error)
      }
    }
    this.dht.on('query:' + command, (query, callback) => {
      this.counts.queries++
      answer(onquery, query, callback)
    })
    this.dht.on('update:' + command, (query, callback) => {
      this.counts.updates++
      if (milliseconds) setTimeout(answer, milliseconds, onupdate, query, callback)
      else answer(onupdate, query, callback)
    })
  }

  store (query) {
    const key = crypto.createHash('sha256').update(query.value || '').digest()
    if (!key.equals(query.target)) throw new Error('the key is not the hash of the value')
    this.values.set(toHex(key), query.value)
    return null
  }

  ready () {
    return new Promise((resolve) => this.dht.ready(resolve))
  }

  run (kind, { name, target, value, nodes, ...options }) {
    const query = { command: name, target: toBytes(target), value: toBytes(value) }
    if (nodes) options.nodes = nodes.map(([host, port]) => ({ host, port }))
    return collect(this.dht[kind](query, options), ({ node, value }) => ({ ...contact(node), value: toHex(value) }))
  }
}

function collect (stream, describe) {
  const collected = []
  return new Promise((resolve, reject) => {
    stream.on('data', (reply) => collected.push(describe(reply)))
    stream.on('error', reject)
    stream.on('end', () => resolve(collected))
  })
}

// The replies to a call of hyperdht, each with the node that gave it and the peers that it named.
function peers ({ node, peers, localPeers }) {
  const addresses = (list) => (list || []).map(({ host, port }) => [host, port])
  return { node: contact(node), peers: addresses(peers), local: addresses(localPeers) }
}

function contact ({ id, host, port }) {
  return { id: toHex(id), host, port }
}

function bind (port) {
  const socket = dgram.createSocket('udp4')
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    socket.bind(port, LOCAL_HOST, () => {
      socket.removeListener('error', reject)
      resolve(socket)
    })
  })
}

// Accepts datagrams only from addresses that the socket has sent to, like a NAT that filters by
// address and port.
function putBehindNat (socket) {
  const { send, emit } = socket
  const opened = new Set()
  socket.send = function (message, offset, length, port, host, ...rest) {
    opened.add(host + ':' + port)
    return send.call(socket, message, offset, length, port, host, ...rest)
  }
  socket.emit = function (event, ...rest) {
    if (event === 'message') {
      const { address, port } = rest[1]
      if (!opened.has(address + ':' + port)) return false
    }
    return emit.call(socket, event, ...rest)
  }
}

const nodes = []

const commands = {
  // Nodes join one after the other, so that each one finds all earlier nodes.
  async start ({ count = 1, port = 0, nat = false, ...options }) {
    const started = []
    while (started.length < count) {
      const socket = await bind(port)
      if (nat) putBehindNat(socket)
      const node = new Node(socket, options)
      nodes.push(node)
      await node.ready()
      const { id, ephemeral } = node.dht
      const description = contact({ id, host: LOCAL_HOST, port: socket.address().port })
      started.push({ ...description, ephemeral, node: nodes.length - 1 })
    }
    return started
  },

  query: ({ node, ...query }) => nodes[node].run('query', query),

  update: ({ node, ...query }) => nodes[node].run('update', query),

  ping: ({ node, address: [host, port] }) => new Promise((resolve, reject) => {
    nodes[node].dht.ping({ host, port }, (error, seen, peer) => {
      if (error) reject(error)
      else resolve({ contact: contact(peer), address: seen })
    })
  }),

  holepunch: ({ node, peer, referrer }) => new Promise((resolve, reject) => {
    const toAddress = ([host, port]) => ({ host, port })
    nodes[node].dht.holepunch(toAddress(peer), toAddress(referrer), (error, response, from) => {
      if (error) return reject(error)
      const seen = response.value
      const address = { host: [...seen.subarray(0, 4)].join('.'), port: seen.readUInt16BE(4) }
      resolve({ contact: contact({ id: response.id, ...from }), address })
    })
  }),

  announce: ({ node, topic, ...options }) => (
    collect(nodes[node].hyper.announce(toBytes(topic), options), peers)
  ),

  unannounce: ({ node, topic, ...options }) => new Promise((resolve, reject) => {
    nodes[node].hyper.unannounce(toBytes(topic), options, (error) => error ? reject(error) : resolve())
  }),

  lookup: ({ node, topic, ...options }) => (
    collect(nodes[node].hyper.lookup(toBytes(topic), options), peers)
  ),

  contacts: ({ node }) => nodes[node].dht.toArray().map(contact),

  counts: ({ node }) => nodes[node].counts,

  holders: ({ key }) => nodes.filter((node) => node.values.has(key)).map((node) => toHex(node.dht.id)),

  encode: ({ messages: given }) => given.map(({ type, command, ...fields }) => {
    const message = command === undefined ? {} : { command }
    for (const [name, value] of Object.entries(fields)) message[name] = toBytes(value)
    return toHex(messages[type].encode(message))
  }),

  decode: ({ messages: given }) => given.map(({ type, body }) => {
    const message = messages[type].decode(toBytes(body))
    return Object.fromEntries(Object.entries(message).map(([name, value]) => (
      [name, Buffer.isBuffer(value) ? toHex(value) : value]
    )))
  }),

  destroy: ({ node }) => { nodes[node].dht.destroy() }
}

function say (line) {
  process.stdout.write(JSON.stringify(line) + '\n')
}

async function onLine (line) {
  const { call, command, ...options } = JSON.parse(line)
  try {
    const result = await commands[command](options)
    say({ call, result: result === undefined ? null : result })
  } catch (error) {
    say({ call, error: error.message })
  }
}

process.on('uncaughtException', (error) => say({ exception: error.stack }))
readline.createInterface({ input: process.stdin }).on('line', onLine).on('close', () => process.exit())
