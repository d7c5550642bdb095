'use strict'

// The process's side of benchmarks/child.py: each line of JSON on stdin is a call, and a line on
// stdout is its answer. The process ends when stdin ends.

const fs = require('fs')
const readline = require('readline')

async function answer (commands, line) {
  const { command, ...options } = JSON.parse(line)
  try {
    return { result: (await commands[command](options)) ?? null }
  } catch (error) {
    return { error: error.message }
  }
}

exports.answerCalls = (commands) => {
  const input = readline.createInterface({ input: process.stdin })
  input.on('line', async (line) => {
    process.stdout.write(JSON.stringify(await answer(commands, line)) + '\n')
  })
  input.on('close', () => process.exit())
}

// The user and system CPU time of all threads of this process, in seconds.
exports.cpuSeconds = () => {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1e6
}

// A field of /proc/self/status, in bytes.
exports.memoryBytes = (field) => {
  const status = fs.readFileSync('/proc/self/status', 'utf8')
  return Number(new RegExp(`^${field}:\\s*(\\d+) kB`, 'm').exec(status)[1]) * 1024
}

exports.LOCAL_HOST = '127.0.0.1'
