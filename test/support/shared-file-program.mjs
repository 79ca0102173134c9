/**
 * A process that hammers one database file from two sides: user transactions on its own connections, and the store's thread
 * behind a runner. Each transaction enqueues a job and notes its id in a table of the user's; some are rolled back. Half of
 * the jobs write their effect and their own end in one transaction. Ends when no job is left.
 *
 * argv[2]: { path, engine: 'better-sqlite3' | 'own', transactions }
 */

import { createRequire } from 'node:module'

import { createRunner, currentJob } from 'millrace'

const { path, engine, transactions } = JSON.parse(process.argv[2] ?? '{}')
const require = createRequire(import.meta.url)

/** The class of the user's connections. Loaded before the runner touches the database, as a program does that imports it. */
const Connection =
  engine === 'better-sqlite3'
    ? require('better-sqlite3')
    : require((await import('../../dist/store/sqlite/load-engine.js')).loadEngine().name).DatabaseSync

function connect() {
  const db = new Connection(path)
  db.exec('pragma busy_timeout = 20000; pragma journal_mode = wal; pragma synchronous = normal')
  return db
}

const user = connect()
const jobs = connect()
let turn = Promise.resolve()

/** One transaction at a time: a second connection of this thread would wait for the first, which waits for the thread. */
function inTurn(use) {
  const mine = turn.then(use)
  turn = mine.catch(() => {})
  return mine
}

const work = {
  async charge(number) {
    const { id, complete } = currentJob()
    if (number % 2 === 0) {
      jobs.prepare('insert into effect values (?, ?)').run(id, number)
      return number
    }
    await inTurn(async () => {
      jobs.exec('begin immediate')
      try {
        jobs.prepare('insert into effect values (?, ?)').run(id, number)
        await complete(jobs, number)
        jobs.exec('commit')
      } catch (error) {
        jobs.exec('rollback')
        throw error
      }
    })
    return number
  },
}

const runner = createRunner({
  database: `sqlite:${path}`,
  durability: 'process',
  jobs: { work },
  queues: { default: { concurrency: 8 } },
})
const problems = []
runner.on('job:exception', ({ error }) => problems.push(error.message))
runner.on('job:stale', ({ id }) => problems.push(`stale: ${id}`))
runner.on('store:error', ({ error }) => problems.push(String(error)))

user.exec(
  'create table if not exists sent (id text, number integer); create table if not exists effect (id text, number integer)',
)
await runner.start()

for (let number = 0; number < transactions; number++) {
  // Every third reads or writes nothing before the job: the enqueue itself must get the lock in a deferred transaction.
  user.exec(number % 3 === 0 ? 'begin' : 'begin immediate')
  const { id } = runner.enqueueSync(work.charge, [number], { tx: user })
  user.prepare('insert into sent values (?, ?)').run(id, number)
  user.exec(number % 7 === 0 ? 'rollback' : 'commit')
  if (number % 5 === 0) {
    const handle = runner.enqueueSync(work.charge, [number], { tx: user })
    user.prepare('insert into sent values (?, ?)').run(handle.id, number)
  }
  if (number % 11 === 0) {
    const handle = await runner.enqueue(work.charge, [number])
    user.prepare('insert into sent values (?, ?)').run(handle.id, number)
  }
  // Lets the runner's own side have its turn.
  await new Promise((resolve) => setImmediate(resolve))
}

for (;;) {
  const [queue] = await runner.queues()
  if (queue === undefined || queue.depth + queue.scheduled + queue.running === 0) break
  await new Promise((resolve) => setTimeout(resolve, 20))
}
await runner.close()
for (const db of [user, jobs]) db.close()
process.stdout.write(JSON.stringify({ problems }))
