// The library @segment/analytics-node as a process: one JSON document a line in, one out.
//
// At first {url, key, flushAt}, then {calls: [[method, parameters], ...]} and at the end {close: true}.
// Each answer says what the library has told since: messageIds of delivered calls, and errors.
'use strict'

const readline = require('node:readline')
const { Analytics } = require('@segment/analytics-node')

async function main () {
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  const { url, key, flushAt } = JSON.parse((await lines.next()).value)
  const analytics = new Analytics({ writeKey: key, host: url, flushAt, flushInterval: 200 })
  let told = { delivered: [], errors: [] }
  analytics.on('error', (error) => told.errors.push(String(error.reason ?? error.code)))
  say(told)
  for await (const line of lines) {
    const { calls, close } = JSON.parse(line)
    for (const [method, parameters] of calls ?? []) {
      analytics[method](parameters, (error, context) => {
        if (error) told.errors.push(String(error))
        else told.delivered.push(context.event.messageId)
      })
    }
    if (close) {
      await analytics.closeAndFlush()
    }
    say(told)
    told = { delivered: [], errors: [] }
  }
}

function say (value) {
  process.stdout.write(JSON.stringify(value) + '\n')
}

main()
