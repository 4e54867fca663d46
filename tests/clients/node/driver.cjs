// The SDK @adobe/aio-lib-customer-profile as a process: one JSON document a line in, one out.
//
// At first {url, tenant, org, key, token, sandbox}, then calls {name, parameters, body}. Only the
// host is another one than the SDK's own. Calls without a body are its methods. Its methods cannot
// carry a body (3.0.2 sends the one it was initialised with, `{}`, until its first GET takes even
// that away), so calls that have one go through the client and the options it is made of.
'use strict'

const readline = require('node:readline')
const { camelCase } = require('change-case')
const spec = require('@adobe/aio-lib-customer-profile/spec/api.json')
const library = require('@adobe/aio-lib-customer-profile')

const RESERVED = ['get', 'post', 'put', 'delete', 'cancel', 'patch', 'getMany', 'getById']

function operations () {
  const found = {}
  for (const [path, methods] of Object.entries(spec.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const plain = `${method}_${path.split('/').slice(1).join('_')}`
      const own = operation.operationId && !RESERVED.includes(operation.operationId)
      const name = own ? operation.operationId : camelCase(plain)
      found[name] = { method: method.toUpperCase(), path, tag: operation.tags[0], id: operation.operationId || plain }
    }
  }
  return found
}

async function answered (client, { name, parameters, body }) {
  if (body === undefined || body === null) {
    return client[name](parameters)
  }
  const { tag, id } = operations()[name]
  const sent = { 'Content-Type': 'application/json', ...client.__createRequiredParams(), ...parameters }
  return client.sdk.apis[tag][id](sent, client.__createRequestOptions({ body }))
}

async function main () {
  const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
  const { url, tenant, org, key, token, sandbox } = JSON.parse((await lines.next()).value)
  spec.servers[0].url = url + new URL(spec.servers[0].url).pathname
  const client = await library.init(tenant, org, key, token, sandbox)
  say({ operations: operations() })
  for await (const line of lines) {
    try {
      const response = await answered(client, JSON.parse(line))
      say({ status: response.status, body: response.body ?? null, text: String(response.text ?? '') })
    } catch (error) {
      const response = error.response ?? {}
      say({ status: response.status ?? 0, body: response.body ?? null, error: String(error.message) })
    }
  }
}

function say (value) {
  process.stdout.write(JSON.stringify(value) + '\n')
}

main()
