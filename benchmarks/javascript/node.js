'use strict'

// One node of dht-rpc, which serves requests.

const dgram = require('dgram')
const dht = require('dht-rpc')
const { LOCAL_HOST, answerCalls, cpuSeconds } = require('./calls')

const socket = dgram.createSocket('udp4')
const node = dht({ socket })
const echo = (query, callback) => callback(null, query.value)
node.on('query:echo', echo)
node.on('update:echo', echo)

answerCalls({
  start: () => new Promise((resolve) => {
    socket.bind(0, LOCAL_HOST, () => resolve(socket.address().port))
  }),
  cpu: cpuSeconds,
  contacts: () => node.toArray().length
})
