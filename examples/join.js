'use strict'

// A JavaScript node that joins a network of Python nodes, stores a value there and finds it again.
//
//     npm install dht-rpc@2.3.0
//     node examples/join.js [BOOTSTRAP] [VALUE]

const crypto = require('crypto')
const dht = require('dht-rpc')

const [bootstrap = '127.0.0.1:10001', text = 'hello from JavaScript'] = process.argv.slice(2)
const value = Buffer.from(text)
const key = sha256(value)
const values = new Map()

const node = dht({ bootstrap: [bootstrap] })

// This node keeps values for others, as the Python nodes do.
node.on('update:values', function (query, callback) {
  if (query.value) values.set(sha256(query.value).toString('hex'), query.value)
  callback()
})

node.on('query:values', function (query, callback) {
  callback(null, values.get(query.target.toString('hex')))
})

node.ready(function () {
  console.log('joined, with %d contacts', node.nodes.count())
  node.update({ command: 'values', target: key, value: value }, function (error, replies) {
    if (error) throw error
    console.log('stored %s on %d nodes', key.toString('hex'), replies.length)
    find()
  })
})

function find () {
  let found = false
  const stream = node.query({ command: 'values', target: key })
  stream.on('data', function (reply) {
    if (found || !reply.value || !sha256(reply.value).equals(key)) return
    found = true
    console.log('found "%s" on %s:%d', reply.value, reply.node.host, reply.node.port)
    stream.destroy()
    node.destroy()
  })
  stream.on('end', function () {
    if (!found) throw new Error('the value was not found')
  })
}

function sha256 (bytes) {
  return crypto.createHash('sha256').update(bytes).digest()
}
