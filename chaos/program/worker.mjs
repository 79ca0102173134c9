/**
 * A worker of the fleet: a runner of the build under test, which tells its journal what it does and kills itself where it is
 * told to. It ends with the harness.
 *
 * argv[2]: { build, url, journal, queues, serves, bootId?, skewMs? }
 */

import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { openEffects } from './effects.mjs'
import { makeJobs } from './jobs.mjs'
import { openJournal } from './journal.mjs'

const { build, url, journal, queues, serves, bootId, skewMs } = JSON.parse(process.argv[2] ?? '{}')
const note = openJournal(journal)
note('hello')

// Another boot is another machine: nobody can look whether a process of it still lives.
if (bootId !== undefined) {
  const read = fs.readFileSync
  fs.readFileSync = (path, ...rest) => (path === '/proc/sys/kernel/random/boot_id' ? bootId : read(path, ...rest))
  syncBuiltinESMExports()
}
if (skewMs !== undefined) {
  const now = Date.now
  Date.now = () => now() + skewMs
}

/** Where the code's own trace passes a named crash point; those with `isLater` lie in what the code does next. */
const TRACED = {
  'job-producer.jobs': { point: 'after-claim' },
  'job-consumer.jobs': { point: 'before-start' },
  'job-acker.finished': { point: 'before-ack' },
  'ack-writer.flush': { point: 'mid-flush', isLater: true },
  'rescuer.rescue': { point: 'during-rescue', isLater: true },
}

let armed
const naps = new Set()
process.on('message', (message) => {
  if (message.arm !== undefined) armed = message.arm
  else tellWhenBusy()
})
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))

function passed(point) {
  if (armed !== point) return
  note('crash', { point })
  process.kill(process.pid, 'SIGKILL')
}

/** A process that is stopped while nothing is about to end in it has nothing to say when it wakes. */
function tellWhenBusy() {
  if (naps.size > 0) process.send({ busy: true })
  else setTimeout(tellWhenBusy, 10)
}

const trace = {
  point(name) {
    const place = TRACED[name]
    if (place === undefined || armed !== place.point) return
    if (place.isLater === true) setTimeout(() => passed(place.point), Math.random() * 4)
    else passed(place.point)
  },
}

for (const event of ['unhandledRejection', 'uncaughtException']) {
  process.on(event, (error) => {
    note('fatal', { event, message: String(error?.stack ?? error).slice(0, 2_000) })
    process.exit(70)
  })
}

const millrace = await import(pathToFileURL(join(build, 'index.js')).href)
const effects = openEffects(url, build)
const runner = millrace.createRunner({
  database: url,
  jobs: makeJobs({ millrace, note, effects, passed, naps }),
  queues,
  host: { trace },
})
runner.on('job:stale', ({ id, attempt }) => note('stale', { job: id, attempt }))
runner.on('node:start', ({ node }) => note('node', { node }))
runner.on('node:fenced', ({ node }) => note('fenced', { node }))
runner.on('node:rescue', ({ node, requeued, failed, cancelled }) =>
  note('rescue', { node, requeued, failed, cancelled }),
)
runner.on('store:error', ({ error }) =>
  note('store-error', { code: error?.code, message: String(error?.message).slice(0, 200) }),
)

process.once('SIGTERM', () => {
  note('term')
  void runner.stop({ timeout: '500ms' }).then(
    () => {
      note('stopped')
      process.exit(0)
    },
    (error) => {
      note('stop-failed', { message: String(error?.stack ?? error) })
      process.exit(71)
    },
  )
})

// A database that is away when a worker starts is away for a moment.
for (;;) {
  try {
    await runner.start({ queues: serves })
    break
  } catch (error) {
    note('start-failed', { code: error?.code, message: String(error?.message).slice(0, 200) })
    await new Promise((resolve) => setTimeout(resolve, 250))
  }
}
note('ready')
process.send?.({ ready: true })
