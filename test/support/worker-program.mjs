/**
 * A process with a runner of its own, driven by its parent: each message names a method of the runner and is answered with
 * what that answered. What its jobs do is appended to a file, line by line, so that it outlives the process.
 *
 * argv[2]: { url, record, queues?, start?, stuckLimit?, isNotifying? }
 */

import { existsSync, openSync, writeSync } from 'node:fs'

import { createRunner, currentJob, job } from 'millrace'

const { url, record, queues, start, stuckLimit, isNotifying } = JSON.parse(process.argv[2] ?? '{}')
const file = openSync(record, 'a')

/** One line, appended whole: it is there even when the process is killed in the next moment. */
function note(kind, rest = {}) {
  const { id, attempt } = currentJob()
  writeSync(file, `${JSON.stringify({ kind, id, attempt, pid: process.pid, at: Date.now(), ...rest })}\n`)
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

const work = {
  async run(ms = 0, value = null) {
    note('start')
    if (ms > 0) await sleep(ms)
    note('end')
    return value
  },
  /** Runs until it is told to stop. */
  hold: job({ timeout: '1h' }, async () => {
    note('start')
    const { signal } = currentJob()
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    note('aborted', { reason: String(signal.reason?.message) })
    throw signal.reason
  }),
  /** Runs for ever, whatever it is told. */
  never: job({ timeout: '1h' }, async () => {
    note('start')
    await new Promise(() => {})
  }),
  die: job({ maxAttempts: 10 }, async () => {
    note('start')
    process.kill(process.pid, 'SIGKILL')
    await new Promise(() => {})
  }),
  exit: job({ maxAttempts: 10 }, () => {
    note('start')
    process.exit(0)
  }),
  /** Fails while the file beside the record that is named `.down` is there, and hangs while the one named `.hang` is. */
  flaky: job({ maxAttempts: 10, backoff: { base: 50, max: 50 } }, async () => {
    note('start')
    if (existsSync(`${record}.down`)) throw new Error('the dependency is down')
    while (existsSync(`${record}.hang`)) await sleep(20)
    note('end')
  }),
  block(ms) {
    note('start')
    const end = performance.now() + ms
    while (performance.now() < end);
    note('end')
  },
  /** Exits after a while, in code that runs on after an await and a callback. */
  async exitLater(code) {
    note('start')
    await sleep(400)
    setImmediate(() => process.exit(code))
    await new Promise(() => {})
  },
  async throwLater() {
    note('start')
    await sleep(400)
    setTimeout(() => {
      throw new TypeError('thrown in a timer')
    }, 1)
    await new Promise(() => {})
  },
  /** Leaves a rejected promise behind and goes on until it is told to stop. */
  async stray() {
    note('start')
    const { signal } = currentJob()
    void sleep(1).then(() => Promise.reject(new TypeError('nobody awaits this')))
    await new Promise((resolve) => signal.addEventListener('abort', resolve))
    note('aborted', { reason: String(signal.reason?.message) })
    return 'returned all the same'
  },
  detachedRejection() {
    note('start')
    void Promise.reject(new Error('nobody awaits this'))
    return 'returned'
  },
}

const durability = url.startsWith('sqlite:') ? 'process' : undefined
/** Writes the dead letter down, and hangs while the file beside the record that is named `.hang` is there. */
async function onDeadLetter({ id, attempt }) {
  const line = { kind: 'notice', id, attempt, pid: process.pid, at: Date.now() }
  writeSync(file, `${JSON.stringify(line)}\n`)
  while (existsSync(`${record}.hang`)) await sleep(20)
}

const notifying = isNotifying ? { onDeadLetter } : {}
const runner = createRunner({ database: url, durability, jobs: { work }, queues, stuckLimit, ...notifying })
for (const name of [
  'node:start',
  'node:fenced',
  'node:rescue',
  'job:stale',
  'store:error',
  'queue:crash',
  'job:stuck',
  'node:stuck',
  'breaker:open',
  'breaker:half-open',
  'breaker:close',
  'notice:stop',
]) {
  runner.on(name, (payload) => {
    const shown = payload.error instanceof Error ? { error: payload.error.message } : payload
    process.send?.({ event: name, payload: shown, at: Date.now() }, () => {})
  })
}

process.on('message', (message) => void answer(message))

async function answer({ call, method, args }) {
  // Code that is of no job.
  if (method === 'reject') return void Promise.reject(new Error('of the program itself'))
  if (method === 'exit') return process.exit(...args)
  try {
    process.send({ call, answer: await runner[method](...args) }, () => {})
  } catch (error) {
    process.send({ call, error: { code: error.code, message: error.message } }, () => {})
  }
}
process.on('disconnect', () => process.exit(0))

if (start !== undefined) await runner.start(start)
process.send({ ready: true, at: Date.now() })
