/**
 * The producer: enqueues the planned jobs at their times. Before each it writes down what it intends, after it that it was
 * confirmed. When it was killed, its successor reads that and enqueues again, under the same ids, what nobody confirmed.
 *
 * argv[2]: { build, url, journal, workload, startedAt }. Calls of the harness, { call, method, args }, go to the runner.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'

import { openEffects } from './effects.mjs'
import { makeJobs } from './jobs.mjs'
import { openJournal } from './journal.mjs'

const { build, url, journal, workload, startedAt } = JSON.parse(process.argv[2] ?? '{}')
const earlier = existsSync(journal)
  ? readFileSync(journal, 'utf8')
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line))
  : []
const confirmed = new Set(earlier.filter(({ kind }) => kind === 'confirmed').map(({ job }) => job))
const note = openJournal(journal)
note('hello')

const millrace = await import(pathToFileURL(join(build, 'index.js')).href)
const jobs = makeJobs({ millrace, note, effects: undefined, passed: () => {} })
const runner = millrace.createRunner({ database: url, jobs })
const transactions = openEffects(url, build)

process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'))
process.on('message', ({ call, method, args }) => {
  runner[method](...args).then(
    (answer) => process.send({ call, answer }),
    (error) => process.send({ call, error: { code: error.code, message: error.message } }),
  )
})
for (const event of ['unhandledRejection', 'uncaughtException']) {
  process.on(event, (error) => {
    note('fatal', { event, message: String(error?.stack ?? error).slice(0, 2_000) })
    process.exit(70)
  })
}

/** Until it is confirmed: an enqueue of unknown outcome is repeated with the same id. */
async function enqueue({ id, name, args, options, isInTransaction }) {
  note('intent', { job: id, name })
  for (;;) {
    try {
      if (isInTransaction) {
        await transactions.transaction(
          async ({ handle }) => void (await runner.enqueue(name, args, { ...options, id, tx: handle })),
        )
      } else await runner.enqueue(name, args, { ...options, id })
      return note('confirmed', { job: id })
    } catch (error) {
      note('unconfirmed', { job: id, code: error.code, message: String(error.message).slice(0, 200) })
      await sleep(200)
    }
  }
}

process.send({ ready: true })
if (workload !== undefined) {
  const waiting = JSON.parse(readFileSync(workload, 'utf8')).filter(({ id }) => !confirmed.has(id))
  const underWay = new Set()
  while (waiting.length > 0) {
    const now = Date.now() - startedAt
    while (waiting.length > 0 && waiting[0].atMs <= now && underWay.size < 16) {
      const job = waiting.shift()
      // On SQLite the process has one connection for its transactions.
      if (job.isInTransaction && !transactions.mayWait) {
        await enqueue(job)
        continue
      }
      const one = enqueue(job).finally(() => underWay.delete(one))
      underWay.add(one)
    }
    await sleep(10)
  }
  await Promise.all(underWay)
  note('done')
  process.send({ done: true })
}
