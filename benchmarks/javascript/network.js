'use strict'

// A network of nodes of dht-rpc in one process, with the commands of processes/network.py.

const crypto = require('crypto')
const dgram = require('dgram')
const dht = require('dht-rpc')
const { LOCAL_HOST, answerCalls, cpuSeconds, memoryBytes } = require('./calls')

// The pause after a network is built, in milliseconds; the same as in processes/network.py.
const SETTLING = 500

const keyOf = (value) => crypto.createHash('sha256').update(value).digest()
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds))

class Member {
  constructor (socket, options) {
    this.dht = dht({ socket, ...options })
    this.store = new Map()
    this.dht.on('query:note', (query, callback) => callback())
    this.dht.on('update:note', (query, callback) => callback())
    this.dht.on('query:values', (query, callback) => {
      callback(null, this.store.get(query.target.toString('hex')))
    })
    this.dht.on('update:values', (query, callback) => {
      if (query.value && keyOf(query.value).equals(query.target)) {
        this.store.set(query.target.toString('hex'), query.value)
      }
      callback()
    })
  }

  ready () {
    return new Promise((resolve) => this.dht.ready(resolve))
  }

  holds (key) {
    return this.store.has(key.toString('hex'))
  }

  collect (kind, query) {
    const stream = this.dht[kind](query)
    return new Promise((resolve, reject) => {
      stream.on('data', () => {})
      stream.on('error', reject)
      stream.on('end', () => resolve(stream))
    })
  }

  find (key) {
    const stream = this.dht.query({ command: 'values', target: key })
    return new Promise((resolve, reject) => {
      stream.on('data', ({ value }) => {
        if (value && keyOf(value).equals(key)) {
          stream.destroy()
          resolve(true)
        }
      })
      stream.on('error', reject)
      stream.on('end', () => resolve(false))
    })
  }
}

async function listen (options) {
  const socket = dgram.createSocket('udp4')
  await new Promise((resolve) => socket.bind(0, LOCAL_HOST, resolve))
  count(socket)
  const member = new Member(socket, options)
  await member.ready()
  return member
}

const members = []
const sent = { datagrams: 0, bytes: 0 }

// Count the datagrams that a socket sends. dht-rpc calls send(buffer, offset, length, ...).
function count (socket) {
  const send = socket.send
  socket.send = (buffer, offset, length, ...rest) => {
    sent.datagrams++
    sent.bytes += length
    return send.call(socket, buffer, offset, length, ...rest)
  }
}

async function time (operations, run) {
  const latencies = []
  let outcome = 0
  const cpu = cpuSeconds()
  for (const operation of operations) {
    const start = process.hrtime.bigint()
    outcome += Number(await run(...operation))
    latencies.push(Number(process.hrtime.bigint() - start) / 1e9)
  }
  return { cpu: cpuSeconds() - cpu, latencies, outcome: outcome / operations.length }
}

answerCalls({
  async build ({ ids }) {
    global.gc()
    const before = memoryBytes('VmRSS')
    const cpu = cpuSeconds()
    const { dht } = await listen({ ephemeral: true })
    const bootstrap = [`${LOCAL_HOST}:${dht.address().port}`]
    for (const id of ids) members.push(await listen({ bootstrap, id: Buffer.from(id, 'hex') }))
    await sleep(SETTLING)
    const spent = cpuSeconds() - cpu
    global.gc()
    return { cpu: spent, before, after: memoryBytes('VmRSS'), peak: memoryBytes('VmHWM') }
  },

  async idle ({ seconds }) {
    const cpu = cpuSeconds()
    await sleep(seconds * 1000)
    return cpuSeconds() - cpu
  },

  async traffic ({ seconds }) {
    const before = { ...sent }
    await sleep(seconds * 1000)
    return { datagrams: sent.datagrams - before.datagrams, bytes: sent.bytes - before.bytes }
  },

  contacts () {
    return members.reduce((sum, { dht }) => sum + dht.toArray().length, 0) / members.length
  },

  query: ({ operations }) => time(operations, async (asker, target) => {
    const query = { command: 'note', target: Buffer.from(target, 'hex') }
    return (await members[asker].collect('query', query)).responses
  }),

  update: ({ operations }) => time(operations, async (asker, target) => {
    const query = { command: 'note', target: Buffer.from(target, 'hex'), value: Buffer.from('note') }
    return (await members[asker].collect('update', query)).commits
  }),

  put: ({ operations }) => time(operations, async (asker, hex) => {
    const value = Buffer.from(hex, 'hex')
    const key = keyOf(value)
    await members[asker].collect('update', { command: 'values', target: key, value })
    return members.filter((member) => member.holds(key)).length
  }),

  get: ({ operations }) => time(operations, (askers, hex) => {
    const key = keyOf(Buffer.from(hex, 'hex'))
    return members[askers.find((number) => !members[number].holds(key))].find(key)
  })
})
